#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# direct=on where the storage takes blocks of 4,096 only: an image made for blocks of 512 keeps its partitions and takes
# writes of 512; a drive of 4,096 is one for the guest too, or, if asked for, one of 512.
. "$CASES/lib.sh"
# shellcheck disable=SC2034 # start reads it
initramfs=$GUESTS/guest-virtio.cpio

devices=/sys/kernel/config/nullb
release() {
	cleanup
	! mountpoint -q storage || umount -l storage # Linux 6.1 closes the image up to a second later
	for name in below whole asked; do
		[ ! -d $devices/$name ] || rmdir $devices/$name || :
	done
}
trap release EXIT
modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
for name in below whole asked; do
	mkdir $devices/$name
	for setting in size=32 blocksize=4096 memory_backed=1 power=1; do
		echo "${setting#*=}" >"$devices/$name/${setting%%=*}"
	done
done
mkfs.ext4 -q /dev/below
mkdir storage
mount /dev/below storage
truncate -s 16M storage/image
printf 'label: gpt\nstart=2048\n' | sfdisk -q storage/image
dd if=storage/image of=/dev/whole bs=1M 2>/dev/null

start commands --disk path=storage/image,direct=on path=/dev/whole,direct=on path=/dev/asked,direct=on,logical_block_size=512
await serial '^TORC-GUEST-COMMANDS'
expect log '_disk0: 16 MiB in blocks of 512 \(as of any file\).*\(what is no block of 4096 by the page cache\)'
expect log '_disk1: 32 MiB in blocks of 4096 \(the device.s\), '
expect log '_disk2: 32 MiB in blocks of 512 \(as asked for\).*by the page cache'
expect log '/dev/whole: its partition table is for blocks of 512 bytes.*with logical_block_size=512'
expect_not log 'storage/image: its partition'
tell 'sizes() { cd /sys/block/$1/queue && echo $(cat logical_block_size physical_block_size); }'
ask '[ "$(sizes vda),$(sizes vdb),$(sizes vdc)" = "512 4096,4096 4096,512 4096" ]'
ask '[ -b /dev/vda1 ] && [ ! -e /dev/vdb1 ]'
# Every third sector from an odd one on, past the guest's page cache, two at a time; the others stay.
tell 'put() { dd if=/tmp/data of=/dev/$1 bs=512 count=1 skip=$2 seek=$((4097 + $2)) oflag=direct conv=notrunc 2>/dev/null; }'
tell 'pattern() { i=0; while [ $i -lt 60 ]; do put $1 $i & put $1 $((i + 3)); wait; i=$((i + 6)); done; }'
tell 'got() { dd if=/dev/$1 bs=512 skip=4097 count=60 iflag=direct 2>/dev/null; }'
tell 'wanted() { i=0; while [ $i -lt 60 ]; do if [ $((i % 3)) -eq 0 ]; then dd if=/tmp/data bs=512 skip=$i count=1; else dd if=/dev/zero bs=512 count=1; fi 2>/dev/null; i=$((i + 1)); done; }'
ask 'head -c 32768 /dev/urandom >/tmp/data && wanted >/tmp/wanted'
for disk in vda vdc; do
	ask "pattern $disk && got $disk | cmp - /tmp/wanted"
done
echo "an image keeps its blocks of 512 on storage of 4096"
