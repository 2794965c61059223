#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest ejects its drive of its own accord; the host can use the drive at once.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
start_with_drive
ask 'cd /sys/bus/pci/slots && grep -l "$(basename $(realpath /sys/class/nvme/nvme0/device) .0)" */address >/tmp/slot'
ask 'echo 0 >/sys/bus/pci/slots/$(dirname $(cat /tmp/slot))/power'
await log 'given back to the host'
sleep 1
expect_released "$LAB_BDF_NVME_A"
still_well
expect_not log '(warning|error):'
