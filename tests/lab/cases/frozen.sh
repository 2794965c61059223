# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases of storage that does not answer any more; after lib.sh.

frozen=''
thaw() {
	[ -z "$frozen" ] || fsfreeze -u disk
	frozen=''
}

# freeze OPTION...: a guest whose writes to its first disk, path=disk/image, have stopped, as the file system below is frozen.
# shellcheck disable=SC2034 # lib.sh starts guests with it
freeze() {
	trap 'set +e; thaw; cleanup; umount disk' EXIT
	modprobe loop
	truncate -s 96M filesystem
	mkfs.ext4 -q filesystem
	mkdir disk
	mount -o loop filesystem disk
	truncate -s 64M disk/image other
	initramfs=$GUESTS/guest-virtio.cpio
	start commands "$@"
	await serial '^TORC-GUEST-COMMANDS'
	tell 'sectors() { awk "{ print \$7 }" /sys/block/vda/stat; }'
	tell 'still() { was=$(sectors); usleep 500000; [ "$was" = "$(sectors)" ]; }'
	tell 'written() { [ "$(sectors)" -gt 1000 ]; }'
	tell '(while dd if=/dev/zero of=/dev/vda bs=64k oflag=direct; do :; done) 2>/dev/null &'
	ask 'within 200 written'
	fsfreeze -f disk
	frozen=1
	ask 'within 100 still'
}
