#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial file=PATH: the guest's output, all of it, goes to the file, and nothing to standard output.
. "$CASES/lib.sh"
start dmesg --serial "file=$PWD/there"
finish
expect_status 0
expect there '^DMESG-BEGIN'
expect there 'Linux version 6\.1'
expect there '^DMESG-END'
expect there 'TORC-GUEST-EXIT 0'
[ ! -s serial ] || fail "something on standard output"
