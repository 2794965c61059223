#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The virtio entropy device feeds the guest's hw_random.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio
start commands --rng src=/dev/urandom
await serial '^TORC-GUEST-COMMANDS'
ask 'test $(cat /sys/class/misc/hw_random/rng_current) = virtio_rng.0'
ask 'test $(dd if=/dev/hwrng bs=4096 count=4 iflag=fullblock 2>/dev/null | wc -c) -eq 16384'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
