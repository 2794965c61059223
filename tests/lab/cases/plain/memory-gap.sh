#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does not fit below the gap lies above 4 GiB, and the guest can use it.
. "$CASES/lib.sh"
memory=3584M
start facts
finish
expect_status 0
# 3 GiB below, 512 MiB above.
expect serial '^E820 0x000000011fffffff\b'
kib=$(sed -n 's/^MEMORY-KIB \([0-9]*\).*/\1/p' serial)
[ "$kib" -gt $((3350 * 1024)) ] || fail "the guest has $kib KiB"
