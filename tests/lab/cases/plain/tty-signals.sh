#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A signal that ends torc, or a crash of torc itself, leaves the terminal as it was. (Nothing can be done about SIGKILL:
# no program of that process runs any more.)
. "$CASES/lib.sh"
. "$CASES/pty.sh"
for signal in TERM HUP SEGV; do
	on_terminal -v --kernel "$GUESTS/halt" --memory 64M
	await_raw
	kill -s $signal "$torc"
	ended
	[ $signal = SEGV ] || [ "$status" -eq 0 ] || fail "SIG$signal: exit status $status"
	expect_restored
	kill "$session"
	wait "$session" || :
	rm -f ./*
done
