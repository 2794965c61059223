#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc's main job, shown on a machine that has neither VFIO hardware nor hardware virtualization: a Linux guest with a
# passed-through NVMe drive, on an emulated VFIO host (tests/lab).
#
#   demo.sh [BUILD-DIR]      default: build/ in the tree; made when it is not there
#
# Installs what is missing (as root or through sudo), builds torc, fetches the lab's kernels and QEMU once, starts the
# lab, binds the drive of NUMA node 1 to vfio-pci and runs torc as a user would. In the guest fio writes and verifies
# data, then reads at queue depth 1 and 32. Closes with a report, which is also kept in a file.
# About 100 s once everything is there. Exit status: 0, or 1 with the step that failed and where its logs are.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=${1:-$root/build}
case $build in -*) sed -n '3,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;; esac

logs=$build/bench/demo steps=5
mkdir -p "$logs" && logs=$(cd "$logs" && pwd) && rm -f "$logs"/* || exit 1
. "$here/lib.sh"
stage=$(mktemp -d "${TMPDIR:-/tmp}/torc-bench.XXXXXX") || exit 1
bench_traps

bench_prepare bench_build bench_stage
bench_step "running the guest in the lab" sh "$root/tests/lab/run.sh" --timeout 1200 --devices nvme-a --out "$logs" -- \
	sh "$here/demo-host.sh" "$stage" "$(bench_python)"
python3 "$here/report.py" demo "$logs" >"$logs/report.txt" || exit 1
echo
cat "$logs/report.txt"
bench_say "
Saved in $logs/report.txt"
