#!/bin/sh
# Gives all tickets that wait for one worker to another, when the first is ill. Twice: there is nothing left to give.
# usage: hand-over.sh FROM-USERNAME TO-USERNAME REASON
. "$(dirname "$0")/jiazai.sh"
usage $# 3
from=$(staff "$1")
from=$(printf '%s\n' "$from" | value id)
to=$(staff "$2")
to=$(printf '%s\n' "$to" | value id)
body=$(jq -cn --arg to "$to" --arg why "$3" '{worker_id: $to, reason: $why}')
tickets=$(all "/repair-tickets?assignee=$from")
for ticket in $(printf '%s\n' "$tickets" | jq -r 'select(.allowed_actions | index("transfer")) | .id'); do
    pick '{id, state, worker_id}' POST "/repair-tickets/$ticket/transfer" "$body"
done
