# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # the cases read these
# For cases of torc-vfio; source lib.sh first. On every way out everything is put back by the program under test; what it
# leaves, job.sh holds against the case.

# Two functions of one device, so in one IOMMU group; see hosts/devices.conf.
twin_a=0000:00:14.0 twin_b=0000:00:14.1
trap 'set +e; cleanup; torc-vfio recover' EXIT

# expect_driver BDF DRIVER
expect_driver() {
	[ "$(driver "$1")" = "$2" ] || fail "$1 has driver $(driver "$1"), not $2"
}

expect_empty_journal() {
	[ -z "$(ls /var/lib/torc/bind)" ] || fail "left in the journal: $(ls /var/lib/torc/bind)"
}

# drive_named SERIAL: the block device of the host's drive, once its driver has found it.
drive_named() {
	for _ in $(seq 400); do
		for named in /sys/block/nvme[0-9]n1; do
			! grep -qs "^$1 *$" "$named/device/serial" || { echo "/dev/${named##*/}"; return; }
		done
		sleep 0.1
	done
	fail "no drive $1"
}
