# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # the host sets these
# What the guests of torc-bench run, and, in a chroot of the guests' initramfs, the bare host: what the host types, lines
# of this shell and calls of the functions below. There are the host's own programs and no others; see initramfs.py.
# Lines that start with TORC- are for the host. Each byte there costs a guest exits, so nothing is printed inside a
# window in which exits are counted.

tmp=${TMPDIR:-/tmp}
# Others are for the test.
sys=${TORC_SYS:-/sys} dev=${TORC_DEV:-/dev}

# wait_for SECONDS COMMAND...
wait_for() {
	tries=$((${1} * 20))
	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || { echo "TORC-FAILED waiting: $*"; return 1; }
		sleep 0.05
	done
}

# use_disk NAME STAT: the disk that is measured, and the file of the block layer's counters of it.
# shellcheck disable=SC2034 # what the host types has $disk
use_disk() {
	disk=/dev/$1 stat=$2
	echo TORC-DISK
}

# The drive's namespace of this number. Of a multipath drive its path has the counters.
has_namespace() {
	for at in "$sys"/block/nvme*n*/nsid; do
		number=''
		[ ! -r "$at" ] || read -r number <"$at"
		[ "$number" = "$1" ] || continue
		at=${at%/nsid} name=${at##*/}
		[ -e "$dev/$name" ] && return
	done
	return 1
}

# find_disk NSID
find_disk() {
	wait_for 30 has_namespace "$1" || return
	for stat in "$sys/block/${name%n*}"c*"n${name##*n}/stat" "$sys/block/$name/stat"; do
		[ ! -e "$stat" ] || break
	done
	use_disk "$name" "$stat"
}

# What the disk has completed.
ios() {
	read -r read _ _ _ written _ <"$stat"
	ios=$((read + written))
}

sample() {
	ios
	read -r up _ </proc/uptime
	samples="$samples $ios $up"
}

failed() {
	cat "$tmp/result" "$tmp/error"
	echo "TORC-FAILED $*"
	return 1
}

# measure NAME SECONDS COMMAND...: fio, which goes on for longer than that. The window begins 0.4 s after the line that
# the host waits for; see BEFORE_WINDOW_S.
measure() {
	name=$1 seconds=$2 samples=''
	shift 2
	ios
	begin=$ios
	"$@" >"$tmp/result" 2>"$tmp/error" &
	worker=$!
	until ios && [ "$ios" -ne "$begin" ]; do
		kill -0 $worker 2>/dev/null || { wait $worker; failed "$@"; return; }
		sleep 0.05
	done
	echo "TORC-WINDOW $name"
	sleep 0.4; sample
	sleep "$seconds"; sample
	wait $worker || { failed "$@"; return; }
	echo "TORC-IOS $name$samples"
	show FIO "$name"
}

# show WORD NAME: the result in a line.
show() {
	printf 'TORC-%s %s ' "$1" "$2"
	while read -r line; do printf '%s ' "$line"; done <"$tmp/result"
	echo
}

find_interface() {
	interface=$(ip -o link | while read -r _ name _; do
		[ "$name" = lo: ] || { echo "${name%%[:@]*}"; break; }
	done)
	[ -n "$interface" ]
}

carrier() {
	case $(ip -o link show dev "$interface") in *LOWER_UP*) ;; *) return 1 ;; esac
}

# network ADDRESS [INTERFACE]: the only one that there is, if it is not named; and what the other end measures with.
network() {
	interface=${2-}
	[ -n "$interface" ] || wait_for 30 find_interface || return
	ip address add "$1/24" dev "$interface" && ip link set lo up && ip link set "$interface" up || return
	wait_for 60 carrier || return
	iperf3 -s >"$tmp/iperf3" 2>&1 &
	sockperf server -i "$1" -p 11111 >"$tmp/sockperf" 2>&1 &
	sockperf server -i "$1" -p 11112 --tcp >"$tmp/sockperf-tcp" 2>&1 &
	echo "TORC-NETWORK $interface"
}

[ ! -t 0 ] || stty -echo
echo TORC-IDLE
while read -r line; do eval "$line"; done
