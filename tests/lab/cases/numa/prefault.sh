#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Populating that takes longer than 2 s says how far it is: in lines, or as a bar on a terminal; and a signal ends it.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
kernel=$GUESTS/poweroff memory=size=5G,prefault=on,thp=off
start none
await log 'notice: guest memory: [0-9]+ of 5120 MiB populated'
finish
expect_status 0
expect log 'guest memory: populated in [0-9]{4,} ms'
# One after 2 s, then one each 10 s.
took=$(sed -n 's/.*guest memory: populated in \([0-9]*\) ms.*/\1/p' log)
[ "$(grep -c 'of 5120 MiB populated' log)" -le $((took / 10000 + 1)) ] || fail "too many lines in $took ms"

setsid script -qefc "'$PROGRAM' --kernel '$kernel' --memory $memory --serial null" typescript </dev/null >/dev/null
grep -q 'torc: populating guest memory \[#*\.*\] [0-9]* of 5120 MiB' typescript || fail "no bar"

start none
await log 'of 5120 MiB populated'
kill -INT "$torc"
finish 5
expect_status 1
expect log '^torc: populate 5120 MiB of guest memory: a signal ended torc before it was done$'
