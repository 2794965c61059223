#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs cases on the lab's host and prints TAP without a plan; test.sh starts it. Usage: job.sh GROUP CASE...
# From the environment: TORC_BIN, the program to test; TORC_GUESTS, the folder with the guests' initramfs and kernels.

set -u
cases=$(cd "$(dirname "$0")" && pwd)
. "$TORC_LAB/env.sh"
GUESTS=$TORC_GUESTS PROGRAM=/run/torc CASES=$cases
export GUESTS PROGRAM CASES
# Read over 9p once, rather than at each start.
cp "$TORC_BIN" $PROGRAM
cp "${TORC_BIN%/*}/torc-vfio" "${TORC_BIN%/*}/torc-trace" /run/
PATH=/run:$PATH
group=$1
shift
bind=''
# shellcheck source=/dev/null
. "$cases/$group/group.conf"
if [ -n "$bind" ]; then
	# shellcheck disable=SC2086 # a list
	sh "$TORC_LAB/bind.sh" $bind >/dev/null || exit
fi

# What a case has to leave as it was.
snapshot() {
	cd /sys/bus/pci/devices || exit
	echo ./*/driver
	readlink ./*/driver
	cat ./*/driver_override
	grep . ./*/sriov_numvfs ./*/sriov_drivers_autoprobe
	echo "journal:" /var/lib/torc/bind/*
	grep -E '^(Mlocked|Unevictable|HugePages_Free)' /proc/meminfo
	# Each CPU counts for itself, and adds it to what vmstat shows now and then, or when told to.
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 }
		END { print "pinned pages:", n }' /proc/vmstat
	echo "running torc:" "$(grep -lx torc /proc/[0-9]*/comm 2>/dev/null)"
	for vfio in /dev/vfio/[0-9]*; do
		[ ! -e "$vfio" ] || (: <>"$vfio") 2>/dev/null || echo "in use: $vfio"
	done
	cd / || exit
}

indent() {
	tail -n "$1" | tr -d '\r' | cut -c 1-400 | sed 's/^/#   /'
}

# What a failed case said and left; all of it is kept.
explain() {
	indent 40 <output
	mkdir -p "$TORC_LAB_OUT/$case"
	cp -r output "$dir/." "$TORC_LAB_OUT/$case/"
	for file in log serial typescript; do
		[ -s "$dir/$file" ] || continue
		echo "# last lines of $file:"
		indent 25 <"$dir/$file"
	done
}

n=0
(snapshot) >/run/before 2>&1
for case; do
	n=$((n + 1))
	dir=/run/case/$case
	mkdir -p "$dir"
	cd /run/case || exit
	echo "torc-lab: case $case" >/dev/kmsg
	read -r begin _ </proc/uptime
	(cd "$dir" && exec timeout -k 5 "${TORC_CASE_TIMEOUT:-240}" sh "$cases/$group/$case.sh") >output 2>&1
	status=$?
	read -r end _ </proc/uptime
	took=$(echo "$begin $end" | awk '{ printf "%.1f", $2 - $1 }')
	(snapshot) >/run/after 2>&1
	if [ $status -eq 77 ]; then
		echo "ok $n - $group/$case ($took s) # SKIP $(tail -n 1 output)"
	elif [ $status -ne 0 ]; then
		echo "not ok $n - $group/$case ($took s)"
		[ $status -ne 124 ] || echo "# took too long"
		explain
	elif ! cmp -s /run/before /run/after; then
		echo "not ok $n - $group/$case ($took s)"
		echo "# left changed on the host:"
		diff /run/before /run/after | indent 40
	else
		echo "ok $n - $group/$case ($took s)"
		# What a case has measured.
		grep '^# ' output
	fi
	rm -rf "$dir"
	# What a case that failed left may go meanwhile.
	if [ $status -eq 0 ]; then mv /run/after /run/before; else (snapshot) >/run/before 2>&1; fi
done
