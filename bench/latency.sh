#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a guest waits for, as it sees it itself, under torc and under QEMU: exits, interrupts to itself and to another vCPU,
# waking from HLT, a virtio doorbell until its interrupt.
#
#   latency.sh [--rounds N] [--build DIR] [--lab] [--record]
#
#   --rounds  how often torc, QEMU, QEMU, torc (3); medians are printed, with the smallest and the largest
#   --build   the build directory (build/ in the tree), made when it is not there
#   --lab     in the lab rather than by this machine's /dev/kvm; only the ratios mean something there
#   --record  put the tables into RESULTS.md, too
#
# The guest is a kernel of its own, tests/lab/payload/latency.c, the same for both, with 2 vCPUs.
#
# Exit status: 0 when all was measured; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=3 lab='' record=''
. "$here/lib.sh"
bench_options 'rounds build' 'lab record' "$@"
[ -n "$lab" ] || [ -w /dev/kvm ] || { bench_say "${0##*/}: /dev/kvm cannot be opened; see --lab"; exit 1; }

bench_begin latency 5

stage_all() {
	bench_stage_torc "$build" torc && bench_stage_qemu && bench_stage_payload latency -m64
}

bench_prepare bench_build stage_all
if [ -n "$lab" ]; then
	where='in the lab, an emulated machine: only ratios mean something'
	bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((150 + 240 * rounds)) --devices '' \
		--out "$logs" -- \
		"'$(bench_python)' '$here/measure_latency.py' '$stage' \"\$TORC_LAB_OUT\" $rounds 300"
else
	where='on this machine'
	bench_step "measuring" "$(bench_python)" "$here/measure_latency.py" "$stage" "$logs" "$rounds" 2000
fi
python3 "$here/report_latency.py" "$logs" "$where" >"$logs/report.txt" || exit 1
bench_end report.txt
