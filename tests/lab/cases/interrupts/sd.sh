#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The SD card reader has a level-triggered interrupt and no other: what the guest writes it reads back, again after its
# driver came and went and after a reboot, and the host finds it on the card.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=sdhci-pci,mmc_block
start commands --device "$(device "$LAB_BDF_SD")"
# What a new boot of the guest has to know.
prepare() {
	await serial '^TORC-GUEST-COMMANDS' "$1"
	tell 'd=/sys/bus/pci/drivers/sdhci-pci'
	tell 'card() { within 100 test -b /dev/mmcblk0; }'
	tell 'sum() { echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/mmcblk0 bs=64k count=32 2>/dev/null | md5sum; }'
	ask card
	ask 'grep "IO-APIC.*fasteoi.*mmc0" /proc/interrupts'
}
prepare 1
ask 'head -c 2097152 /dev/urandom | dd of=/dev/mmcblk0 bs=64k conv=fsync 2>/dev/null'
ask 'echo "SUM $(sum)"'
sum=$(sed -n 's/^SUM \([0-9a-f]*\).*/\1/p' serial)
for _ in 1 2 3; do
	ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/mmcblk0'
	ask 'echo 0000:00:01.0 >$d/bind && card'
	ask "sum | grep $sum"
done
tell 'reboot -f'
prepare 2
ask "sum | grep $sum"
ask '! dmesg | grep -iE "nobody cared|mmc.*(timeout|error)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log 'error:'
[ "$(on_host "$LAB_BDF_SD" card_sum)" = "$sum" ] || fail "the host reads something else from the card"
