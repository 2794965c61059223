#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC whose guest knows no messages, on the interrupt line that its slot shares with a virtio disk: files cross the
# wire both ways while the disk is read, again after the driver came and went and after a reboot.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=e1000e,virtio_pci,virtio_blk
cmdline=pci=nomsi
wire_up
head -c 4194304 /dev/urandom >image
# The slots: the NIC's is 1, the disks' are 2 to 5; slots 1 and 5 have the same line.
for i in 2 3 4; do truncate -s 1M image$i; done
start commands --device "$(device "$LAB_BDF_E1000E")" --disk path=image2 path=image3 path=image4 path=image
await serial '^TORC-GUEST-COMMANDS'
guest_wire_up
ask 'grep "IO-APIC.*virtio3.*eth0\|IO-APIC.*eth0.*virtio3" /proc/interrupts || { cat /proc/interrupts; false; }'
tell 'd=/sys/bus/pci/drivers/e1000e'
sum=$(md5sum <image | cut -d ' ' -f 1)
both() {
	tell 'md5sum </dev/vdd >/tmp/disk & disk=$!'
	exchange
	ask "wait \$disk; grep $sum /tmp/disk; echo 3 >/proc/sys/vm/drop_caches"
}
both
ask 'echo 0000:00:01.0 >$d/unbind && echo 0000:00:01.0 >$d/bind'
guest_wire_up
both
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
guest_wire_up
both
ask '! dmesg | grep -iE "nobody cared|Hang|timed out"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
