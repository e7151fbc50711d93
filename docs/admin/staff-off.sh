#!/bin/sh
# Shuts somebody out at once, wherever they are signed in; staff-on.sh lets them in again. Twice: nothing more happens.
# usage: staff-off.sh USERNAME
. "$(dirname "$0")/jiazai.sh"
usage $# 1
account=$(staff "$1")
[ "$(printf '%s\n' "$account" | value disabled)" = true ] ||
    account=$(ask POST "/staff/$(printf '%s\n' "$account" | value id)/disable" '{}')
printf '%s\n' "$account" | jq -c '{username, disabled}'
