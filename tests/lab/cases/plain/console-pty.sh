#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --console pty: a guest goes on writing while nobody has the terminal open; whoever opens it again finds the guest there,
# and resets do not matter.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio
start commands --console pty
await log '^torc: console: pseudo terminal /dev/pts/'
pty=$(sed -n 's/^torc: console: pseudo terminal //p' log)
: >came
open_pty() {
	exec 8<>"$pty"
	cat <"$pty" >>came 2>/dev/null 8>&- 9>&- &
	reader=$!
}
close_pty() {
	kill "$reader" 2>/dev/null || : # it has ended with torc
	wait "$reader" || :
	exec 8>&-
}
# hears WORD: the guest does, from the terminal.
hears() {
	tell "{ stty -echo; echo READING-$1 >&0; read -r word; } <>/dev/hvc0; echo \"GOT \$word\""
	await came "^READING-$1"
	echo "$1" >&8
	await serial "^GOT $1"
}
open_pty
await serial '^TORC-GUEST-COMMANDS'
hears hello
close_pty
ask 'seq 300 >/dev/hvc0'
open_pty
ask 'echo THERE >/dev/hvc0'
await came '^THERE'
expect_not came '^1[^0-9]*$' # nobody was there
hears there
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask 'echo AGAIN >/dev/hvc0'
await came '^AGAIN'
hears again
tell 'poweroff -f'
finish
expect_status 0
close_pty
expect_not log '(warning|error):'
