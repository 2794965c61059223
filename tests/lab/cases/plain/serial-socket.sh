#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial socket=PATH: clients come and go one at a time, and output goes on without them; the file is gone at the end,
# and does not keep torc from starting where another was killed. The guest is told what to do by its virtio console.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=console=hvc0
# What comes on descriptor 8 goes to the socket, what comes from there to `came`.
: >came
mkfifo typed
exec 8<>typed
# connect N: for the Nth time.
connect() {
	"$GUESTS/dial" socket <typed >>came 8>&- 9>&- &
	client=$!
	await came '^CONNECTED' "$1"
}
leave() {
	kill "$client"
	wait "$client" || :
}
launch --kernel "$GUESTS/halt" --memory 64M --serial socket=socket
until [ -S socket ]; do sleep 0.1; done
"$PROGRAM" --kernel "$GUESTS/halt" --memory 64M --serial socket=socket 2>second </dev/null && fail "two on one socket"
grep -q 'serial socket=socket: a process listens on it' second || fail "$(cat second)"
kill -9 "$torc"
wait "$torc" || :
[ -S socket ] || fail "no socket was left"
start commands --serial socket=socket --console tty
await serial '^TORC-GUEST-COMMANDS'
ask 'echo EARLY >/dev/ttyS0'
connect 1
# answer WORD: torc has taken the client in when it has this. Who opens the port loses what came before.
answer() {
	tell "{ stty -echo; until read -t 1 -r word; do echo READING >&0; done; echo \"$1 \$word\" >&0; } <>/dev/ttyS0"
	await came '^READING' "$2"
	echo hello >&8
	await came "^$1 hello"
}
answer GOT 1
expect_not came 'EARLY|Linux version'
leave
ask 'seq 1000 >/dev/ttyS0'
connect 2
answer AGAIN $(($(grep -c '^READING' came) + 1))
expect_not came '^1[^0-9]*$' # nobody was there
tell 'poweroff -f'
finish
wait "$client" || :
expect_status 0
[ ! -e socket ] || fail "the socket is still there"
expect_not log '(warning|error):'
