#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs cases on the lab's host and prints TAP without a plan; test.sh starts it. Usage: job.sh --torc TORC GROUP/CASE...
# From the environment: TORC_GUESTS, the folder with the guests' initramfs and kernels.

set -u
cases=$(cd "$(dirname "$0")" && pwd)
. "$TORC_LAB/env.sh"
. "$TORC_LAB/lib.sh"
GUESTS=$TORC_GUESTS PROGRAM=/run/torc CASES=$cases
export GUESTS PROGRAM CASES TORC_BIN
# A program that looks for a locale takes three times as long to start.
export LC_ALL=C
PATH=/run:$PATH
read -r up _ </proc/uptime
echo "# up after $up s"

# use TORC: the program to test, read over 9p once rather than at each start. The last one's may still be running.
use() {
	TORC_BIN=$1
	for program in torc torc-vfio torc-trace; do
		rm -f /run/$program
		cp "${TORC_BIN%/*}/$program" /run/ || exit
	done
}

# enter GROUP: from the one before. What cases of the one need bound, those of the other may need on its own driver.
group=''
enter() {
	[ "$1" != "$group" ] || return 0
	# shellcheck disable=SC2086 # a list
	[ -z "$group" ] || [ -z "$bind" ] || timeout 120 sh "$TORC_LAB/bind.sh" --undo $bind || exit
	group=$1 bind='' allow='^$'
	# shellcheck source=/dev/null
	. "$cases/$group/group.conf"
	if [ -n "$bind" ]; then
		# shellcheck disable=SC2086 # a list
		timeout 120 sh "$TORC_LAB/bind.sh" $bind >/dev/null || exit
	fi
	(snapshot) >/run/before 2>&1
}

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
	mkdir -p "$TORC_LAB_OUT/$name"
	cp -r output "$dir/." "$TORC_LAB_OUT/$name/"
	for file in log serial typescript; do
		[ -s "$dir/$file" ] || continue
		echo "# last lines of $file:"
		indent 25 <"$dir/$file"
	done
}

# complaints: what the kernel said since the case began that it may not.
complaints() {
	lab_kernel_said | grep -E "$LAB_COMPLAINTS" | grep -Ev -- "$allow"
}

# For what hangs; a soak may take long.
limit=600 n=0
[ -z "${TORC_SOAK-}${TORC_ACCESSES-}" ] || limit=40000
while [ $# -gt 0 ]; do
	if [ "$1" = --torc ]; then
		use "$2"
		shift 2
		continue
	fi
	n=$((n + 1)) name=$1 dir=/run/case/${1#*/}
	shift
	enter "${name%/*}"
	mkdir -p "$dir"
	cd /run/case || exit
	echo "torc-lab: case $name" >/dev/kmsg
	read -r begin _ </proc/uptime
	(cd "$dir" && exec timeout -k 5 "$limit" sh "$cases/$name.sh") >output 2>&1
	status=$?
	read -r end _ </proc/uptime
	took=$(echo "$begin $end" | awk '{ printf "%.1f", $2 - $1 }')
	(snapshot) >/run/after 2>&1
	said=$(complaints)
	if [ $status -eq 77 ]; then
		echo "ok $n - $name ($took s) # SKIP $(tail -n 1 output)"
	elif [ $status -ne 0 ]; then
		echo "not ok $n - $name ($took s)"
		[ $status -ne 124 ] || echo "# took too long"
		explain
	elif ! cmp -s /run/before /run/after; then
		echo "not ok $n - $name ($took s)"
		echo "# left changed on the host:"
		diff /run/before /run/after | indent 40
		explain
	elif [ -n "$said" ]; then
		echo "not ok $n - $name ($took s)"
		echo "# the host's kernel complained:"
		echo "$said" | indent 40
		explain
	else
		echo "ok $n - $name ($took s)"
		# What a case has measured.
		grep '^# ' output
	fi
	rm -rf "$dir"
	# What a case that failed left may go meanwhile.
	if [ $status -eq 0 ]; then mv /run/after /run/before; else (snapshot) >/run/before 2>&1; fi
done
