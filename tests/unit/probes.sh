#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The USDT probe: each place has the documented arguments, and torc-trace(1)'s bpftrace programs understand them; two of them
# see a guest run. Usage: probes.sh TORC PAYLOAD [run]; prints TAP. Without "run" the programs are only compiled.

set -u
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 2 ] || [ ! -x "$1" ] || [ ! -r "$2" ]; then
	echo "usage: probes.sh TORC PAYLOAD [run]" >&2
	exit 2
fi
torc=$1 payload=$2 run=${3-}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-probes.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
PATH=$PATH:/usr/sbin:/sbin

n=0 failed=0
# result STATUS NAME [FILE]: the file says why
result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
		return
	fi
	echo "not ok $n - $2"
	[ -z "${3-}" ] || sed 's/^/#   /' "$3"
	failed=1
}

# skip WHY NAME...
skip() {
	why=$1
	shift
	for name; do
		result 0 "$name # SKIP $why"
	done
}

# program N: the text of the manual page's Nth, for this torc
program() {
	sed -n '/^bpftrace -e/,/^\.Ed/{/^\.Ed/!p}' "$here/../../core/trace/torc-trace.1" |
		sed 's/\\(aq/'"'"'/g; s/\\e/\\/g' | awk -v RS="'" -v n="$1" 'NR == 2 * n' | sed "s,/usr/local/bin/torc,$torc,"
}

# Of a type that the compiler knows there is no more to see here than which: each has a place.
LC_ALL=C readelf -n "$torc" >"$tmp/notes"
awk -v types="$(grep -cE '^	TRACE_EVENT_[A-Z]+,' "$here/../../core/base/trace_format.h")" '
	/^ *Provider:/ { provider = $2 }
	/^ *Name:/ { name = $2 }
	/^ *Arguments:/ && provider == "torc" && name == "event" {
		sizes = $2 " " $3 " " $4 " " $5 " " $6
		gsub(/@[^ ]*/, "", sizes)
		gsub(/-/, "", sizes)
		if (NF != 6 || sizes != "4 8 4 8 8")
			print "arguments:" $0
		if ($2 ~ /@\$[0-9]+$/)
			seen[substr($2, index($2, "$") + 1)] = 1
		else
			any = 1
	}
	END {
		for (type = 1; type < types; type++)
			if (!any && !seen[type])
				print "no place for type " type
	}' "$tmp/notes" >"$tmp/wrong"
grep -q 'Provider: torc' "$tmp/notes" || echo "no probe" >>"$tmp/wrong"
[ ! -s "$tmp/wrong" ]
result $? "every type of event has probes with five arguments" "$tmp/wrong"

last=0
while [ -n "$(program $((last + 1)))" ]; do
	last=$((last + 1))
done
[ "$last" -ge 4 ]
result $? "the manual page has programs"

# What bpftrace asks of the kernel it asks even to compile.
if ! command -v bpftrace >/dev/null; then
	why='there is no bpftrace'
elif ! bpftrace -e 'BEGIN { exit(); }' >"$tmp/log" 2>&1; then
	why="bpftrace is not permitted here: $(tail -n 1 "$tmp/log")"
else
	why=''
fi
for i in $(seq "$last"); do
	if [ -n "$why" ]; then
		skip "$why" "program $i compiles"
		continue
	fi
	program "$i" >"$tmp/program"
	bpftrace --emit-elf "$tmp/elf" "$tmp/program" >"$tmp/log" 2>&1
	result $? "program $i compiles" "$tmp/log"
done

# watch MAP REGEX: the program with this map, on a guest, prints it so
watch() {
	for i in $(seq "$last"); do
		program "$i" >"$tmp/$1"
		! grep -q "@$1\[" "$tmp/$1" || break
	done
	timeout -k 5 600 bpftrace -c "$torc --kernel $payload --cmdline count=20 --cpus 2 --memory 64M --serial file=$tmp/$1.serial \
--console off --rng src=/dev/urandom --log-file $tmp/$1.torc" "$tmp/$1" </dev/null >"$tmp/$1.log" 2>&1
	status=$?
	[ $status -eq 0 ] && grep -q '^DONE' "$tmp/$1.serial" && grep -q "$2" "$tmp/$1.log"
}

set -- "exits are counted by vCPU and reason" "requests' latencies are seen by queue"
if [ -n "$why" ]; then
	skip "$why" "$@"
elif ! (: <>/dev/kvm) 2>/dev/null; then
	skip "/dev/kvm cannot be opened" "$@"
elif [ -n "$run" ]; then
	# To take probes out again takes seconds, of waiting.
	watch exits '^@exits\[vcpu0, 0\]: [1-9]' &
	watch latency_us '^@latency_us\[__rng queue 0\]:'
	latency=$?
	wait $!
	result $? "$1" "$tmp/exits.log"
	result $latency "$2" "$tmp/latency_us.log"
fi
echo "1..$n"
exit $failed
