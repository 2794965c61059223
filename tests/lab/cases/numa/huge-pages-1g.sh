#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest in pages of 1 GiB: on the device's node, one call for DMA; and behind a small zone, at a multiple of 1 GiB, with
# a hole before it.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=size=1G,hugepages=on,hugepage_size=1G
start verify-16 --device "$(device "$LAB_BDF_NVME_A")"
await log 'mapped for DMA in [0-9]+ ms by 1 calls'
expect_pages 1 1048576
expect_pages 0 0
[ "$(cat "$(pool 1 1048576)/free_hugepages")" -eq 0 ] || fail "the page is not in use"
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/nvme0n1'
expect_not log '(warning|error):'
[ "$(cat "$(pool 1 1048576)/free_hugepages")" -eq 1 ] || fail "the page did not come back"
memory=0
start facts --memory-zone id=small,size=256M id=large,size=1G,hugepages=on,hugepage_size=1G
finish
expect_status 0
expect serial '^E820 0x000000007fffffff'
kib=$(sed -n 's/^MEMORY-KIB //p' serial | tr -d '\r')
if [ "$kib" -lt 1200000 ] || [ "$kib" -gt 1310720 ]; then fail "the guest has $kib KiB"; fi
