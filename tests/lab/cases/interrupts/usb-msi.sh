#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A USB controller with MSI and no MSI-X, a stick in it: what the guest writes it reads back, again after its driver came
# and went and after a reboot, on CPUs that take turns with the interrupt.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=xhci-pci,usb-storage,sd_mod
start commands --device "$(device "$LAB_BDF_XHCI_MSI")"
prepare() {
	await serial '^TORC-GUEST-COMMANDS' "$1"
	tell 'd=/sys/bus/pci/drivers/xhci_hcd'
	tell 'stick() { within 200 test -b /dev/sda; }'
	tell 'sum() { echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/sda bs=64k count=64 2>/dev/null | md5sum; }'
	ask stick
	ask 'grep "PCI-MSI.*xhci_hcd" /proc/interrupts'
}
prepare 1
ask 'head -c 4194304 /dev/urandom | dd of=/dev/sda bs=64k conv=fsync 2>/dev/null'
ask 'echo "SUM $(sum)"'
sum=$(sed -n 's/^SUM \([0-9a-f]*\).*/\1/p' serial)
# Each move changes the message while the controller sends by it. Reads go on until both CPUs have had enough of them.
ask 'i=$(awk -F: "/xhci_hcd/ { print \$1 + 0; exit }" /proc/interrupts) && test -d /proc/irq/$i'
tell 'move() { until test -e /still; do for _ in 0 1; do echo $_ >/proc/irq/$i/smp_affinity_list; usleep 50000; done; done; }'
tell 'moved() { sum >/dev/null; awk "/xhci_hcd/ && \$2 > 20 && \$3 > 20 { print \"MOVED\" }" /proc/interrupts | grep MOVED; }'
tell 'move & mover=$!'
ask "sum | grep $sum"
ask 'within 20 moved || { cat /proc/interrupts; false; }'
ask 'touch /still && wait $mover'
for _ in 1 2; do
	ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/sda'
	ask 'echo 0000:00:01.0 >$d/bind && stick'
	ask "sum | grep $sum"
done
tell 'reboot -f'
prepare 2
ask "sum | grep $sum"
ask '! dmesg | grep -iE "nobody cared|xhci.*(timeout|error|died)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log 'error:'
