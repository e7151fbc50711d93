#!/bin/sh
# Lets somebody in again whom staff-off.sh shut out. Twice: nothing more happens.
# usage: staff-on.sh USERNAME
. "$(dirname "$0")/jiazai.sh"
usage $# 1
account=$(staff "$1")
[ "$(printf '%s\n' "$account" | value disabled)" = false ] ||
    account=$(ask POST "/staff/$(printf '%s\n' "$account" | value id)/enable" '{}')
printf '%s\n' "$account" | jq -c '{username, disabled}'
