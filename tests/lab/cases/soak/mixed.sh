#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mixed random I/O on a disk with four queues, verified: on a file through the page cache, a file past it, and a block
# device, in turn.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=4
runs=${TORC_SOAK:-3} mib=${TORC_SOAK:+1024}
mib=${mib:-16}
nvme=/dev/$(cd "/sys/bus/pci/devices/$LAB_BDF_NVME_B/nvme"/*/ && echo nvme*n1)
truncate -s "${mib}M" file
run=0
while [ $run -lt "$runs" ]; do
	case $((run % 3)) in
	0) disk=path=file ;;
	1) disk=path=file,direct=on ;;
	2) disk=path=$nvme,direct=on ;;
	esac
	run=$((run + 1)) begin=$(seconds)
	start "mixed-$mib" --disk "$disk,num_queues=4"
	finish 3600
	expect_status 0
	expect serial "^MIXED $mib /dev/vda"
	expect_not log '(warning|error):'
	# From fio's line: error; KiB read, for verification too; KiB written.
	tr -d '\r' <serial | awk -F';' -v run="$run of $runs: $mib MiB on $disk in $(($(seconds) - begin)) s" '
		NF == 3 && $1 == 0 { n++; printf "# run %s, %d MiB read, %d written\n", run, $2 / 1024, $3 / 1024 }
		END { exit n != 1 }' || fail "no figures from fio"
done
