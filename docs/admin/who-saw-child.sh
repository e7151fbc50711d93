#!/bin/sh
# Who has looked into a child's application for a school, or done something with it, and when: what the audit log knows, newest
# first. For auditors. Twice: prints the same, and that somebody has asked.
# usage: who-saw-child.sh APPLICATION-ID
. "$(dirname "$0")/jiazai.sh"
usage $# 1
entries=$(all "/audit-events?subject=$1")
printf '%s\n' "$entries" | jq -c '{occurred_at, actor_id, actor_kind, action, result, address}'
