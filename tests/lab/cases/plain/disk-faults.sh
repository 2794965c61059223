#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a disk's file or device cannot do is an I/O error in the guest, and a warning for each disk; all else goes on. In
# turn: bad blocks of a device, past the page cache and through it; a full filesystem; a file cut short.
. "$CASES/lib.sh"
# shellcheck disable=SC2034 # start reads it
initramfs=$GUESTS/guest-virtio.cpio

devices=/sys/kernel/config/nullb
release() {
	cleanup
	rmdir $devices/bad-a $devices/bad-b 2>/dev/null || :
	! mountpoint -q full || umount -l full # Linux 6.1 closes the image up to a second later
}
trap release EXIT
modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
# bad_device NAME: /dev/NAME, 16 MiB in memory without the 4 KiB at 1 MiB.
bad_device() {
	mkdir "$devices/$1"
	for setting in size=16 blocksize=512 memory_backed=1 badblocks=+2048-2055 power=1; do
		echo "${setting#*=}" >"$devices/$1/${setting%%=*}"
	done
}
bad_device bad-a
bad_device bad-b
mkdir full
mount -t tmpfs -o size=1m full full
truncate -s 8M full/image cut
dd if=/dev/zero of=full/ballast bs=64k 2>/dev/null && fail "the filesystem is not full"

start commands --disk path=/dev/bad-a,direct=on path=/dev/bad-b path=full/image path=cut
await serial '^TORC-GUEST-COMMANDS'
tell 'get() { dd if=/dev/$1 of=/tmp/got bs=4k skip=$2 count=1 iflag=direct; }'
tell 'put() { dd if=/tmp/data of=/dev/$1 bs=4k seek=$2 count=1 oflag=direct conv=notrunc$3; }'
tell 'works() { "$@" 2>/tmp/error || { cat /tmp/error; false; }; }'
tell 'fails() { ! "$@" 2>/tmp/error && grep "Input/output error" /tmp/error || { cat /tmp/error; false; }; }'
tell 'same() { works get $1 $2 && cmp /tmp/got /tmp/data; }'
ask 'head -c 4096 /dev/urandom >/tmp/data'

# With O_NONBLOCK, which helps an image on a tmpfs, a device would fail what it cannot do at once.
for fd in "/proc/$torc/fd"/*; do
	flags=$(sed -n 's/^flags:[[:blank:]]*/0/p' "/proc/$torc/fdinfo/${fd##*/}")
	case $(readlink "$fd") in
	/dev/bad-?) [ $((flags & 04000)) -eq 0 ] || fail "$fd of a device has O_NONBLOCK" ;;
	*/full/image) [ $((flags & 04000)) -ne 0 ] || fail "$fd of a file on a tmpfs lacks O_NONBLOCK" ;;
	esac
done

for _ in 1 2; do
	ask 'fails get vda 256 && fails put vda 256'
	ask 'works put vda 255 && works put vda 257 && same vda 255 && same vda 257'
done
# The page cache takes it, the device does not.
ask 'fails put vdb 256 ,fsync'
ask 'works put vdb 300 ,fsync && same vdb 300'

for _ in 1 2; do
	ask 'fails put vdc 100 && works get vdc 100'
done
rm full/ballast
ask 'works put vdc 100 && same vdc 100'

ask 'works put vdd 10 && works put vdd 1500'
truncate -s 4M cut
ask 'fails get vdd 1500 && fails get vdd 1024 && same vdd 10'
# What is written makes it longer again.
ask 'works put vdd 1500 && same vdd 1500'

tell 'poweroff -f'
finish
expect_status 0
expect log 'warning: _disk0: (read|write) of 4096 bytes at 1048576: Input/output error; the guest got'
expect log 'warning: _disk1: flush: Input/output error; the guest got'
expect log 'warning: _disk2: write of 4096 bytes at 409600: No space left on device; the guest got'
expect log 'warning: _disk3: read of 4096 bytes at 6144000: the file ends before; the guest got'
[ "$(grep -cE '(warning|error):' log)" -eq 4 ] || fail "not a warning for each disk"
