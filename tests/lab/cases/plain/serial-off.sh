#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial off: the guest has no port at all; it boots and powers off.
. "$CASES/lib.sh"
start facts --serial off --console off
finish
expect_status 0
expect log 'guest: power off'
[ ! -s serial ] || fail "something on standard output"
