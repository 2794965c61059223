#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Words on a kernel's command line that leave it without what it needs end as torc(1) says under "What a guest needs": each
# kernel says so itself. The guests run beside each other.
. "$CASES/lib.sh"
words='nopv no-kvmclock noapic nolapic'
# without WORD REGEX...: a guest whose kernel says all of these, and whose init says nothing.
without() (
	word=$1
	shift
	mkdir "$word"
	cd "$word"
	cmdline="$word loglevel=7 earlyprintk=ttyS0"
	start commands
	for line; do
		await serial "$line"
	done
	kill -s TERM "$torc"
	finish
	expect_status 0
	expect_not serial '^TORC-GUEST'
	echo ended >ended
)
without nopv 'tsc: No reference \(HPET/PMTIMER\) available' 'Marking TSC unstable due to could not calculate TSC khz' &
without no-kvmclock 'tsc: No reference \(HPET/PMTIMER\) available' 'Marking TSC unstable due to could not calculate TSC khz' &
# Nothing that has no MSI has an interrupt.
without noapic 'acpi-ged.*: unable to parse the _CRS record' 'Run /init as init process' &
without nolapic 'APIC: Keep in PIC mode' &
wait
for word in $words; do
	[ -e "$word/ended" ] || fail "$word: $(tail -n 5 "$word/serial")"
done
