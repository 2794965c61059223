#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest of two nodes with a drive on each: memory and threads of each are where they belong, and the guest sees the
# truth, also after a reboot: nodes, CPUs, distances, and of which node each drive is.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
cpus=2 memory=0 kernel=$LAB_GUEST_BZIMAGE
# What the guest says of its nodes, and of the drives' node, slot and serial number.
view="cd /sys/devices/system/node; for node in node*; do echo \$node CPUS \$(cat \$node/cpulist) TO \$(cat \$node/distance); done;
cat node*/meminfo | grep MemTotal;
cd /sys/class/nvme; for drive in *; do echo DRIVE \$(cat \$drive/address) \$(cat \$drive/device/numa_node) \$(cat \$drive/serial); done"
check_guest() {
	ask "$(echo "$view" | tr '\n' ' ')"
	expect serial '^node0 CPUS 0 TO 10 21'
	expect serial '^node1 CPUS 1 TO 21 10'
	expect serial 'Node 1 MemTotal: *3[0-9]{5} kB'
	expect serial '^DRIVE 0000:00:01.0 0 torcB'
	expect serial '^DRIVE 0000:01:01.0 1 torcA'
	ask 'dmesg | grep -iE "SRAT|SLIT|NUMA" | tail -n 20; ! dmesg | grep -iE "not on the same node|llc-sibling|SLIT table looks|Unknown NUMA|BUG:|WARNING:"'
}
# two_nodes OPTION...: with a zone on either of the host's; nothing said of distances.
two_nodes() {
	launch -v --kernel "$kernel" --initramfs "$initramfs" --cpus 2 \
		--cmdline "console=ttyS0 quiet panic=-1 mitigations=off script=commands" \
		--memory-zone id=a,size=384M,host_numa_node=0 id=b,size=384M,host_numa_node=1 \
		--numa 'guest_numa_id=0,cpus=[0],memory_zones=[a]' 'guest_numa_id=1,cpus=[1],memory_zones=[b]' "$@"
	await serial TORC-GUEST-COMMANDS
}
two_nodes --device "$(device "$LAB_BDF_NVME_B")" "$(device "$LAB_BDF_NVME_A")"
await log 'mapped for DMA in [0-9]+ ms by [12] calls'
expect_pages 0 393216
expect_pages 1 393216
expect_thread vcpu0 0
expect_thread vcpu1 2
expect_thread ring0 0-1
expect_thread ring1 2-3
check_guest
ask 'for drive in /dev/nvme?n1; do dd if=$drive of=/dev/null bs=1M count=4 iflag=direct || exit; done'
: >serial
tell 'reboot -f'
await serial TORC-GUEST-COMMANDS
check_guest
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'

# With the newer kernel, whose NVMe driver is a module.
kernel=$LAB_HOST_VMLINUX initramfs=$GUESTS/guest-6.12.cpio
two_nodes --device "$(device "$LAB_BDF_NVME_B")" "$(device "$LAB_BDF_NVME_A")"
check_guest
tell 'poweroff -f'
finish
expect_status 0

# A drive of whose node the guest has no counterpart is on a bus of its own, and on no node rather than on a wrong one.
kernel=$LAB_GUEST_VMLINUX initramfs=$GUESTS/guest-6.1.cpio
launch -v --kernel "$kernel" --initramfs "$initramfs" --cpus 2 \
	--cmdline "console=ttyS0 quiet panic=-1 mitigations=off script=commands" \
	--memory-zone id=a,size=384M,host_numa_node=0 --numa guest_numa_id=0,cpus=0-1,memory_zones=a \
	--device "$(device "$LAB_BDF_NVME_B")" "$(device "$LAB_BDF_NVME_A")"
await serial TORC-GUEST-COMMANDS
ask "$(echo "$view" | tr '\n' ' ')"
expect serial '^DRIVE 0000:00:01.0 0 torcB'
expect serial '^DRIVE 0000:01:01.0 -1 torcA'
tell 'poweroff -f'
finish
expect_status 0
