#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a terminal Ctrl-A x ends torc with 0, and the terminal is as it was.
. "$CASES/lib.sh"
. "$CASES/pty.sh"
on_terminal -v --kernel "$GUESTS/halt" --memory 64M
await_raw
printf '\001x' >&9
ended
[ "$status" -eq 0 ] || fail "exit status $status"
expect_restored
