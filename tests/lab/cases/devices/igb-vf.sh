#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtual function of a NIC whose physical one stays the host's: files cross the wire both ways, again after its driver
# came and went.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
wire_up
pf=$(ls "/sys/bus/pci/devices/$LAB_BDF_IGB/net")
ip link set "$pf" up
torc-vfio vfs "$LAB_BDF_IGB" 1
vf=$(basename "$(readlink "/sys/bus/pci/devices/$LAB_BDF_IGB/virtfn0")")
ip link set "$pf" vf 0 mac 52:54:00:00:01:04
start commands --device "$(device "$vf"),bind=on"
await serial '^TORC-GUEST-COMMANDS'
tell 'd=/sys/bus/pci/drivers/igbvf'
guest_wire_up
exchange
ask 'echo 0000:00:01.0 >$d/unbind && echo 0000:00:01.0 >$d/bind'
guest_wire_up
exchange
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
torc-vfio vfs "$LAB_BDF_IGB" 0
ip link set "$pf" down
