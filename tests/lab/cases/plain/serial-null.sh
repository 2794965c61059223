#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --serial null and --console null: there is a port, its output goes nowhere; the guest boots and powers off.
. "$CASES/lib.sh"
start facts --serial null --console null
finish
expect_status 0
expect log 'guest: power off'
[ ! -s serial ] || fail "something on standard output"
