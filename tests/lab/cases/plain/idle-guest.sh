#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With idle=guest a guest that waits in HLT for timers, other vCPUs and a device takes no exit to halt, and gets to its end;
# without, it does take exits. A signal ends torc while the vCPU is halted for good.
. "$CASES/lib.sh"

halts() {
	cat /sys/kernel/debug/kvm/halt_exits
}

# waiting IDLE: $exits to halt, of a guest that has done so 300 times. KVM counts those of machines that are there.
waiting() {
	exits=$(halts)
	launch -v --kernel "$GUESTS/latency" --cpus "2,idle=$1" --memory 64M --cmdline count=300 --rng src=/dev/urandom
	await serial '^LATENCY hlt 300 '
	exits=$(($(halts) - exits))
	running || fail "it has ended before its exits were read"
	finish
	expect_status 0
	expect serial '^DONE'
	expect_not log '(warning|error):'
}

waiting guest
[ "$exits" -eq 0 ] || fail "$exits exits to halt"
waiting host
[ "$exits" -ge 300 ] || fail "$exits exits to halt without idle=guest"

launch --kernel "$GUESTS/ready" --cpus idle=guest --memory 64M
await serial '^READY'
kill "$torc"
finish 10
expect_status 0
