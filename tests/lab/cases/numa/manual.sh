#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each example of torc(1) that runs a VM is the same machine when what it means is read from JSON: where all would be, what
# torc says as it starts, and it starts. With devices, CPUs and node numbers that this host has, a guest that only says that
# it is there, and less memory.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
reserve 0 2048 128

# One line each, as a shell has it.
examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$TORC_LAB/../../core/vmm/torc.1.in" |
		sed -e ':join' -e '/\\e$/{' -e N -e 's/ *\\e\n */ /' -e 'b join' -e '}' -e 's/\\(dq/"/g' |
		sed -n -e 's/ --dry-run//' -e 's/size=[0-9]*G/size=256M/g' -e 's/@\[\(8\|10\)\]/@[2]/g' -e 's/@\[\(9\|11\)\]/@[3]/g' \
			-e "s,/[a-z/]*/vmlinu[xz],$GUESTS/ready," -e "s,/boot/initrd.img,$initramfs," \
			-e "s/0000:01:00.0/$LAB_BDF_NVME_B/" -e "s/0000:81:00.0/$LAB_BDF_NVME_A/" -e 's/^torc -/-/p'
}

# machine FOLDER OPTION...: a start, and what was said of it.
machine() {
	mkdir "$1"
	cd "$1"
	shift
	"$PROGRAM" "$@" --dry-run >planned
	launch -v --log-format text "$@"
	await serial '^READY'
	case $line in *--device*) await log 'mapped for DMA' ;; esac
	kill -s TERM "$torc"
	finish
	expect_status 0
	# How far it has come is told each second only: by which of two starts, is the scheduler's to say.
	sed -e '/MiB populated$/d' -e 's/^\[[ 0-9.]*\] //' -e 's/[0-9.]* \(ms\|us\)/? \1/g' log | sort >told
	cd ..
}

examples >lines
[ "$(wc -l <lines)" -ge 5 ] || { cat lines; fail "hardly an example"; }
number=0
while read -r line; do
	number=$((number + 1))
	echo "$line"
	set -f
	eval "set -- $line"
	set +f
	machine "typed$number" "$@"
	"$PROGRAM" "$@" --print-config >"vm$number.json"
	machine "read$number" --config "$PWD/vm$number.json"
	for what in planned told; do
		diff "typed$number/$what" "read$number/$what" || fail "not the same machine: $line"
	done
	[ "$(wc -l <"typed$number/told")" -ge 3 ] || { cat "typed$number/log"; fail "hardly anything told"; }
done <lines
