#!/bin/sh
# Who has looked at somebody's protected data, when and why.
# usage: who-saw.sh PERSON-ID
. "$(dirname "$0")/jiazai.sh"
usage $# 1
all "/people/$1/views"
