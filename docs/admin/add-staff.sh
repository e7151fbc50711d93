#!/bin/sh
# Adds an account with one role in one community; prints its id and, this once, its password.
# Twice: prints the id of the one that is there.
# usage: add-staff.sh COMMUNITY USERNAME DISPLAY-NAME ROLE
. "$(dirname "$0")/jiazai.sh"
usage $# 4
found=$(one username "$2" /staff)
if [ -z "$found" ]; then
    place=$(community "$1")
    found=$(ask POST /staff "$(jq -cn --arg place "$place" --arg user "$2" --arg name "$3" --arg role "$4" \
        '{username: $user, display_name: $name, roles: [{role: $role, community_id: $place}]}')")
fi
printf '%s\n' "$found" | jq -r '[.id, .initial_password // empty] | join(" ")'
