#!/bin/sh
# What is late, as CSV, the oldest first: for the morning's round.
# usage: overdue-tickets.sh COMMUNITY
. "$(dirname "$0")/jiazai.sh"
usage $# 1
place=$(community "$1")
late=$(all "/repair-tickets?community_id=$place&overdue=true")
printf 'id,state,category,title,created_at,worker_id\n'
printf '%s\n' "$late" | jq -rs 'sort_by(.id)[] | [.id, .state, .category, .title, .created_at, .worker_id] | @csv'
