#!/bin/sh
# Who waits to be bound to a home, the longest first.
# usage: waiting-bindings.sh COMMUNITY
. "$(dirname "$0")/jiazai.sh"
usage $# 1
place=$(community "$1")
waiting=$(all "/home-bindings?community_id=$place&state=pending")
printf '%s\n' "$waiting" | jq -sc 'sort_by(.id)[] | {id, home_id, relation, created_at}'
