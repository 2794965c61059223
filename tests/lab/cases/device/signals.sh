#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGTERM, SIGINT and SIGHUP end a torc whose guest uses the drive: exit status 0, everything released.
. "$CASES/lib.sh"
pins() {
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 } END { print n }' /proc/vmstat
}
before=$(pins)
cpus=2
for signal in TERM INT HUP; do
	start commands --device "$(device "$LAB_BDF_NVME_A")"
	await serial '^TORC-GUEST-COMMANDS'
	[ "$(pins)" -ge $((before + 60000)) ] || fail "the guest's memory is not pinned"
	tell 'while :; do dd if=/dev/nvme0n1 of=/dev/null bs=64k count=100 iflag=direct 2>/dev/null; echo READ; done'
	await serial '^READ'
	kill -s $signal "$torc"
	finish 20
	expect_status 0
	expect log "signal .*: ending the VM"
	expect_released "$LAB_BDF_NVME_A"
	[ $(($(pins) - before)) -lt 64 ] || fail "after SIG$signal $(($(pins) - before)) pages are still pinned"
done
