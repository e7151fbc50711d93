#!/bin/sh
# Imports a file into a community's registry: first a rehearsal that stores nothing, and with `--go`, if the rehearsal found
# no fault, the real thing. Faults are printed as CSV. Twice: what is known is recognised, and nothing changes.
# usage: import.sh [--go] COMMUNITY FILE.csv
. "$(dirname "$0")/jiazai.sh"
usage $# 2
go=
[ "$1" != --go ] || { go=yes; shift; usage $# 2; }
place=$(community "$1")

# upload DRY-RUN prints the job when it is over.
upload() {
    job=$(quoted header "Authorization: Bearer $JIAZAI_TOKEN" | curl -sS --fail-with-body --config - "$API/imports" \
        -F kind=registry -F format=csv -F "community_id=$place" -F "dry_run=$1" -F "file=@$2") || { code=$?; say "$job"; return $code; }
    while :; do
        case $(printf '%s\n' "$job" | value state) in queued | running) sleep 1 ;; *) break ;; esac
        job=$(ask GET "/imports/$(printf '%s\n' "$job" | value id)") || return $?
    done
    printf '%s\n' "$job"
}

job=$(upload true "$2")
if [ "$(printf '%s\n' "$job" | value failed)" != 0 ] || [ "$(printf '%s\n' "$job" | value state)" != succeeded ]; then
    ask GET "/imports/$(printf '%s\n' "$job" | value id)/errors"
    say 'nothing was stored'
    exit 1
fi
[ -z "$go" ] || job=$(upload false "$2")
printf '%s\n' "$job" | jq -c '{state, dry_run, total, created, changed, unchanged, failed}'
