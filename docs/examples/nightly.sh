#!/bin/sh
# A night's round of a community's administrator 夜间巡检示例: what is late, what has happened, what could not be delivered, and
# the end of the audit chain, all as files of the day. Written from openapi.yaml and docs/ alone, to be made your own.
#
#   JIAZAI      the server; the demonstration when unset
#   JIAZAI_KEY  an API key with repair:export, events:read, webhooks:read, webhooks:write, audit:read and audit:export
#
# Twice in a night: the day's files are written anew, events go on from where they stopped, what was delivered stays so.
# Ends with 0 when all is well, 3 when somebody should look (told on standard error), 2 when it was called wrongly, and with curl's
# code when the server refused (22, its problem document on standard error) or is not there (7).
# usage: nightly.sh FOLDER
set -eu
umask 077
[ $# -eq 1 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
api="${JIAZAI:-http://127.0.0.1:8080}/api/v1"
today=$(date +%F)
folder=$1/$today
mkdir -p "$folder"
worry=0

say() { printf '%s\n' "$*" >&2; }
warn() { say "LOOK: $*"; worry=3; }

# The key must not stand on a command line, where everybody on the machine can read it. What is away or busy for a moment (429, 503)
# is asked again by curl itself, after as long as the server says; into a file, because that is emptied for the next try.
ask() {
    ask_path=$1
    shift
    : >"$folder/.part"
    printf 'header = "Authorization: Bearer %s"\n' "$JIAZAI_KEY" |
        curl -sS --fail-with-body --retry 5 --max-time 600 --config - -o "$folder/.part" "$@" "$api$ask_path" ||
        { ask_code=$?; cat "$folder/.part" >&2; rm -f "$folder/.part"; return $ask_code; }
}

# get PATH prints an answer. Its output is kept before it goes through a pipe, because a pipe would forget a refusal.
get() { ask "$@" && cat "$folder/.part" && rm -f "$folder/.part"; }

# file NAME PATH writes an answer to the day's folder, whole or not at all.
file() { ask "$2" && mv "$folder/.part" "$folder/$1"; }

# 1. What is late, as a table that Excel opens.
file overdue.csv "/repair-tickets.csv?overdue=true&encoding=utf-8-bom"
rows=$(get "/repair-tickets.ndjson?overdue=true")
late=$(printf '%s' "$rows" | grep -c . || true)
[ "$late" -eq 0 ] || warn "$late tickets are late: $folder/overdue.csv"

# 2. What has happened since the last night: the cursor is saved behind the events that it brought.
cursor=$(cat "$1/cursor" 2>/dev/null || true)
touch "$folder/events.ndjson"
while :; do
    page=$(get "/events?limit=100${cursor:+&cursor=$cursor}")
    printf '%s\n' "$page" | jq -c '.items[]' >>"$folder/events.ndjson"
    cursor=$(printf '%s\n' "$page" | jq -r .next_cursor)
    printf '%s\n' "$cursor" >"$1/cursor"
    [ "$(printf '%s\n' "$page" | jq '.items | length')" -eq 100 ] || break
done

# 3. What partners' servers did not take in three days of trying: once more, and told.
resent=0
hooks=$(get /webhooks.ndjson)
for hook in $(printf '%s\n' "$hooks" | jq -r 'select(.state == "active") | .id'); do
    failed=$(get "/webhooks/$hook/deliveries.ndjson?state=failed")
    for delivery in $(printf '%s\n' "$failed" | jq -r .id); do
        get "/deliveries/$delivery/replay" -X POST -H "Idempotency-Key: nightly-$today-$delivery" >/dev/null
        resent=$((resent + 1))
    done
done
for url in $(printf '%s\n' "$hooks" | jq -r 'select(.state != "active") | .url'); do warn "$url is disabled"; done
[ "$resent" -eq 0 ] || warn "$resent deliveries had failed and were sent again"

# 4. Whether the audit log is whole, its end for a place that nobody here can write to, and the refusals of the day.
get /audit-events/verify >"$folder/audit.json"
[ "$(jq -r .intact "$folder/audit.json")" = true ] || warn "the audit chain is broken at $(jq -r .broken_at "$folder/audit.json")"
anchor=$(get /audit-events/anchor)
printf '%s\n' "$anchor" | jq -r 'select(.position != null) | "\(.position) \(.hash) \(.taken_at)"' >>"$1/anchors.txt"
file refusals.csv "/audit-events.csv?result=refused&from=${today}T00:00:00%2B08:00"

# 5. How much of the key is left, and for how long.
get /me/api-key >"$folder/key.json"
ends=$(jq -r '.expires_at // empty' "$folder/key.json")
[ -z "$ends" ] || [ "$(printf '%s\n%s\n' "${ends%%T*}" "$(date -d '+14 days' +%F 2>/dev/null || date -v +14d +%F)" | sort | head -n 1)" != "${ends%%T*}" ] ||
    warn "the key ends on ${ends%%T*}"

say "$today: $late late, $(wc -l <"$folder/events.ndjson" | tr -d ' ') events, $resent sent again"
exit $worry
