#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest sends its drive to D3hot and has it back, without a driver and beneath one: what was written before is there,
# and what is written then arrives.
. "$CASES/lib.sh"
start commands --device "$(device "$LAB_BDF_NVME_B")"
await serial '^TORC-GUEST-COMMANDS'
tell 'd=/sys/bus/pci/devices/0000:00:01.0'
tell 'byte() { echo $(($(od -An -tu1 -j "$1" -N 1 $d/config))); }'
# The capability's control register, PCI Power Management 1.2, 3.2.4.
tell 'at=$(byte 52); until [ "$(byte $at)" -eq 1 ] || [ "$at" -eq 0 ]; do at=$(byte $((at + 1))); done; pmcsr=$((at + 4))'
tell 'state() { printf "\\\\$1" | dd of=$d/config bs=1 seek=$pmcsr conv=notrunc 2>/dev/null; [ $(($(byte $pmcsr) & 3)) -eq $1 ]; }'
tell 'sum() { dd if=/dev/nvme0n1 bs=64k count=16 iflag=direct 2>/dev/null | md5sum; }'
ask '[ "$at" -ne 0 ] && dd if=/dev/urandom of=/dev/nvme0n1 bs=64k count=16 oflag=direct 2>/dev/null && before=$(sum)'
ask 'echo 0000:00:01.0 >$d/driver/unbind && state 3 && usleep 50000 && state 0 && echo 0000:00:01.0 >/sys/bus/pci/drivers/nvme/bind'
ask 'within 100 test -b /dev/nvme0n1 && [ "$(sum)" = "$before" ]'
ask 'state 3 && state 0 && [ "$(sum)" = "$before" ] && verify 4 /dev/nvme0n1' 120
ask '! dmesg | grep -iE "nvme.*(timeout|reset|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
