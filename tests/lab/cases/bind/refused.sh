#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the host uses is not bound, and it says what: a mounted drive, a NIC with an address, what shares a group with that.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
trap 'set +e; cleanup; umount mnt; torc-vfio recover' EXIT

# refused BDF REASON REMEDY: by the tool, and by torc.
refused() {
	grep . /sys/bus/pci/devices/*/driver_override >before
	status=0
	torc-vfio bind "$1" 2>log || status=$?
	expect_status 1
	expect log "^torc-vfio: device $1: .*$2"
	expect log "remedy: $3"
	launch --kernel "$GUESTS/poweroff" --memory 64M --device "$(device "$1"),bind=on"
	finish 20
	expect_status 1
	expect log "^torc: device $1: .*$2"
	grep . /sys/bus/pci/devices/*/driver_override >after
	diff before after || fail "something was changed"
	torc-vfio list | grep "^$1 .* no: .*" || fail "not in the list"
}

interface() {
	ls "/sys/bus/pci/devices/$1/net"
}

disk=$(ls -d /sys/bus/pci/devices/"$LAB_BDF_NVME_B"/nvme/nvme*/nvme*n1)
mkfs.ext4 -q "/dev/${disk##*/}"
mkdir mnt
mount "/dev/${disk##*/}" mnt
refused "$LAB_BDF_NVME_B" "in use by the host: ${disk##*/} is mounted on $PWD/mnt" "umount $PWD/mnt"
: >mnt/still-there
umount mnt

nic=$(interface "$twin_b")
ip address add 192.0.2.1/24 dev "$nic"
ip link set "$nic" up
refused "$twin_b" "interface $nic is up and has address 192.0.2.1" "ip address flush dev $nic"
refused "$twin_a" "shares IOMMU group $(group "$twin_a") with $twin_b, in use by the host: interface $nic" ip
torc-vfio bind --force "$twin_a"
for bdf in $twin_a $twin_b; do
	expect_driver "$bdf" vfio-pci
done
torc-vfio unbind "$twin_b"
for bdf in $twin_a $twin_b; do
	expect_driver "$bdf" e1000
done
refused 0000:40:00.0 'a bridge, which stays with the host' 'name the devices'
