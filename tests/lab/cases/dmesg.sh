# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# For cases that read a guest kernel's messages; source lib.sh first.

# What a line that complains looks like, and whose complaints are torc's to answer.
complaint='error|warn|fail|bug|invalid|unsupported|not supported|bogus|conflict|overlap|can.t |cannot|unable|broken|unexpected|no longer|timeout|timed out|disabling|nobody cared|spurious|unknown'
about='acpi|pci|apic|ioapic|mmconfig|ecam|mcfg|irq|interrupt|msi|nvme|e1000e|serial|ttyS|8250|tsc|clocksource|kvm|x2apic|smpboot|e820|mtrr|timer'
# Lines that QEMU's guests show as well, and why.
allowed='
Ignoring bogus Namespace Identifiers                     the quirk of QEMU"s own NVMe controller, which the lab has
use "pci=nocrs" and report a bug                         a hint that goes with every host bridge
platform does not support \[.*\]                         what _OSC did not grant: the guest has no hot-plug, PME or AER
Firmware Bug.*: TSC_DEADLINE disabled                    a CPU without its microcode, as all virtual ones
'

# clean_dmesg: boots with two devices, on 4 CPUs, and reads all the kernel says, at the end.
clean_dmesg() {
	cpus=4 brisk=''
	start packed-dmesg --device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_E1000E")"
	finish 120
	expect_status 0
	expect serial '^DMESG-END'
	tr -d '\r' <serial | sed -n '/^DMESG-BEGIN/,/^DMESG-END/{/^DMESG/!p}' | base64 -d | gzip -d >dmesg
	[ "$(wc -l <dmesg)" -gt 150 ] || fail "only $(wc -l <dmesg) lines of dmesg"
	echo "$allowed" | sed -n 's/  .*//p' >patterns
	if grep -iE -- "$complaint" dmesg | grep -iE -- "$about" | grep -vE -f patterns; then
		fail "the guest's kernel complains"
	fi
	# Both devices work as far as their drivers are concerned.
	expect dmesg 'nvme nvme0: pci function 0000:00:01.0'
}
