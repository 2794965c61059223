#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The host wants two devices back at once, of a guest with the newest kernel and a PCI bus for each of its two nodes.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
kernel=$LAB_HOST_BZIMAGE initramfs=$GUESTS/guest-6.12.cpio cpus=2 memory=0
start commands --memory-zone id=a,size=384M,host_numa_node=0 id=b,size=384M,host_numa_node=1 \
	--numa 'guest_numa_id=0,cpus=[0],memory_zones=[a]' 'guest_numa_id=1,cpus=[1],memory_zones=[b]' \
	--device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_E1000E")"
await serial '^TORC-GUEST-COMMANDS'
expect log "$LAB_BDF_NVME_A.*guest 0000:01:"
ask '[ -e /dev/nvme0n1 ] && ls /sys/bus/pci/drivers/e1000e/0*'
unbind "$LAB_BDF_NVME_A"
unbind "$LAB_BDF_E1000E"
await_unbound "$LAB_BDF_NVME_A"
await_unbound "$LAB_BDF_E1000E"
ask '! ls /sys/bus/pci/drivers/e1000e/0*'
still_well
[ "$(grep -c 'given back to the host' log)" -eq 2 ] || fail "not given back both"
expect_not log 'did not let go|error:'
