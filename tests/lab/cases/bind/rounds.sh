#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four rounds, twenty with TORC_SOAK, for every device of the lab: from the host's driver to a guest that takes its
# interrupts and back, by torc-vfio and by bind=on in turn. Afterwards the host is as it was, and whatever has a driver
# there moves data.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
. "$CASES/interrupts.sh"
nr=${TORC_SOAK:+20}
nr=${nr:-4}
put_back() {
	set +e
	cleanup
	wire_down
	ip netns delete wire 2>/dev/null
	torc-vfio recover
	for pf in $LAB_BDF_NVME_A $LAB_BDF_IGB; do torc-vfio vfs "$pf" 0; done
	ip link set "$(ls "/sys/bus/pci/devices/$LAB_BDF_IGB/net")" down
}
trap put_back EXIT

# What no round may change.
state() {
	readlink /sys/bus/pci/devices/*/driver
	grep vfio /proc/interrupts || :
	echo "journal:" /var/lib/torc/bind/*
}

# rounds SAID BDF...: what the guest says of their interrupts.
rounds() {
	said=$1
	shift
	torc-vfio list >list.before
	state >state.before
	begin=$(seconds)
	for round in $(seq "$nr"); do
		own='' bind=''
		if [ $((round % 2)) -eq 0 ]; then bind=,bind=on; else torc-vfio bind "$@" >/dev/null; fi
		for bdf; do own="$own $(device "$bdf")$bind"; done
		# shellcheck disable=SC2086 # a list
		launch -v --kernel "$GUESTS/attach" --memory 64M --device $own
		finish 20
		expect_status 0
		expect serial "^ATTACHED ${said}[^0-9]*\$"
		expect_not log 'error:'
		[ -n "$bind" ] || torc-vfio unbind "$@" >/dev/null
		state >state.after
		diff state.before state.after || fail "after round $round"
	done
	torc-vfio list >list.after
	diff list.before list.after || fail "not as before all rounds"
	echo "# $nr rounds of $# devices in $(($(seconds) - begin)) s"
}

# drive_moves DRIVE: on the host.
drive_moves() {
	n=0
	until [ -b "$1" ]; do
		[ $((n += 1)) -lt 400 ] || fail "no $1"
		sleep 0.1
	done
	head -c 1048576 /dev/urandom >data
	dd if=data of="$1" bs=64k oflag=direct conv=fsync 2>/dev/null
	dd if="$1" bs=64k count=16 iflag=direct 2>/dev/null | cmp - data || fail "$1 has not what was written"
}

# nic_moves BDF: a file from the host's other end of the wire.
nic_moves() {
	other=$(ls "/sys/bus/pci/devices/$1/net")
	ip netns add wire
	ip link set "$other" netns wire
	ip -n wire address add 10.9.1.2/24 dev "$other"
	ip -n wire link set "$other" up
	n=0
	until ip netns exec wire busybox wget -q -O got http://10.9.1.1/to-guest; do
		[ $((n += 1)) -lt 100 ] || fail "$other: nothing comes"
		sleep 0.2
	done
	cmp got www/to-guest
	ip netns delete wire
}

rounds '4 1 3' "$LAB_BDF_NVME_A" "$LAB_BDF_E1000E" "$LAB_BDF_IGB" "$LAB_BDF_XHCI" "$LAB_BDF_EDU" "$LAB_BDF_E1000" \
	"$LAB_BDF_SD" "$LAB_BDF_TESTDEV"
wire_up
for bdf in $LAB_BDF_E1000E $LAB_BDF_IGB $LAB_BDF_E1000; do nic_moves "$bdf"; done
drive_moves "$(drive_named torcA)"
drive_moves /dev/mmcblk0
drive_moves "/dev/$(ls /sys/bus/pci/devices/"$LAB_BDF_XHCI"/usb*/*/*/host*/target*/*/block)"
# Those without a driver on the host: edu in a guest that counts and compares.
launch --kernel "$GUESTS/edu" --memory 256M --device "$(device "$LAB_BDF_EDU"),bind=on"
finish 60
expect_status 0
expect serial '^DONE'

pfs="$LAB_BDF_NVME_A $LAB_BDF_IGB" vfs=''
for pf in $pfs; do
	torc-vfio vfs "$pf" 1
	vfs="$vfs $(basename "$(readlink "/sys/bus/pci/devices/$pf/virtfn0")")"
done
ip link set "$(ls "/sys/bus/pci/devices/$LAB_BDF_IGB/net")" up
# shellcheck disable=SC2086 # a list
rounds '2 0 0' $vfs
