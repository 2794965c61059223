#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest in pages of 1 GiB: on the device's node, one call for DMA; and behind a small zone, at a multiple of 1 GiB, with
# a hole before it.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=size=1G,hugepages=on,hugepage_size=1G
start verify-16 --device "$(device "$LAB_BDF_NVME_A")"
await log 'mapped for DMA in [0-9]+ ms by 1 calls'
await serial TORC-GUEST-READY
expect_mapped 1g 1
expect_pages 1 1048576
expect_pages 0 0
[ "$(cat "$(pool 1 1048576)/free_hugepages")" -eq 0 ] || fail "the page is not in use"
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/nvme0n1'
expect_not log '(warning|error):'
[ "$(cat "$(pool 1 1048576)/free_hugepages")" -eq 1 ] || fail "the page did not come back"
memory=0
start commands --memory-zone id=small,size=256M id=large,size=1G,hugepages=on,hugepage_size=1G
await serial TORC-GUEST-COMMANDS
ask 'dd if=/dev/zero of=/tmp/fill bs=1M count=300 && rm /tmp/fill'
expect_mapped 1g 1
ask 'dmesg | grep -q "BIOS-e820: .*-0x000000007fffffff\] usable"'
ask 'awk "/^MemTotal/ && \$2 > 1200000 && \$2 < 1310720 { n = 1 } END { exit !n }" /proc/meminfo'
tell 'poweroff -f'
finish
expect_status 0
