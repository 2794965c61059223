#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --console tty: hvc0 has standard input and output, which the serial port leaves to it; everything passes, in order,
# both ways.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=console=hvc0
start commands --console tty
await serial '^TORC-GUEST-COMMANDS'
ask 'test "$(cat /sys/class/tty/console/active)" = "ttyS0 hvc0"'
ask 'seq 600'
[ "$(tr -d '\r' <serial | grep -xE '[0-9]+' | md5sum)" = "$(seq 600 | md5sum)" ] || fail "not all of the output"
# The longest line that a terminal takes, then more than one buffer of input.
line=$(seq -s ' ' 1 800)
tell 'read -r line; echo "SUM $(echo "$line" | md5sum)"'
tell "$line"
await serial "^SUM $(echo "$line" | md5sum | cut -c 1-32)"
tell 'stty -icanon; echo READING; echo "SUM $(head -c 10000 | md5sum)"; stty icanon'
await serial '^READING'
head -c 7500 /dev/urandom | base64 -w 0 | head -c 10000 >typed
cat typed >&9
await serial "^SUM $(md5sum <typed | cut -c 1-32)"
# What is typed is echoed.
ask 'stty echo'
ask 'echo ECHOED'
expect serial 'echo ECHOED; echo ASKED'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
