#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make the Debian that guests boot from a disk: a raw image, 384 MiB and sparse, with a GPT and an ext4 root in
# partition 1; systemd, udev, a login prompt on ttyS0 and a root without a password. No kernel: that is torc's to load.
#
#   mkdebian.sh LINK    makes LINK point to the image, which is in the lab's cache
#
# Made once, in half a minute; a changed recipe, which is this file, makes another. Packages come from the mirror that
# the machine's own sources name. Needs neither root nor a loop device. Whoever writes to the image copies it first.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"
[ $# -gt 0 ] || lab_die "usage: mkdebian.sh LINK"

# In sectors; the last MiB is for the second copy of the GPT.
start=2048 size=$(((384 - 2) * 2048))

# bootstrap TAR: an unpacked and configured Debian, as small as apt has it.
bootstrap() {
	lab_mirror | {
		read -r uri keyring || lab_die "no Debian mirror in /etc/apt/sources.list or sources.list.d"
		set -- "$1" "deb [signed-by=$keyring] $uri bookworm main"
		for unused in doc man locale info; do
			set -- "$@" --dpkgopt="path-exclude=/usr/share/$unused/*"
		done
		mmdebstrap --variant=minbase --include=systemd-sysv,udev --aptopt='Acquire::Check-Date "false"' \
			--aptopt='Acquire::Retries "3"' bookworm "$@"
	} >"$new.log" 2>&1 || { cat "$new.log" >&2; lab_die "mmdebstrap failed"; }
}

# configure ROOT: what an installer would have asked, and none of the work that a first boot does by itself.
configure() {
	echo torc-debian >"$1/etc/hostname"
	echo 746f7263746f7263746f7263746f7263 >"$1/etc/machine-id"
	sed -i 's/^root:[^:]*:/root::/' "$1/etc/shadow"
	: >"$1/etc/fstab"
	rm "$1/etc/shadow-" "$1/etc/gshadow-" # of mode 0, which fakeroot cannot read
	# How long it waits for a device or a service depends on no clock but the case's.
	mkdir -p "$1/etc/systemd/system.conf.d"
	printf '[Manager]\nDefaultTimeoutStartSec=infinity\n' >"$1/etc/systemd/system.conf.d/lab.conf"
	# The slowest, for volumes and virtual terminals that are not there.
	for unit in e2scrub_reap.service getty-static.service getty@tty1.service; do
		ln -s /dev/null "$1/etc/systemd/system/$unit"
	done
}

# partition IMAGE TREE
partition() {
	truncate -s $(((start + size + 2048) * 512)) "$1"
	printf 'label: gpt\nstart=%s, size=%s, type=linux\n' $start $size | sfdisk -q "$1"
	mke2fs -q -t ext4 -b 4096 -d "$2" -E "offset=$((start * 512))" "$1" $((size / 8))
}

# Run again by fakeroot, so that the files are root's, whoever runs this.
if [ "$1" = --as-root ]; then
	mkdir "$2"
	tar -x -f "$2.tar" -C "$2" --exclude='./dev/*'
	configure "$2"
	partition "$2.raw" "$2"
	exit
fi

image=$LAB_CACHE/debian-$(cksum <"$here/mkdebian.sh" | cut -d' ' -f1).raw
if [ ! -e "$image" ]; then
	mkdir -p "$LAB_CACHE"
	exec 9>"$LAB_CACHE/lock"
	flock -n 9 || { lab_say "waiting for another fetch"; flock 9; }
	new=$LAB_CACHE/debian-new.$$
	trap 'rm -rf "$new" "$new".*' EXIT
	trap 'exit 130' INT TERM HUP
fi
if [ ! -e "$image" ]; then
	lab_say "making a Debian image (once; half a minute)"
	bootstrap "$new.tar"
	fakeroot sh "$0" --as-root "$new"
	mv "$new.raw" "$image"
fi
ln -sfn "$image" "$1"
