#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC and a drive in one guest, at work at the same time: files cross the wire both ways while the drive is verified,
# again after both drivers came and went and after a reboot.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=e1000e,nvme
wire_up
start commands --device "$(device "$LAB_BDF_E1000E")" "$(device "$LAB_BDF_NVME_A")"
await serial '^TORC-GUEST-COMMANDS'
# Of what lies behind that which is verified.
read='dd if=/dev/nvme0n1 bs=64k skip=64 count=16 iflag=direct 2>/dev/null | md5sum'
both() {
	guest_wire_up
	ask 'within 100 test -b /dev/nvme0n1'
	tell 'verify 4 /dev/nvme0n1 >/tmp/drive 2>&1 & drive=$!'
	exchange
	ask 'wait $drive && grep "^VERIFIED 4" /tmp/drive'
}
both
ask 'grep -c "PCI-MSIX.*eth0" /proc/interrupts && grep "PCI-MSIX.*nvme0q2" /proc/interrupts'
ask 'dd if=/dev/urandom of=/dev/nvme0n1 bs=64k seek=64 count=16 oflag=direct 2>/dev/null'
ask "echo \"SUM \$($read)\""
sum=$(sed -n 's/^SUM \([0-9a-f]*\).*/\1/p' serial)
for slot in 1 2; do
	ask "cd /sys/bus/pci/devices/0000:00:0$slot.0/driver && echo 0000:00:0$slot.0 >unbind && echo 0000:00:0$slot.0 >bind; cd /"
done
both
ask "$read | grep $sum"
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask "$read | grep $sum"
both
ask '! dmesg | grep -iE "nobody cared|Hang|timed out|nvme.*(timeout|polled|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
