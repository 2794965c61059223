#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --console pty: a guest goes on writing while nobody has the terminal open; whoever opens it again finds the guest there,
# and resets do not matter.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=console=hvc0
start commands --console pty --serial null
await log '^torc: console: pseudo terminal /dev/pts/'
pty=$(sed -n 's/^torc: console: pseudo terminal //p' log)
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
open_pty
await serial '^TORC-GUEST-COMMANDS'
ask 'echo HERE'
tell 'sleep 2; seq 3000; touch /done'
close_pty
sleep 8
open_pty
ask 'until [ -e /done ]; do sleep 0.1; done'
expect_not serial '^1[^0-9]*$' # nobody was there
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask 'echo AGAIN'
tell 'poweroff -f'
finish
expect_status 0
close_pty
expect_not log '(warning|error):'
