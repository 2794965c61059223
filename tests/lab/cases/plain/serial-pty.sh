#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial pty: torc says which terminal to open; it carries both ways, and can be left and opened again while the guest
# goes on writing. The guest is told what to do by its virtio console.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=console=hvc0
start commands --serial pty --console tty
await log '^torc: serial: pseudo terminal /dev/pts/'
pty=$(sed -n 's/^torc: serial: pseudo terminal //p' log)
expect log "info: serial: pseudo terminal $pty"
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
# The guest boots without a reader; what it said until then is gone.
await serial '^TORC-GUEST-COMMANDS'
ask 'echo EARLY >/dev/ttyS0'
open_pty
ask 'echo HERE >/dev/ttyS0'
await came '^HERE'
expect_not came 'EARLY|Linux version'
# hears WORD: the guest does, from the terminal. Who opens the port loses what came before.
hears() {
	tell "{ stty -echo; echo READING-$1 >&0; read -r word; } <>/dev/ttyS0; echo \"GOT \$word\""
	await came "^READING-$1"
	echo "$1" >&8
	await serial "^GOT $1"
}
hears hello
close_pty
ask 'seq 1000 >/dev/ttyS0'
open_pty
ask 'echo AGAIN >/dev/ttyS0'
await came '^AGAIN'
expect_not came '^1[^0-9]*$' # nobody was there
hears again
tell 'poweroff -f'
finish
expect_status 0
close_pty
expect_not log '(warning|error):'
