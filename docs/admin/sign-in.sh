#!/bin/sh
# Prints an access token, good for a quarter of an hour. The password is read from standard input.
# usage: sign-in.sh USERNAME < PASSWORD-FILE
. "$(dirname "$0")/jiazai.sh"
usage $# 1
unset JIAZAI_TOKEN
IFS= read -r password
pick .access_token POST /auth/staff/login "$(jq -cn --arg u "$1" --arg p "$password" '{username: $u, password: $p}')"
