#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC of the time before MSI, which cannot be reset.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=e1000
wire_up
start commands --device "$(device "$LAB_BDF_E1000")"
await serial '^TORC-GUEST-COMMANDS'
nic_works 'IO-APIC.*fasteoi.*eth0'
expect log 'warning: .*the device has no reset; it starts'
