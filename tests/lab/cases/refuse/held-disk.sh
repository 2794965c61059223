#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk that the host uses, or another torc: by its own node or another, whole or a partition. What uses it is named; to
# read it is no harm.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"

device=/sys/kernel/config/nullb/held
release() {
	! mountpoint -q mounted || umount mounted
	[ ! -e /dev/mapper/volume ] || dmsetup remove --noudevsync volume
	swapoff /dev/held1 2>/dev/null || :
	! [ -d $device ] || rmdir $device
}
trap 'set +e; cleanup; release; restore' EXIT
modprobe -a null_blk dm-mod
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
mkdir $device
for setting in size=16 memory_backed=1 power=1; do
	echo "${setting#*=}" >"$device/${setting%%=*}"
done
# node FILE: another node of the device FILE.
node() {
	# shellcheck disable=SC2046 # two numbers
	mknod "${1##*/}" b $(($(stat -c 0x%t "$1"))) $(($(stat -c 0x%T "$1")))
}
node /dev/held

mkfs.ext4 -q /dev/held
mkdir mounted
mount /dev/held mounted
for path in /dev/held held; do
	refused 1 "disk $path" 'in use: held is mounted on .*/mounted' 'umount .*/mounted, or add readonly=on' --disk path=$path
done
starts --disk path=held,readonly=on
umount mounted

# Two torcs, each with a node of its own.
launch -v --kernel "$GUESTS/halt" --memory 64M --disk path=/dev/held
await log '_disk0: 16 MiB'
refused 1 'disk held' 'in use: another torc' 'end that one' --disk path=held
refused 1 'disk held' 'in use: another torc' 'end that one' --disk path=held,readonly=on
kill -s TERM "$torc"
finish 20
expect_status 0

# One partition, from 1 MiB on.
printf 'label: dos\nstart=2048, size=16384\n' | sfdisk -q /dev/held
node /dev/held1
mkfs.ext4 -q -F /dev/held1
mount /dev/held1 mounted
refused 1 'disk held' 'in use: held1 is mounted on' 'umount ' --disk path=held
refused 1 'disk held1' 'in use: held1 is mounted on' 'umount ' --disk path=held1
umount mounted
mkswap -q /dev/held1
swapon /dev/held1
refused 1 'disk held1' 'in use: held1 is swap space' 'swapoff /dev/held1' --disk path=held1
swapoff /dev/held1
echo '0 8192 linear /dev/held1 0' | dmsetup create --noudevsync volume
refused 1 'disk held1' 'in use: held1 is part of dm-[0-9]* \(volume\)' 'take it out of dm-' --disk path=held1
refused 1 'disk /dev/held' 'in use: held1 is part of dm-' 'take it out' --disk path=/dev/held
dmsetup remove --noudevsync volume
exec 8<>/dev/held1
starts --disk path=held1
exec 8<&-
echo "a mounted disk, a mounted partition, swap, a volume and another torc's disk are refused by whatever node"
