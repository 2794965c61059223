#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What lspci makes of a device's configuration space in the guest and on the host differs by the lines of
# tests/golden/lspci only; a comment there says why.
. "$CASES/lib.sh"
golden=$CASES/../../golden/lspci

# dump FILE: configuration space as lspci -F takes it, of a device called 00:01.0 on both sides.
dump() {
	echo "00:01.0 Device"
	od -An -v -tx1 -w16 "$1" | awk '{ printf "%03x:%s\n", (NR - 1) * 16, $0 }'
}

# compare BDF NAME
compare() {
	# vfio-pci lets a device sleep that nobody has open.
	echo on >"/sys/bus/pci/devices/$1/power/control"
	dump "/sys/bus/pci/devices/$1/config" >host.dump
	echo auto >"/sys/bus/pci/devices/$1/power/control"
	start commands --device "$(device "$1")"
	await serial TORC-GUEST-COMMANDS
	ask 'echo CONFIG-BEGIN; od -An -v -tx1 -w16 /sys/bus/pci/devices/0000:00:01.0/config; echo CONFIG-END'
	tell 'poweroff -f'
	finish
	expect_status 0
	sed -n '/^CONFIG-BEGIN/,/^CONFIG-END/p' serial | tr -d '\r' | grep '^ ' |
		awk 'BEGIN { print "00:01.0 Device" } { printf "%03x:%s\n", (NR - 1) * 16, $0 }' >guest.dump
	for side in host guest; do
		lspci -F $side.dump -vvv | sed 's/[[:space:]]*$//' >$side.txt
	done
	diff host.txt guest.txt | grep '^[<>]' >"$2.got" || :
	grep '^[<>]' "$golden/$2" >"$2.want" || :
	diff "$2.want" "$2.got" || differing="$differing $2"
}
differing=''

compare "$LAB_BDF_NVME_A" nvme
compare "$LAB_BDF_E1000E" e1000e
[ -z "$differing" ] || fail "not the lines of tests/golden/lspci:$differing"
