#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Zones of files: hugetlbfs, by name and by folder; tmpfs; a file whose pages are on the wrong node, which a strict zone
# refuses before the guest starts.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=0 kernel=$GUESTS/poweroff
reserve 1 2048 160
start none --memory-zone id=a,size=256M,file=/dev/hugepages,shared=on,host_numa_node=1,prefault=on
finish
expect_status 0
expect log 'guest memory: 256 MiB are on node 1$'
[ -z "$(ls /dev/hugepages)" ] || fail "a file is left"
start none --memory-zone id=a,size=256M,file=/dev/hugepages/torc,shared=on,host_numa_node=1,prefault=on
finish
expect_status 0
[ "$(stat -c %s /dev/hugepages/torc)" -eq 268435456 ] || fail "no file of 256 MiB"
rm /dev/hugepages/torc
kernel=$LAB_GUEST_VMLINUX
start none --memory-zone id=a,size=256M,file=/dev/shm,shared=on
finish
kernel=$GUESTS/poweroff
expect_status 0
# Pages that taskset's dd left on node 0.
taskset -c 0 dd if=/dev/zero of=/dev/shm/torc bs=1M count=256 status=none
start none --memory-zone id=a,size=256M,file=/dev/shm/torc,shared=on,host_numa_node=1
finish
rm /dev/shm/torc
expect_status 1
expect_error 'zone a' '256 MiB are on node 0, not on 1; the first page is that of guest address 0x0' 'empty'
[ ! -s serial ] || fail "the guest ran"
