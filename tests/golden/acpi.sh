#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# acpi.sh DUMP_PROGRAM: the ACPI tables as ACPICA sees them. Every table must disassemble, the DSDT must compile again
# without an error or a warning, and its objects must evaluate to what a guest expects.
# Exit status: 0 all as expected, 1 something is not (named on stdout), 77 without iasl and acpiexec.
set -u

if [ $# -ne 1 ]; then
	echo "usage: acpi.sh DUMP_PROGRAM" >&2
	exit 2
fi
dump=$(realpath "$1")
for tool in iasl acpiexec; do
	if ! command -v "$tool" >/dev/null; then
		echo "acpi.sh: no $tool; package acpica-tools has it"
		exit 77
	fi
done
nr=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

fail() { # WHAT FILE_TO_SHOW
	{
		echo "not ok $nr $cpus CPUs${numa:+, two nodes}: $1"
		sed 's/^/    /' "$2"
	} >>failed
}

# ACPICA's messages; the names of objects and fields hold none of these words.
complaints='Error|Warning|Exception|Invalid|Incorrect|Could not|Failed|failed|Failure|AE_[A-Z]'

check_tables() {
	local t
	for t in dsdt facp apic mcfg xsdt ${numa:+srat slit}; do
		if ! iasl -d "$t.dat" >"$t.log" 2>&1; then
			fail "iasl -d $t" "$t.log"
		elif grep -E "$complaints" "$t.log" "$t.dsl" >"$t.found"; then
			fail "iasl -d $t: complaints" "$t.found"
		fi
	done
	if ! iasl -vs -p again dsdt.dsl >again.log 2>&1; then
		fail "recompile the DSDT" again.log
	elif ! grep -q ' 0 Errors, 0 Warnings, 0 Remarks' again.log; then
		fail "recompile the DSDT: not clean" again.log
	fi
}

# evaluate LOG COMMAND EXPECTED_LINE...: the lines are fixed strings that the answer has to hold.
evaluate() {
	local log=$1 command=$2 line
	shift 2
	if ! acpiexec -b "$command" dsdt.dat >"$log" 2>&1; then
		fail "acpiexec $command" "$log"
		return
	fi
	# The messages of loading the table are searched too; newer releases of acpiexec tell of what they forgot to free.
	if grep -Ev 'returned AE_OK$|ACPI Error: .* Outstanding cache allocations' "$log" | grep -Eq "$complaints"; then
		fail "acpiexec $command: complaints" "$log"
	fi
	for line in "$@"; do
		if ! grep -qF "$line" "$log"; then
			fail "acpiexec $command: no '$line'" "$log"
		fi
	done
}

# expect TABLE LINE...: the lines are fixed strings that the disassembly has to hold; runs of spaces count as one.
expect() {
	local table=$1 line
	shift
	tr -s ' ' <"$table.dsl" >"$table.lines"
	for line in "$@"; do
		if ! grep -qF "$line" "$table.lines"; then
			fail "$table: no '$line'" "$table.lines"
		fi
	done
}

uuid='(5b 4d db 33 f7 1f 1c 40 96 57 74 41 c0 3d d7 66)' # of _OSC of a PCI root bus

check_numa() {
	expect srat 'Table Revision : 00000001' 'Proximity Domain Low(8) : 01' 'Base Address : 0000000040000000' \
		'Address Length : 0000000080000000' 'Proximity Domain : 00000001'
	if [ "$(grep -c ' Enabled : 1' srat.dsl)" -ne $((cpus + 3)) ]; then
		fail "srat: not $cpus CPUs and 3 ranges of memory" srat.dsl
	fi
	expect slit 'Localities : 0000000000000002' 'Locality 0 : 0A 15' 'Locality 1 : 15 0A'
	expect mcfg 'Base Address : 00000000E8000000' 'Start Bus Number : 00' 'End Bus Number : 01'
	evaluate pxm0 'evaluate \_SB.PCI0._PXM' '[Integer] = 0000000000000001' &
	evaluate bbn0 'evaluate \_SB.PCI0._BBN' '[Integer] = 0000000000000000' &
	evaluate pxm1 'evaluate \_SB.P001._PXM' '[Integer] = 0000000000000000' &
	evaluate bbn1 'evaluate \_SB.P001._BBN' '[Integer] = 0000000000000001' &
	evaluate crs1 'evaluate \_SB.P001._CRS' '[Buffer] Length 6A' &
	# Its bus number and three windows; the ports of configuration space are PCI0's.
	evaluate windows1 'template \_SB.P001._CRS' 'Address Minimum : 0001' 'Address Minimum : 8000' \
		'Address Minimum : D0000000' 'Address Minimum : 0000003000000000' '[04] EndTag' &
	evaluate prt1 'evaluate \_SB.P001._PRT' '[Package] Contains 128 Elements' &
	evaluate sun1 'evaluate \_SB.P001.S001._SUN' '[Integer] = 0000000000000021' &
	evaluate osc5 "evaluate \_SB.P001._OSC $uuid 1 3 (01 00 00 00 1f 01 00 00 ff 00 00 00)" \
		'0000: 11 00 00 00 1F 01 00 00 30 00 00 00' &
}

# acpiexec sleeps for a second before it ends, hence all at once.
check_objects() {
	local osc='evaluate \_SB.PCI0._OSC'
	local names=$((2 * cpus + 22 + 3 * 29)) claims=4
	local ends=(EFFF E7FFFFFF 0000004FFFFFFFFF) ecam_size=00100000
	local other='(00 4d db 33 f7 1f 1c 40 96 57 74 41 c0 3d d7 66)'

	if [ -n "$numa" ]; then
		names=$((names + 10 - 3 * 29 + 3 * 2))
		claims=5
		ends=(7FFF CFFFFFFF 0000002FFFFFFFFF)
		ecam_size=00200000
	fi
	evaluate s5 'evaluate \_S5' '[Package] Contains 4 Elements' '[Integer] = 0000000000000005' &
	evaluate crs 'evaluate \_SB.PCI0._CRS' '[Buffer] Length 72' &
	evaluate windows 'template \_SB.PCI0._CRS' "Address Maximum : ${ends[0]}" \
		"Address Maximum : ${ends[1]}" "Address Maximum : ${ends[2]}" '[05] EndTag' &
	evaluate prt 'evaluate \_SB.PCI0._PRT' '[Package] Contains 128 Elements' \
		'[Integer] = 00000000001FFFFF' '[Integer] = 0000000000000013' &
	# A query for everything: all but the PCIe capability and LTR is masked, and said to be.
	evaluate osc1 "$osc $uuid 1 3 (01 00 00 00 1f 01 00 00 ff 00 00 00)" \
		'0000: 11 00 00 00 1F 01 00 00 30 00 00 00' &
	# A request for what the query granted succeeds without a status bit.
	evaluate osc2 "$osc $uuid 1 3 (00 00 00 00 1f 01 00 00 30 00 00 00)" \
		'0000: 00 00 00 00 1F 01 00 00 30 00 00 00' &
	evaluate osc3 "$osc $uuid 2 3 (00 00 00 00 1f 01 00 00 10 00 00 00)" \
		'0000: 08 00 00 00 1F 01 00 00 10 00 00 00' &
	evaluate osc4 "$osc $other 1 3 (00 00 00 00 1f 01 00 00 10 00 00 00)" \
		'0000: 04 00 00 00 1F 01 00 00 10 00 00 00' &
	evaluate sta 'evaluate \_SB.COM1._STA' '[Integer] = 000000000000000F' &
	evaluate mbrd 'template \_SB.MBRD._CRS' 'Address : E8000000' "Address Length : $ecam_size" "[0$claims] EndTag" &
	# A slot in the middle, and what the Generic Event Device does when nothing has happened.
	evaluate ged 'template \_SB.GED0._CRS' 'Triggering : Level' 'Polarity : ActiveHigh' 'Dword00 : 00000014' '[01] EndTag' &
	evaluate evt 'evaluate \_SB.GED0._EVT 14' 'No object was returned' &
	[ -n "$numa" ] || {
		evaluate adr 'evaluate \_SB.PCI0.S004._ADR' '[Integer] = 0000000000040000' &
		evaluate sun 'evaluate \_SB.PCI0.S004._SUN' '[Integer] = 0000000000000004' &
		evaluate ej0 'evaluate \_SB.PCI0.S004._EJ0 1' 'No object was returned' &
	}
	evaluate all 'test predefined' "Evaluated $names predefined names" &
	wait
}

status=0
for machine in 1 4 255 '4 numa'; do
	read -r cpus numa <<<"$machine"
	nr=$((nr + 1))
	mkdir "$dir/$machine" && cd "$dir/$machine" || exit 1
	if ! "$dump" . "$cpus" ${numa:+"$numa"} >dump.log 2>&1; then
		fail "$dump" dump.log
	else
		check_tables
		[ -z "$numa" ] || check_numa
		check_objects
	fi
	if [ -e failed ]; then
		cat failed
		status=1
	else
		echo "ok $nr $cpus CPUs${numa:+, two nodes}"
	fi
done
exit $status
