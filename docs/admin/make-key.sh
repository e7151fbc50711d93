#!/bin/sh
# Makes an API key for one community and prints it, this once. Twice: refuses, because the name is taken by a living key.
# usage: make-key.sh COMMUNITY NAME SCOPE…
. "$(dirname "$0")/jiazai.sh"
usage $# 3
place=$(community "$1") name=$2
shift 2
found=$(one name "$name" /api-keys)
[ -z "$found" ] || { say "$name has a key; rotate-key.sh makes another one"; exit 1; }
pick .key POST /api-keys "$(jq -cn --arg place "$place" --arg name "$name" '{community_id: $place, name: $name, scopes: $ARGS.positional}' --args "$@")"
