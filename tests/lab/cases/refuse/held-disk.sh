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
modprobe -a null_blk dm-mod loop
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

# A mount point that a shell does not take as it is: its device is unmounted by name.
mkdir 'my disk'
mount /dev/held 'my disk'
refused 1 'disk held' 'in use: held is mounted on .*/my disk' 'umount /dev/held, or add readonly=on' --disk path=held
umount 'my disk'

# An image that the host has made a loop device of.
truncate -s 16M image
loop=$(losetup -f --show image)
refused 1 'disk image' "in use: the loop device ${loop#/dev/} is made of it" "losetup -d $loop, or add readonly=on" --disk path=image
starts --disk path=image,readonly=on
losetup -d "$loop"
starts --disk path=image

# What has it for itself and is none of these.
python3 -c 'import os, sys, time
os.open("/dev/held", os.O_RDONLY | os.O_EXCL)
print(flush=True)
time.sleep(60)' >exclusive &
holder=$!
until [ -s exclusive ]; do sleep 0.1; done
refused 1 'disk held' 'in use: the kernel or another program has it' 'fuser -v held .*readonly=on' --disk path=held
kill $holder

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
