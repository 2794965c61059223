#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that restarts while the host waits for a device has the device no more, and nobody waits for the deadline.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
cmdline=acpiphp.disable=1
start_with_drive
unbind "$LAB_BDF_NVME_A"
await log 'the host wants it back'
tell 'reboot -f'
await_unbound "$LAB_BDF_NVME_A" 10
await serial '^TORC-GUEST-COMMANDS' 2
still_well
expect_not log 'did not let go|error:'
