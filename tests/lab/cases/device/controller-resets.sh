#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Forty times, two hundred with TORC_SOAK, the guest's driver gives the drive's interrupts back and takes them again: none is lost or comes
# twice, which would show as a command that timed out or a guest that hangs.
. "$CASES/lib.sh"
resets=${TORC_SOAK:+200}
resets=${resets:-40}
cmdline='nvme_core.admin_timeout=5 nvme_core.io_timeout=5'
start commands --device "$(device "$LAB_BDF_NVME_A")"
await serial '^TORC-GUEST-COMMANDS'
ask "n=0; while [ \$n -lt $resets ]; do echo 1 >/sys/class/nvme/nvme0/reset_controller || break; n=\$((n + 1)); done; [ \$n -eq $resets ]" 120
ask 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
ask '! dmesg | grep -Ei "nvme nvme0:.*(timeout|polled)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
