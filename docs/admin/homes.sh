#!/bin/sh
# All homes of a community, as CSV that Excel opens.
# usage: homes.sh COMMUNITY > FILE.csv
. "$(dirname "$0")/jiazai.sh"
usage $# 1
place=$(community "$1")
ask GET "/communities/$place/homes.csv"
