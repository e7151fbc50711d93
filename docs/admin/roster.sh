#!/bin/sh
# Who comes to a shift, as CSV to print.
# usage: roster.sh SHIFT-ID
. "$(dirname "$0")/jiazai.sh"
usage $# 1
ask GET "/shifts/$1/sign-ups.csv?state=confirmed"
