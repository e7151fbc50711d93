#!/bin/sh
# Grants points by a list: lines of `resident id,points,reason`. The list's name and line number are the reference of a
# grant. Twice: the server knows the references, and nobody gets anything more.
# usage: grant-points.sh LIST.csv
. "$(dirname "$0")/jiazai.sh"
usage $# 1
line=0
while IFS=, read -r resident points reason; do
    line=$((line + 1))
    grant=$(jq -cn --arg to "$resident" --argjson points "$points" --arg why "$reason" --arg ref "$(basename "$1"):$line" \
        '{resident_id: $to, points: $points, reason: $why, reference: $ref}')
    if granted=$(pick '{id, amount, reason}' POST /points/grants "$grant" 2>&1); then
        printf '%s\n' "$granted"
    else
        code=$?
        case $granted in *'"code":"duplicate"'*) say "line $line was granted before" ;; *) say "line $line: $granted"; exit $code ;; esac
    fi
done < "$1"
