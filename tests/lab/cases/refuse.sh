# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases in which torc refuses to start; source lib.sh first. What a case binds, loads or sets through these functions
# is put back on every way out.

kernel=$GUESTS/poweroff memory=256M bound='' loaded='' kvm_mode=''
# Runs torc: empty, or what as_nobody sets.
user=''

# restore: what a case adds to it, it has to do without a torc and more than once.
restore() {
	# What a remedy has bound.
	torc-vfio recover
	# shellcheck disable=SC2086 # lists
	[ -z "$bound" ] || sh "$TORC_LAB/bind.sh" --undo $bound
	# shellcheck disable=SC2086
	[ -z "$loaded" ] || modprobe -r $loaded
	[ -z "$kvm_mode" ] || chmod "$kvm_mode" /dev/kvm
	bound='' loaded='' kvm_mode=''
}
trap 'set +e; cleanup; restore' EXIT

# bind BDF...: to vfio-pci, with the others of their groups.
bind() {
	bound="$bound $*"
	sh "$TORC_LAB/bind.sh" "$@" >/dev/null
}

# bind_one BDF: this one alone.
bind_one() {
	bound="$bound $1"
	echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override"
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
}

# What no refusal may change: each device's driver, whether it is enabled, whose group is open, who runs.
state() {
	# Few programs: each takes its time in the lab.
	grep . /sys/bus/pci/devices/*/driver_override /sys/bus/pci/devices/*/enable
	echo /sys/bus/pci/devices/*/driver
	readlink /sys/bus/pci/devices/*/driver
	for vfio in /dev/vfio/[0-9]*; do
		[ ! -e "$vfio" ] || (: <>"$vfio") 2>/dev/null || echo "in use: $vfio"
	done
	echo "running torc:" "$(grep -lx torc /proc/[0-9]*/comm 2>/dev/null)"
	cat /proc/sys/kernel/io_uring_disabled
}

# try OPTION...: torc with a guest that powers off at once; it has two minutes. Sets $status; `log` has its messages.
try() {
	status=0
	# shellcheck disable=SC2086 # a command and its options
	timeout -k 1 120 $user "$PROGRAM" --kernel "$kernel" --memory "$memory" "$@" </dev/null >serial 2>log || status=$?
}

# refused STATUS OBJECT REASON REMEDY OPTION...: torc refuses, and the host is as it was.
refused() {
	want=$1 object=$2 reason=$3 remedy=$4
	shift 4
	state >state.before
	try "$@"
	state >state.after
	expect_status "$want"
	expect_error "$object" "$reason" "$remedy"
	[ ! -s serial ] || fail "something on standard output"
	diff state.before state.after || fail "changed on the host by a torc that refused"
}

# starts OPTION...: torc does not refuse; its guest runs, and powers off.
starts() {
	try -v "$@"
	[ "$status" -eq 0 ] || cat log
	expect_status 0
	expect log 'guest: power off'
}

# do_remedy: run the commands that torc printed, as they are.
do_remedy() {
	sed -n 's/^\( \{2\}remedy: \| \{10\}\)//p' log >remedy
	echo "running:" && cat remedy
	sh -eu ./remedy || fail "the commands of the remedy do not work"
}

# as_nobody KIB: from now on torc runs as a user without privileges, and with this limit of locked memory.
as_nobody() {
	# Where that user may read it.
	[ -e kernel ] || cp "$GUESTS/poweroff" kernel
	kernel=kernel
	[ -n "$kvm_mode" ] || kvm_mode=$(stat -c %a /dev/kvm)
	chmod 666 /dev/kvm
	printf '#!/bin/sh\nulimit -l %s\nexec "$@"\n' "$1" >limited
	user="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all sh limited"
}
