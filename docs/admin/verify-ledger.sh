#!/bin/sh
# Whether the books of points agree: the sum of all entries is zero. Ends with 1 when they do not.
# usage: verify-ledger.sh
. "$(dirname "$0")/jiazai.sh"
verdict=$(ask GET /points/ledger/verify)
printf '%s\n' "$verdict"
[ "$(printf '%s\n' "$verdict" | value balanced)" = true ]
