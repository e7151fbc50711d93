#!/bin/sh
# Takes an enrolment round one step on, from a draft to published and from published to open; the server knows when that
# may be. Twice: does the next step, and nothing once it is open.
# usage: open-round.sh ROUND-ID
. "$(dirname "$0")/jiazai.sh"
usage $# 1
round=$(ask GET "/enrolment-rounds/$1")
case $(printf '%s\n' "$round" | value state) in
draft) round=$(ask POST "/enrolment-rounds/$1/publish" '{}') ;;
published) round=$(ask POST "/enrolment-rounds/$1/open" '{}') ;;
esac
printf '%s\n' "$round" | jq -c '{name, state}'
