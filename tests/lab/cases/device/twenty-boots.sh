#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Twenty boots in a row, each with interrupts of the drive in use and every tenth with the drive in the hands of Linux,
# leave no descriptor, no locked or pinned memory and no bound group behind. TORC_SOAK: Linux each time.
. "$CASES/lib.sh"
left() {
	grep -E '^(Mlocked|Unevictable)' /proc/meminfo
	# Each CPU counts for itself, and adds it to what vmstat shows now and then, or when told to.
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 }
		END { print "pinned pages:", n }' /proc/vmstat
	# What is still open of KVM and VFIO, and host interrupts that are still taken.
	find /proc/[0-9]*/fd -lname '*kvm*' -o -lname '*vfio*' 2>/dev/null || :
	grep -E 'vfio|kvm' /proc/interrupts || :
}
kernel=$LAB_GUEST_VMLINUX
left >before
files_before=$(cut -f 1 /proc/sys/fs/file-nr)
boot=0
while [ $((boot += 1)) -le 20 ]; do
	if [ $((boot % 10)) -eq 0 ] || [ -n "${TORC_SOAK-}" ]; then
		start none --device "$(device "$LAB_BDF_NVME_A")"
		said='TORC-GUEST-EXIT 0'
	else
		launch -v --kernel "$GUESTS/attach" --memory 256M --device "$(device "$LAB_BDF_NVME_A")"
		said='ATTACHED 1 0 0'
	fi
	finish 60
	expect_status 0
	expect serial "$said"
	expect_not log '(warning|error):'
	expect_released "$LAB_BDF_NVME_A"
	[ $((boot % 10)) -eq 0 ] || continue
	left >after
	diff before after || fail "left behind by boot $boot or the nine before it"
done
files_after=$(cut -f 1 /proc/sys/fs/file-nr)
echo "file handles: $files_before before, $files_after after"
[ $((files_after - files_before)) -lt 200 ] || fail "open files were left behind"
