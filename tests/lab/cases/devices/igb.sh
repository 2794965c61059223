#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A NIC with a vector for each of its queues.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=igb
wire_up
start commands --device "$(device "$LAB_BDF_IGB"),bind=on"
await serial '^TORC-GUEST-COMMANDS'
nic_works 'MSI-*X.*eth0-rx-1'
expect_not log 'warning:'
