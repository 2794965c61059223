#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC of the time before MSI, which cannot be reset: files cross the wire both ways, again after its driver came and
# went, and after a reboot of the guest with the interface up.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
wire_up
start commands --device "$(device "$LAB_BDF_E1000")"
await serial '^TORC-GUEST-COMMANDS'
tell 'd=/sys/bus/pci/drivers/e1000'
guest_wire_up
ask 'grep "IO-APIC.*fasteoi.*eth0" /proc/interrupts'
exchange
ask 'echo 0000:00:01.0 >$d/unbind && echo 0000:00:01.0 >$d/bind'
guest_wire_up
exchange
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
guest_wire_up
exchange
ask '! dmesg | grep -iE "nobody cared|Hang|timed out"'
tell 'poweroff -f'
finish
expect_status 0
expect log 'warning: .*the device has no reset; it starts'
expect_not log 'error:'
