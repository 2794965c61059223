#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that means harm, on this computer's /dev/kvm: a payload that does so many things at random; torc goes on until it
# says that it is done. Usage: storm.sh TORC PAYLOAD COUNT SOAK CMDLINE OPTION...; prints TAP. SOAK: what the count is with
# TORC_SOAK; TORC_ACCESSES: another one. CMDLINE: what else the payload is told. The options may name disk0 and disk1.

set -u
if [ $# -lt 5 ] || [ ! -x "$1" ] || [ ! -r "$2" ]; then
	echo "usage: storm.sh TORC PAYLOAD COUNT SOAK CMDLINE OPTION..." >&2
	exit 2
fi
if ! (: <>/dev/kvm) 2>/dev/null; then
	echo "1..0 # SKIP /dev/kvm cannot be opened"
	exit 0
fi
torc=$(realpath "$1") payload=$(realpath "$2")
seed=${TORC_SEED:-$(date +%s)} count=${TORC_ACCESSES:-${TORC_SOAK:+$4}}
: "${count:=$3}"
cmdline="seed=$seed count=$count $5"
shift 5
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-storm.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cd "$tmp" || exit 1
truncate -s 64M disk0 disk1
echo 1..1
status=0
timeout -k 5 $((1000 + count / 50)) "$torc" -v --kernel "$payload" --cmdline "$cmdline" \
	--serial file=serial --rng src=/dev/urandom --cpus 2 "$@" </dev/null >out 2>log || status=$?
# What it causes again and again is logged 64 times, and once a second.
lines=$(grep -c . log)
if [ $status -eq 0 ] && grep -q ' DONE' serial && [ "$lines" -lt $((200 + count / 500)) ]; then
	echo "ok 1 - ${payload##*/}, $count times # seed $seed, $lines lines of log"
	exit 0
fi
echo "not ok 1 - ${payload##*/}, $count times"
echo "# TORC_SEED=$seed: exit status $status; serial port and log:"
tail -n 3 serial | sed 's/^/#   /'
tail -n 40 log | sed 's/^/#   /'
exit 1
