#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The host wants three devices back at once, one of them with nothing but an interrupt line, each reachable by the others'
# DMA, of a guest with the newest kernel and a PCI bus for each of its two nodes.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
kernel=$LAB_HOST_VMLINUX initramfs=$GUESTS/guest-devices.cpio cpus=2 memory=0 drivers=nvme,e1000e,sdhci-pci,mmc_block
start commands --memory-zone id=a,size=192M,host_numa_node=0 id=b,size=192M,host_numa_node=1 \
	--numa 'guest_numa_id=0,cpus=[0],memory_zones=[a]' 'guest_numa_id=1,cpus=[1],memory_zones=[b]' \
	--device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_E1000E")" "$(device "$LAB_BDF_SD")"
await serial '^TORC-GUEST-COMMANDS'
expect log "$LAB_BDF_NVME_A.*guest 0000:01:"
ask '[ -e /dev/nvme0n1 ] && ls /sys/bus/pci/drivers/e1000e/0*'
ask 'within 100 test -b /dev/mmcblk0 && grep "IO-APIC.*mmc0" /proc/interrupts'
ask 'head -c 1048576 /dev/urandom | tee /dev/mmcblk0 | md5sum >/tmp/sum && sync'
ask 'echo 3 >/proc/sys/vm/drop_caches; head -c 1048576 /dev/mmcblk0 | md5sum | cmp - /tmp/sum'
tell 'while dd if=/dev/mmcblk0 of=/dev/null bs=64k 2>/dev/null; do :; done &'
unbind "$LAB_BDF_NVME_A"
unbind "$LAB_BDF_E1000E"
unbind "$LAB_BDF_SD"
await_unbound "$LAB_BDF_NVME_A"
await_unbound "$LAB_BDF_E1000E"
await_unbound "$LAB_BDF_SD"
ask '! ls /sys/bus/pci/drivers/e1000e/0* && test ! -e /dev/mmcblk0'
still_well
[ "$(grep -c 'given back to the host' log)" -eq 3 ] || fail "not given back all"
expect_not log 'did not let go|error:'
