#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Virtio disks with four queues: written and verified with fio, through the page cache and past it.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=4
truncate -s 64M cached direct
start verify-16 --disk path=cached path=direct,direct=on
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/vda'
expect serial '^VERIFIED 16 /dev/vdb'
expect_not log '(warning|error):'
