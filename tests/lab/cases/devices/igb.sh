#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC with MSI-X and several queues: files cross the wire both ways, again after its driver came and went, and after a
# reboot of the guest.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
wire_up
start commands --device "$(device "$LAB_BDF_IGB"),bind=on"
await serial '^TORC-GUEST-COMMANDS'
tell 'd=/sys/bus/pci/drivers/igb'
guest_wire_up
ask 'grep "MSI-*X.*eth0-rx-1" /proc/interrupts'
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
expect_not log '(warning|error):'
