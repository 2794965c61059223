#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The driver of a virtio disk comes and goes under load, then the machine is reset with requests in flight.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=2
truncate -s 64M image
start commands --disk path=image
await serial '^TORC-GUEST-COMMANDS'
ask 'cd /sys/bus/virtio/drivers/virtio_blk; n=0; while [ $n -lt 20 ]; do dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/dev/null & usleep 50000; echo virtio0 >unbind; echo virtio0 >bind || break; n=$((n + 1)); done; cd /; [ $n -eq 20 ]' 120
ask 'wait; dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
tell 'dd if=/dev/zero of=/dev/vda bs=4k oflag=direct 2>/dev/null & usleep 100000; reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask 'dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
