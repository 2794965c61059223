#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Three reboots in a row: the machine restarts in place, VFIO stays open, and the drive works after each.
. "$CASES/lib.sh"
cpus=2
start commands --device "$(device "$LAB_BDF_NVME_A")"
# Number and kind of each of torc's descriptors.
fds() {
	find "/proc/$torc/fd" -mindepth 1 -printf '%f %l\n' | sort -n
}
await serial '^TORC-GUEST-COMMANDS'
fds >fds.1
grep -q vfio-device fds.1 || fail "no VFIO device open"
read='dd if=/dev/nvme0n1 bs=64k count=16 iflag=direct 2>/dev/null | md5sum'
ask 'dd if=/dev/urandom of=/dev/nvme0n1 bs=64k count=16 oflag=direct 2>/dev/null'
ask "echo \"SUM \$($read)\""
sum=$(sed -n 's/^SUM \([0-9a-f]*\).*/\1/p' serial)
for boot in 2 3 4; do
	tell 'reboot -f'
	await serial '^TORC-GUEST-COMMANDS' $boot
	running || fail "torc ended"
	fds >fds.$boot
	diff fds.1 fds.$boot || fail "torc's descriptors changed with boot $boot"
	ask "$read | grep $sum"
done
ask 'verify 4 /dev/nvme0n1' 120
tell 'poweroff -f'
finish
expect_status 0
[ "$(grep -c 'guest: reset' log)" -eq 3 ] || fail "not three resets in the log"
expect_not log '(warning|error):|triple fault'
expect_released "$LAB_BDF_NVME_A"
