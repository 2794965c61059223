#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The HOWTO's command: Debian from a partition of a raw image, read-write, with an NVMe drive. What it wrote is in the
# image after power-off, for this host's e2fsprogs and for a second boot, of a shell alone, which may only read. That one is
# from JSON, as --print-config writes it.
. "$CASES/lib.sh"
kernel=$LAB_GUEST_BZIMAGE initramfs=$GUESTS/guest-root.cpio
filesystem='image?offset=1048576'

# boot typed|read DISK ARGUMENT...: for the kernel's command line. Quiet: a character on the serial port takes a quarter of
# a millisecond in the lab.
boot() {
	how=$1 disk=$2
	shift 2
	set -- --kernel "$kernel" --initramfs "$initramfs" --disk "$disk" --console off --serial tty \
		--cmdline "console=ttyS0 root=/dev/vda1 quiet $*" --cpus 2 --memory size=512M \
		--device "$(device "$LAB_BDF_NVME_A")/"
	[ "$how" = typed ] || { "$PROGRAM" "$@" --print-config >vm.json && set -- --config vm.json; }
	launch -v "$@"
}

# answers MODE: an answer starts a line: no echo, no prompt, and the first prompt's line is over.
answers() {
	tell 'stty -echo; PS1= PS2=; echo'
	ask "grep -q '^/dev/vda1 / ext4 $1,' /proc/mounts"
}

ended() {
	finish 100
	expect_status 0
	expect_not log '(warning|error):'
}

cp --sparse=always "$GUESTS/debian.raw" image
boot typed path=image rw
await serial '^torc-debian login:' 1 100
tell root
await serial 'root@torc-debian:~#'
tell 'exec sh'
answers rw
ask 'systemctl is-system-running --wait' 100
ask 'grep -qx "torcA *" /sys/class/nvme/nvme0/serial'
ask 'head -c 8M /dev/urandom >random && sha256sum random >random.sum'
ask 'dd if=random of=/dev/nvme0n1 bs=1M oflag=direct status=none'
ask 'dd if=/dev/nvme0n1 bs=1M count=8 iflag=direct status=none | cmp - random'
ask 'echo SUM $(cat random.sum)'
tell poweroff
ended

e2fsck -fn "$filesystem" >fsck 2>&1 || fail "$(cat fsck)"
expect_not fsck recovery
debugfs -R 'dump /root/random random' "$filesystem" 2>/dev/null
sum=$(tr -d '\r' <serial | sed -n 's/^SUM \([0-9a-f]*\) .*/\1/p')
[ "$(sha256sum <random)" = "$sum  -" ] || fail "the image does not have what the guest wrote"

boot read path=image,readonly=on ro init=/bin/sh
await serial '^# '
answers ro
ask 'cd /root && sha256sum -c random.sum'
ask 'head -c 8M /dev/nvme0n1 | cmp - random'
ask '! touch new'
tell 'echo o >/proc/sysrq-trigger'
ended
expect_released "$LAB_BDF_NVME_A"
