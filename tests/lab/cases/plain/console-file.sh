#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --console file=PATH next to a serial port: each has its own output, and the file has all of it.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=console=hvc0
start dmesg --console "file=$PWD/there" --serial "file=$PWD/uart"
finish
expect_status 0
expect there '^DMESG-BEGIN'
expect there 'Linux version 6\.1'
expect there '^DMESG-END'
expect there 'TORC-GUEST-EXIT 0'
expect_not uart 'DMESG'
[ ! -s serial ] || fail "something on standard output"
expect_not log '(warning|error):'
