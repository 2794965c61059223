#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proof of the lab with a peer VMM, and the pattern for a test in it: QEMU with KVM on the lab's host boots a guest
# that owns the NVMe drive of NUMA node 1 through VFIO and verifies 16 MiB on it with fio.
# Usage: tests/lab/peer-qemu.sh [BZIMAGE OR VMLINUX]       (calls run.sh itself)
#
# The initramfs is made out here: in the lab everything takes ten times as long.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"

# job GUEST.CPIO KERNEL: in the lab.
job() {
	"$here/bind.sh" "$LAB_BDF_NVME_A"
	"$LAB_QEMU" -M q35 -accel kvm -cpu host -nodefaults -nographic -serial stdio -m 512 -no-reboot \
		-kernel "$2" -initrd "$1" -append "console=ttyS0 quiet panic=-1 mitigations=off" \
		-device "vfio-pci,host=$LAB_BDF_NVME_A" </dev/null | tee /tmp/guest-log
	grep -q 'TORC-GUEST-EXIT 0' /tmp/guest-log
	"$here/bind.sh" --undo "$LAB_BDF_NVME_A"
	echo "back to $(basename "$(readlink "/sys/bus/pci/devices/$LAB_BDF_NVME_A/driver")")"
}

if [ "${1-}" = --job ]; then
	job "$2" "$3"
	exit
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-peer.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
cat >"$tmp/init" <<'END'
fio --name=verify --filename=/dev/nvme0n1 --rw=randwrite --bs=64k --size=16m --direct=1 --ioengine=libaio \
	--iodepth=8 --verify=crc32c --verify_fatal=1 | grep -E 'err=|READ:|WRITE:'
END
"$here/fetch.sh"
"$here/mkguest.sh" "$tmp/guest.cpio" --with fio --init "$tmp/init"
"$here/run.sh" --devices nvme-a -- "$here/peer-qemu.sh" --job "$tmp/guest.cpio" "${1:-$LAB_GUEST_BZIMAGE}"
