#!/bin/sh
# Who works here and as what, as CSV.
# usage: staff-list.sh COMMUNITY
. "$(dirname "$0")/jiazai.sh"
usage $# 1
place=$(community "$1")
people=$(all "/staff?community_id=$place")
printf 'username,display_name,roles,disabled\n'
printf '%s\n' "$people" | jq -r '[.username, .display_name, ([.roles[].role] | unique | join(" ")), .disabled] | @csv'
