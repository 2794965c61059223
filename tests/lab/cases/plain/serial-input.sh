#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial tty reads standard input, also where it is no terminal: each byte reaches the guest, once and in order.
. "$CASES/lib.sh"
start commands --serial tty
await serial '^TORC-GUEST-COMMANDS'
# Many times what the port's FIFO holds, at once.
line=$(seq -s ' ' 1 800)
tell 'read -r line; echo "SUM $(echo "$line" | md5sum)"'
tell "$line"
await serial "^SUM $(echo "$line" | md5sum | cut -c 1-32)"
# Ctrl-A means nothing here.
tell "$(printf 'word="\001x"; echo "LENGTH ${#word}"')"
await serial '^LENGTH 2'
tell 'poweroff -f'
finish
expect_status 0
