#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guest memory of 2 MiB pages from the pool of the device's node: populated before the guest, exactly as many as it needs,
# mapped for DMA by one call, given back at the end.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=size=256M,hugepages=on
reserve 0 2048 16
reserve 1 2048 160
free=$(cat "$(pool 1 2048)/free_hugepages")
start commands --device "$(device "$LAB_BDF_NVME_A")"
await serial TORC-GUEST-COMMANDS
await log 'mapped for DMA in [0-9]+ ms by 1 calls'
expect_pages 1 262144
expect_pages 0 0
[ "$(cat "$(pool 1 2048)/free_hugepages")" -eq $((free - 128)) ] || fail "not 128 pages are in use"
grep -q 'kernelpagesize_kB=2048' "/proc/$torc/numa_maps" || fail "no huge pages"
expect log 'the IOMMU has pages of 4 KiB, 2 MiB'
ask 'dd if=/dev/nvme0n1 of=/dev/null bs=1M count=4 iflag=direct'
expect_mapped 2m 20
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
[ "$(cat "$(pool 1 2048)/free_hugepages")" -eq "$free" ] || fail "pages did not come back"
kernel=$GUESTS/poweroff
# Without a device on the node that is asked for; shared, so that another process could map it; prefaulted.
memory=0
start none --memory-zone id=a,size=256M,hugepages=on,hugepage_size=2M,host_numa_node=1,shared=on,prefault=on
finish
expect_status 0
expect log 'guest memory: populated in'
expect log 'guest memory: 256 MiB are on node 1$'
# Pages that a zone has to have are its own, even if another takes from its node what is missing on the device's: of 128
# there and 160 here the first takes 16, and 144 are left for the 128 it needs.
start none --device "$(device "$LAB_BDF_NVME_B")" --platform numa=auto \
	--memory-zone id=a,size=64M,hugepages=on id=b,size=288M,hugepages=on,host_numa_node=1
finish
expect_status 0
expect log 'zone a: 16 of 32 pages of 2 MiB are taken from other nodes, node 0 has 16 free'
expect log 'warning: zone a: 32 of 64 MiB are not on node 0'
expect log 'guest memory: 320 MiB are on node 1$'
