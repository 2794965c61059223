#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that knows no hotplug loses a device that the host wants back, though not at once, and goes on.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
cmdline=acpiphp.disable=1
start_with_drive
unbind "$LAB_BDF_NVME_A"
sleep 5
[ ! -e "unbound-$LAB_BDF_NVME_A" ] || fail "taken at once"
ask 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct'
await_unbound "$LAB_BDF_NVME_A" 25
# Nothing answers in its place.
ask '[ "$(od -A n -t x4 -N 4 /sys/class/nvme/nvme0/device/config)" = " ffffffff" ]'
ask 'usleep 1000'
tell 'poweroff -f'
finish
expect_status 0
expect log 'warning:.*did not let go of it within 20 s'
expect_not log 'error:'
