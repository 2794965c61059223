#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guest memory that is pinned for a device is registered with the rings, and direct I/O of a disk goes through that:
# written and verified, on four queues, while the drive is.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=4
truncate -s 64M image
start verify-16 --disk path=image,direct=on --device "$(device "$LAB_BDF_NVME_A")"
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/nvme0n1'
expect serial '^VERIFIED 16 /dev/vda'
expect log 'io_uring: this kernel lacks vectors in registered buffers'
expect log 'io_uring: guest memory is registered for direct I/O$'
expect_not log 'without registered|not registered'
expect_not log '(warning|error):'
