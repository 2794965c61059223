#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-vfio vfs: functions of a drive and of a NIC, which no driver of the host takes, go to guests and go away.
. "$CASES/lib.sh"
. "$CASES/bind.sh"

for pf in $LAB_BDF_NVME_A $LAB_BDF_IGB; do
	torc-vfio vfs "$pf" 2
	[ "$(cat "/sys/bus/pci/devices/$pf/sriov_numvfs")" -eq 2 ] || fail "$pf has not two virtual functions"
	vf=$(basename "$(readlink "/sys/bus/pci/devices/$pf/virtfn1")")
	[ ! -e "/sys/bus/pci/devices/$vf/driver" ] || fail "$vf has a driver: $(driver "$vf")"
	torc-vfio inspect "$vf" >said
	expect said "^SR-IOV +a virtual function of $pf"
	! torc-vfio bind "$pf" 2>log || fail "$pf was bound under its virtual functions"
	expect log "^torc-vfio: device $pf: in use by the host: it has 2 virtual functions"
	torc-vfio bind "$vf"
	launch --kernel "$GUESTS/halt" --memory 64M -v --device "$(device "$vf")"
	await log 'mapped for DMA'
	! torc-vfio vfs "$pf" 0 2>refused || fail "virtual functions went away under a guest"
	expect refused "$vf: IOMMU group [0-9]*: in use by process $torc"
	torc-vfio recover
	running || fail "torc has ended"
	expect_driver "$vf" vfio-pci
	kill -s TERM "$torc"
	finish 20
	expect_status 0
	torc-vfio vfs "$pf" 3
	[ "$(cat "/sys/bus/pci/devices/$pf/sriov_numvfs")" -eq 3 ] || fail "$pf has not three virtual functions"
done
torc-vfio unbind "$LAB_BDF_NVME_A"
torc-vfio recover

# The drive's functions have queues of their own, and share its namespace: what a guest writes is there after its driver
# came and went and after a reboot, and the host reads it too.
torc-vfio vfs "$LAB_BDF_NVME_A" 1
vf=$(basename "$(readlink "/sys/bus/pci/devices/$LAB_BDF_NVME_A/virtfn0")")
start commands --device "$(device "$vf"),bind=on"
await serial '^TORC-GUEST-COMMANDS'
ask 'verify 4 /dev/nvme0n1'
ask 'head -c 2097152 /dev/urandom >/tmp/data && dd if=/tmp/data of=/dev/nvme0n1 bs=64k oflag=direct 2>/dev/null'
ask 'echo "SUM $(md5sum </tmp/data)"'
sum=$(sed -n 's/^SUM \([0-9a-f]*\).*/\1/p' serial)
read='dd if=/dev/nvme0n1 bs=64k count=32 iflag=direct 2>/dev/null | md5sum'
ask 'cd /sys/bus/pci/drivers/nvme && echo 0000:00:01.0 >unbind && test ! -e /dev/nvme0n1 && echo 0000:00:01.0 >bind'
ask 'within 100 test -b /dev/nvme0n1'
ask "$read | grep $sum && verify 4 /dev/nvme0n1"
ask 'dd if=/tmp/data of=/dev/nvme0n1 bs=64k oflag=direct 2>/dev/null'
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask "$read | grep $sum"
tell 'poweroff -f'
finish
expect_status 0
dd if="$(drive_named torcA)" bs=64k count=32 iflag=direct 2>/dev/null | md5sum | grep "$sum" || fail "the host reads something else"
torc-vfio vfs "$LAB_BDF_NVME_A" 0
expect_empty_journal
