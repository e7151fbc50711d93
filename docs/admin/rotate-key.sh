#!/bin/sh
# Makes another key like the one by this name and prints it; both work until the old one is retired by `--retire`, when
# every program has the new one. Twice: refuses while there are two; retiring twice changes nothing.
# usage: rotate-key.sh [--retire] NAME
. "$(dirname "$0")/jiazai.sh"
usage $# 1
retire=
[ "$1" != --retire ] || { retire=yes; shift; usage $# 1; }
keys=$(all /api-keys)
keys=$(printf '%s\n' "$keys" | jq -sc --arg name "$1" 'map(select(.name == $name)) | sort_by(.id)')
case $(printf '%s\n' "$keys" | jq length) in
0) say "there is no key $1"; exit 1 ;;
1)
    [ -z "$retire" ] || { say "one key $1 is left, and stays"; exit 0; }
    pick .key POST /api-keys "$(printf '%s\n' "$keys" | jq -c '.[0] | {community_id, name, scopes, addresses, per_minute} + if .expires_at then {expires_at} else {} end')"
    ;;
*)
    [ -n "$retire" ] || { say "there are two keys $1; retire the old one first"; exit 1; }
    for old in $(printf '%s\n' "$keys" | jq -r '.[:-1][].id'); do ask DELETE "/api-keys/$old"; done
    ;;
esac
