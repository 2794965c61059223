#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that times its exits, interrupts and wake-ups, on this computer's /dev/kvm: each interrupt arrives. Usage:
# latency.sh TORC PAYLOAD; prints TAP.

set -u
if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -r "$2" ]; then
	echo "usage: latency.sh TORC PAYLOAD" >&2
	exit 2
fi
if ! (: <>/dev/kvm) 2>/dev/null; then
	echo "1..0 # SKIP /dev/kvm cannot be opened"
	exit 0
fi
out=$(timeout -k 5 600 "$1" --kernel "$2" --cmdline count=100 --cpus 2 --memory 64M --serial tty --console off \
	--rng src=/dev/urandom </dev/null 2>&1)
status=$? n=1
echo 1..8
if [ $status -eq 0 ] && printf '%s\n' "$out" | grep -q '^DONE'; then
	echo "ok 1 - the guest gets to its end"
else
	echo "not ok 1 - the guest gets to its end"
	printf '%s\n' "exit status $status" "$out" | sed 's/^/#   /'
	failed=1
fi
for what in pio mmio self-ipi hlt doorbell doorbell-idle ipi; do
	n=$((n + 1))
	if printf '%s\n' "$out" | grep -Eq "^LATENCY $what 100( [0-9]+){5}"; then
		echo "ok $n - $what is timed 100 times"
	else
		echo "not ok $n - $what is timed 100 times"
		failed=1
	fi
done
exit "${failed:-0}"
