#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that accesses configuration space, BARs and MSI-X tables at random, on this computer's /dev/kvm; torc goes on
# until the guest is done. Usage: storm.sh TORC PAYLOAD ACCESSES; prints TAP. TORC_ACCESSES: another number of them.

set -u
if [ $# -ne 3 ] || [ ! -x "$1" ] || [ ! -r "$2" ]; then
	echo "usage: storm.sh TORC PAYLOAD ACCESSES" >&2
	exit 2
fi
if ! (: <>/dev/kvm) 2>/dev/null; then
	echo "1..0 # SKIP /dev/kvm cannot be opened"
	exit 0
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-storm.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
truncate -s 64M "$tmp/disk"
seed=${TORC_SEED:-$(date +%s)} count=${TORC_ACCESSES:-${TORC_SOAK:+250000}}
: "${count:=$3}"
echo 1..1
# Two buses: the second one is that of a NUMA node.
status=0
timeout -k 5 $((1000 + count / 50)) "$1" -v --kernel "$2" --cmdline "seed=$seed count=$count" \
	--serial file="$tmp/serial" --console off \
	--disk path="$tmp/disk",num_queues=4 --rng src=/dev/urandom \
	--memory-zone id=mem0,size=32M id=mem1,size=32M --cpus 2 \
	--numa guest_numa_id=0,cpus=0,memory_zones=mem0 guest_numa_id=1,cpus=1,memory_zones=mem1 \
	</dev/null >"$tmp/out" 2>"$tmp/log" || status=$?
if [ $status -eq 0 ] && grep -q 'STORM DONE' "$tmp/serial" && [ "$(wc -l <"$tmp/log")" -lt 200 ]; then
	echo "ok 1 - $count random accesses # seed $seed, $(grep -c . "$tmp/log") lines of log"
	exit 0
fi
echo "not ok 1 - $count random accesses"
echo "# TORC_SEED=$seed: exit status $status; serial port and log:"
tail -n 3 "$tmp/serial" | sed 's/^/#   /'
tail -n 40 "$tmp/log" | sed 's/^/#   /'
exit 1
