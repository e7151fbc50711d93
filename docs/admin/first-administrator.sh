#!/bin/sh
# Makes the first account, on the machine itself: whoever may read the server's keys may do this. Prints the password once.
# Twice: says that the account is there.
# usage: first-administrator.sh USERNAME
. "$(dirname "$0")/jiazai.sh"
usage $# 1
if said=$(jiazai admin create-staff "$1" --role platform_admin 2>&1); then
    printf '%s\n' "$said"
else
    case $said in *taken*) say "$1 is there already" ;; *) say "$said"; exit 1 ;; esac
fi
