#!/bin/sh
# Makes a backup and proves that it can be restored: into a folder that is thrown away, by a second server on a port of its
# own, which must answer. Run it on the machine, with the server's environment. Twice: makes another backup.
# usage: backup-drill.sh FOLDER [PORT]
. "$(dirname "$0")/jiazai.sh"
usage $# 1
case ${DATABASE_URL-} in postgres*) say 'a PostgreSQL server is drilled with pg_restore into an empty database: docs/operations.md'; exit 1 ;; esac
backup=$1/$(date -u +%Y%m%dT%H%M%SZ)-$$ port=${2:-8099}
drill=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$drill"' EXIT
mkdir -p "$1"
jiazai backup "$backup"
# A demonstration keeps its keys beside its data, and they are in no backup.
[ ! -f "${JIAZAI_DATA_DIR:-data}/demo-keys" ] || cp "${JIAZAI_DATA_DIR:-data}/demo-keys" "$drill/"
JIAZAI_DATA_DIR=$drill jiazai restore "$backup"
[ "${JIAZAI_PROFILE:-demo}" = production ] || export WECHAT_SIMULATOR_LISTEN=127.0.0.1:0
JIAZAI_DATA_DIR=$drill JIAZAI_LISTEN=127.0.0.1:$port JIAZAI_JOBS=off RUST_LOG=error jiazai serve >/dev/null &
server=$!
curl -sS --fail-with-body --retry 30 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/readyz" >/dev/null
curl -sS --fail-with-body "http://127.0.0.1:$port/api/v1/communities" | jq -c '{restored_communities: (.items | length)}'
say "kept: $backup"
