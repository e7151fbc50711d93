#!/bin/sh
# Makes a new password for somebody who forgot theirs, and prints it. Twice: the second password counts.
# usage: new-password.sh USERNAME
. "$(dirname "$0")/jiazai.sh"
usage $# 1
account=$(staff "$1")
pick .password POST "/staff/$(printf '%s\n' "$account" | value id)/reset-password" '{}'
