#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is said to be free on a node can be had: a guest of all of it, but for the page tables, is populated and runs, and
# nobody is killed for want of memory. A little more is refused.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
. "$CASES/numa.sh"
trap 'set +e; cleanup; restore; restore_pools' EXIT
memory=0
device=$(device "$LAB_BDF_NVME_A")
sync
echo 3 >/proc/sys/vm/drop_caches
zone=id=a,host_numa_node=1,size
refused 1 'zone a' '[0-9]+ MiB needed on node 1, page tables included, [0-9]+ MiB are free' 'lower size=' \
	--device "$device" --memory-zone "$zone=64G"
free=$(sed -n 's/.* page tables included, \([0-9]*\) MiB are free.*/\1/p' log)
refused 1 'zone a' 'page tables included' '' --device "$device" --memory-zone "$zone=$((free / 2 * 2))M"
# Less by 64 MiB: between the two looks at the host it does something itself.
kernel=$LAB_GUEST_VMLINUX
size=$(((free - 64) * 256 / 257 / 2 * 2))
start commands --device "$device" --memory-zone "$zone=${size}M"
await serial TORC-GUEST-COMMANDS
expect_pages 1 $((size * 1024))
tell 'poweroff -f'
finish
expect_status 0
! dmesg | grep -i 'out of memory\|oom-kill' || fail "the host killed something"
echo "free: $free MiB, guest: $size MiB"
