#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial pty: torc says which terminal to open; it carries both ways, and can be left and opened again while the guest
# goes on writing.
. "$CASES/lib.sh"
start commands --serial pty
await log '^torc: serial: pseudo terminal /dev/pts/'
pty=$(sed -n 's/^torc: serial: pseudo terminal //p' log)
expect log "info: serial: pseudo terminal $pty"
open_pty() {
	exec 9<>"$pty"
	cat <"$pty" >>serial 2>/dev/null 9>&- &
	reader=$!
}
close_pty() {
	kill "$reader" 2>/dev/null || : # it has ended with torc
	wait "$reader" || :
	exec 9>&-
}
# The guest boots without a reader; what it said until then is gone.
sleep 10
open_pty
until grep -q '^HERE' serial; do
	tell 'echo HERE'
	sleep 2
done
expect_not serial 'TORC-GUEST-READY'
tell 'sleep 2; seq 1000; touch /done'
close_pty
sleep 5
open_pty
ask 'until [ -e /done ]; do sleep 0.1; done'
expect_not serial '^1[^0-9]*$' # nobody was there
tell 'poweroff -f'
finish
expect_status 0
close_pty
expect_not log '(warning|error):'
