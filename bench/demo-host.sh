#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The part of demo.sh that runs on the lab's host, as root. Usage: demo-host.sh STAGE PYTHON
#
# fio on the bare host, with the host's own NVMe driver; then the drive goes to vfio-pci and to a guest of torc, where
# fio does the same. Results go to $TORC_LAB_OUT. Writes to the drive: only to the lab's scratch drive, told by its
# serial number.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tests/lab/env.sh"
stage=$1 python=$2 out=$TORC_LAB_OUT
bdf=$LAB_BDF_NVME_A serial=torcA
dev=/sys/bus/pci/devices/$bdf

say() {
	echo "bench: $*"
}

die() {
	say "$@"
	exit 1
}

# The block device of the namespace; a multipath head hangs on the subsystem and not on the controller.
find_disk() {
	[ "$(cat "$dev"/nvme/nvme*/serial | tr -d ' ')" = $serial ] || die "$bdf is not the lab's scratch drive"
	for block in /sys/block/nvme*n*; do
		[ -e "$block/hidden" ] && [ "$(cat "$block/hidden")" = 1 ] && continue
		[ "$(tr -d ' ' <"$block/device/serial")" = $serial ] || continue
		disk=/dev/${block##*/}
		return
	done
	die "no block device for $bdf"
}

# host_fio NAME ARGUMENT...
host_fio() {
	name=$1
	shift
	fio --name="$name" --filename="$disk" --size=32m --direct=1 --ioengine=io_uring --eta=never \
		--lat_percentiles=1 --clat_percentiles=0 --output-format=json --output="$out/host-$name.json" "$@"
}

facts() {
	cat <<-END
		{"bdf": "$bdf", "serial": "$serial", "model": "$(sed 's/ *$//' "$dev"/nvme/nvme*/model)",
		 "driver": "$(basename "$(readlink "$dev/driver")")", "node": $(cat "$dev/numa_node"),
		 "group": $(basename "$(readlink "$dev/iommu_group")"), "cpus": $(nproc), "kernel": "$(uname -r)",
		 "guest_kernel": "$(cat "$LAB_GUEST_KERNEL/release")"}
	END
}

find_disk
facts >"$out/host.json"
say "fio on the bare host"
host_fio fill --rw=write --bs=64k --iodepth=8
for depth in 1 32; do
	host_fio "qd$depth" --rw=randread --bs=4k --iodepth=$depth --time_based --runtime=4
done
say "$bdf: from $(basename "$(readlink "$dev/driver")") to vfio-pci"
"$here/../tests/lab/bind.sh" "$bdf"
"$python" "$here/measure.py" demo "$stage" "$bdf" "$out"
