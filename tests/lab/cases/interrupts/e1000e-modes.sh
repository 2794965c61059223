#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One guest, one NIC, and its driver told to use MSI, INTx, MSI-X and MSI again: files cross the wire both ways with each,
# and the host takes no more interrupts than the driver uses. The driver tries MSI out and goes back to INTx, as it does
# on the lab's host too: this NIC of QEMU's raises the cause that the driver tries it with by INTx only.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=e1000e
wire_up
start commands --device "$(device "$LAB_BDF_E1000E")"
await serial '^TORC-GUEST-COMMANDS'
tell 'module=/lib/modules/$(grep e1000e /lib/modules/order)'
# mode NUMBER REGEX COUNT: what the driver is told, its interrupts in the guest and how many of those there are; as many
# has vfio-pci on the host.
mode() {
	ask "rmmod e1000e && insmod \$module IntMode=$1"
	guest_wire_up
	ask "test \$(grep -c '$2.*eth0' /proc/interrupts) -eq $3 || { cat /proc/interrupts; false; }"
	exchange
	[ "$1" -ne 1 ] || ask 'dmesg | tail -n 20 | grep "MSI interrupt test failed, using legacy"'
	[ "$(grep -c "vfio-.*$LAB_BDF_E1000E" /proc/interrupts)" -eq "$3" ] || fail "$(grep vfio /proc/interrupts)"
}
mode 1 IO-APIC 1
mode 0 IO-APIC 1
mode 2 PCI-MSIX 3
mode 1 IO-APIC 1
mode 2 PCI-MSIX 3
mode 0 IO-APIC 1
ask '! dmesg | grep -iE "nobody cared|Hang|timed out"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
