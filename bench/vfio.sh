#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What it costs torc, beside QEMU in one run of the lab, when a guest takes MSI-X vectors, masks and unmasks one, and reads
# configuration space: calls of KVM and VFIO, host interrupts, exits. And how long torc-vfio recover takes to put a
# drive back when torc is killed during I/O.
#
#   vfio.sh [--rounds N] [--kills N] [--json FILE] [--build DIR] [--record]
#
#   --rounds  how often torc, QEMU, QEMU, torc (1); medians are printed, with the extremes
#   --kills   how often torc is killed (5); 7 s each
#   --json    the raw results of every run and the table, for a program
#   --build   the build directory (build/ in the tree), made when it is not there
#   --record  put the tables into RESULTS.md, too
#
# The guest is a kernel of its own, tests/lab/payload/vectors.c, with an NVMe controller of 65 vectors, of which it uses
# 64, then 8. How each number is taken: measure_vfio.py, and tests/lab/cases/bind/killed.sh.
#
# Exit status: 0 when all was measured, whether a target is met or not; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=1 kills=5 json='' record=''
. "$here/lib.sh"
bench_options 'rounds kills json build' 'record' "$@"

bench_begin vfio 6

stage_all() {
	bench_stage_torc "$build" torc && bench_stage_qemu && bench_stage_payload vectors
}

bench_prepare bench_build stage_all
bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((150 + 200 * rounds)) --devices '' \
	--qemu-arg -device --qemu-arg nvme,bus=rp3,serial=torcV,max_ioqpairs=64,msix_qsize=65 --out "$logs" -- \
	"sh '$root/tests/lab/bind.sh' $LAB_BDF_SPARE && \
	'$(bench_python)' '$here/measure_vfio.py' '$stage' $LAB_BDF_SPARE \"\$TORC_LAB_OUT\" $rounds"
bench_step "killing torc during I/O" env TORC_SOAK="$kills" sh "$root/tests/lab/test.sh" "$build/torc" bind killed
cp "$logs/step-$step.log" "$logs/killed.log" || exit 1
python3 "$here/report_vfio.py" "$logs" >"$logs/report.txt" || exit 1
[ -z "$json" ] || cp "$logs/table.json" "$json" || exit 1
bench_end report.txt
