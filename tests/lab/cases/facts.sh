# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# For cases that look at the machine from within the guest; source lib.sh first.

# boots KERNEL CPUS: the guest sees what it was given, and powers off.
boots() {
	kernel=$1 cpus=$2 cmdline='a.word="of many" torc-test=42'
	start facts
	finish
	expect_status 0
	expect serial 'TORC-GUEST-READY' # the initramfs is there
	expect serial "^CPUS $2\b"
	expect serial '^CMDLINE console=ttyS0 quiet .* a\.word="of many" torc-test=42\b'
	expect serial '^E820 0x000000000fffffff\b'
	expect serial 'TORC-GUEST-EXIT 0\b'
	expect log 'guest: power off'
	expect_not log '(warning|error):'
}
