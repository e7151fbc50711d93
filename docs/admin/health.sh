#!/bin/sh
# Is the server up, and what does it complain about? Ends with 22 or 7 when it is not up.
# usage: health.sh
. "$(dirname "$0")/jiazai.sh"
base=${JIAZAI:-http://127.0.0.1:8080}
curl -sS --fail-with-body --max-time 10 "$base/readyz"
echo
curl -sS --fail-with-body --max-time 10 "$base/metrics" | grep -E '^jiazai_(db_writes_queued|cache_up|http_requests_total.*status="5)|failed' || true
