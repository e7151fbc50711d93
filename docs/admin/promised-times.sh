#!/bin/sh
# Sets within how many minutes a category's tickets are accepted, somebody is on site, and the work is done. Tickets keep
# the promise they were made with. Twice: nothing more happens.
# usage: promised-times.sh COMMUNITY CATEGORY ACCEPT ARRIVE RESOLVE
. "$(dirname "$0")/jiazai.sh"
usage $# 5
place=$(community "$1")
category=$(one code "$2" "/repair-categories?community_id=$place")
must "category $2" "$category"
body=$(printf '%s\n' "$category" | jq -c --argjson a "$3" --argjson b "$4" --argjson c "$5" \
    '{name, dispatch, calendar, chargeable, photos_required, active, accept_within_s: ($a * 60), arrive_within_s: ($b * 60), resolve_within_s: ($c * 60)}')
pick '{code, accept_within_s, arrive_within_s, resolve_within_s}' PUT "/repair-categories/$2?community_id=$place" "$body" "If-Match: \"$(printf '%s\n' "$category" | value version)\""
