#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-vfio check from a shell: where it looks, what it ends with, and that its JSON is some. What it says of a host is in
# test_check.c.
# Usage: check.sh TORC-VFIO; prints TAP.

set -u
[ -x "${1-}" ] || { echo "usage: check.sh TORC-VFIO" >&2; exit 2; }
tool=$1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-check.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A host with nothing in the way, and hardly anything known.
mkdir -p "$tmp/sys/class/iommu/dmar0" "$tmp/proc/self" "$tmp/proc/sys/kernel" "$tmp/dev/vfio" || exit 1
: >"$tmp/dev/kvm"
: >"$tmp/dev/vfio/vfio"
echo ' 9: 0 IR-IO-APIC 9-fasteoi acpi' >"$tmp/proc/interrupts"
echo 0 >"$tmp/proc/sys/kernel/io_uring_disabled"
printf 'CapEff:\t000001ffffffffff\n' >"$tmp/proc/self/status"

n=0 failed=0
result() {
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || failed=1
}

# ends NAME STATUS PATTERN ARGUMENT...: it ends with this status, and what it prints has a line like the pattern.
ends() {
	name=$1 want=$2 pattern=$3
	shift 3
	timeout 60 "$tool" check "$@" >"$tmp/out" 2>&1
	status=$?
	if [ $status -eq "$want" ] && grep -q "$pattern" "$tmp/out"; then
		result ok "$name"
	else
		sed 's/^/# /' "$tmp/out"
		result "not ok" "$name: $status"
	fi
}

sys=$tmp/sys proc=$tmp/proc dev=$tmp/dev
ends 'nothing in the way' 0 '^0 in the way, ' --sys "$sys" --proc "$proc" --dev "$dev"
ends "another host's nodes are not this one's" 0 '  kvm  *the nodes of that host are not here' --sys "$sys" --proc "$proc"
ends 'JSON, nothing in the way' 0 '"in the way": 0' --json --sys "$sys" --proc "$proc" --dev "$dev"
if python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert sum(report["summary"].values()) == len(report["checks"]) > 10
verdicts = {check["check"]: check["verdict"] for check in report["checks"]}
assert verdicts["kvm"] == verdicts["iommu"] == "ok", verdicts' "$tmp/out"; then
	result ok 'JSON can be read'
else
	result 'not ok' 'JSON can be read'
fi
ends 'a folder that is not there' 1 'option --sys .*: no such folder' --sys "$sys.not"
ends 'no such device' 1 'device .*01:00.0: No such file' --sys "$sys" --proc "$proc" --dev "$dev" 01:00.0
rm "$tmp/dev/kvm"
ends 'something in the way' 1 '^1 in the way, ' --sys "$sys" --proc "$proc" --dev "$dev"
ends 'JSON, something in the way' 1 '"in the way": 1' --json --sys "$sys" --proc "$proc" --dev "$dev"
ends 'no value' 2 'option --sys: has no value' --sys
ends 'an option of others' 2 'check has no such option' --force

echo "1..$n"
exit $failed
