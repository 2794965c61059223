#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial socket=PATH: clients come and go one at a time, and output goes on without them; the file is gone at the end,
# and does not keep torc from starting where another was killed.
. "$CASES/lib.sh"
# What comes on descriptor 9 goes to the socket, what comes from there to `serial`.
cat >client.py <<'PYTHON'
import os
import select
import socket
import sys

client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
while True:
    ready, _, _ = select.select([client, 0], [], [])
    if client in ready:
        data = client.recv(65536)
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        client.sendall(os.read(0, 65536))
PYTHON
connect() {
	python3 client.py socket <input >>serial 9>&- &
	client=$!
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
start commands --serial socket=socket
until python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("socket")' 2>/dev/null; do
	running || fail "torc ended"
	sleep 0.2
done
sleep 6
connect
until grep -q '^HERE' serial; do
	tell 'echo HERE'
	sleep 2
done
tell 'sleep 3; seq 1000; touch /done'
sleep 1
leave
sleep 5
connect
ask 'until [ -e /done ]; do sleep 0.1; done'
expect_not serial '^1[^0-9]*$' # nobody was there
tell 'poweroff -f'
finish
wait "$client" || :
expect_status 0
[ ! -e socket ] || fail "the socket is still there"
expect_not log '(warning|error):'
