#!/bin/sh
# What has happened since an instant (RFC 3339), one event a line, oldest first; since this time yesterday when none is given.
# Twice: prints the same, and what has happened in between.
# usage: events-since.sh [INSTANT [TYPES]]
. "$(dirname "$0")/jiazai.sh"
path="/events?limit=100&since=$(jq -rn --arg at "${1-}" '$at | if . == "" then now - 86400 | todate else . end | @uri')&types=${2:-*}"
cursor=
while :; do
    page=$(ask GET "$path$cursor")
    printf '%s\n' "$page" | jq -c '.items[]'
    # A feed has no end: its next cursor leads on to what has not happened yet.
    [ "$(printf '%s\n' "$page" | jq '.items | length')" -eq 100 ] || break
    cursor="&cursor=$(printf '%s\n' "$page" | value next_cursor)"
done
