#!/bin/sh
# Adds a community and prints its id. Needs a platform administrator. Twice: prints the id of the one that is there.
# usage: add-community.sh CODE NAME
. "$(dirname "$0")/jiazai.sh"
usage $# 2
found=$(one code "$1" /communities)
[ -n "$found" ] || found=$(ask POST /communities "$(jq -cn --arg code "$1" --arg name "$2" '{code: $code, name: $name}')")
printf '%s\n' "$found" | value id
