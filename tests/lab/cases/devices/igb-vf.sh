#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtual function of a NIC whose physical one stays the host's.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=igbvf
trap 'set +e; cleanup; wire_down; torc-vfio recover; torc-vfio vfs "$LAB_BDF_IGB" 0; ip link set "$pf" down' EXIT
wire_up
pf=$(ls "/sys/bus/pci/devices/$LAB_BDF_IGB/net")
ip link set "$pf" up
torc-vfio vfs "$LAB_BDF_IGB" 1
vf=$(basename "$(readlink "/sys/bus/pci/devices/$LAB_BDF_IGB/virtfn0")")
ip link set "$pf" vf 0 mac 52:54:00:00:01:04
start commands --device "$(device "$vf"),bind=on"
await serial '^TORC-GUEST-COMMANDS'
nic_works 'MSI-*X.*eth0'
expect_not log 'warning:'
