#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What it costs torc to have guest memory where it belongs, beside QEMU in one run of the lab: on which node pages and
# threads are, populating, mapping for DMA, time to the first instruction of a guest with prefaulted huge pages. Times
# on this machine too, where a guest gets to its first instruction at least; and populating beside a plain memset.
#
#   numa.sh [--rounds N] [--build DIR] [--record]
#
#   --rounds  how often torc, QEMU, QEMU, torc (1); medians are printed, with the extremes
#   --build   the build directory (build/ in the tree), made when it is not there
#   --record  put the tables into RESULTS.md, too
#
# How each number is taken: measure_numa.py and bench_memory.c.
#
# Exit status: 0 when all was measured, whether a target is met or not; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=1 record=''
. "$here/lib.sh"
bench_options 'rounds build' 'record' "$@"

bench_begin numa 7

build_all() {
	bench_build && ninja -C "$build" bench/bench_memory
}

stage_all() {
	bench_stage && bench_stage_qemu
}

bench_prepare build_all stage_all
bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((300 + 600 * rounds)) --devices nvme-a \
	--memory 9216 --append 'hugepagesz=1G hugepages=1:1' --out "$logs" -- \
	"sh '$root/tests/lab/bind.sh' $LAB_BDF_NVME_A && \
	'$(bench_python)' '$here/measure_numa.py' '$stage' $LAB_BDF_NVME_A \"\$TORC_LAB_OUT\" $rounds"
mkdir -p "$logs/here"
bench_step "measuring on this machine" "$(bench_python)" "$here/measure_numa.py" "$stage" none "$logs/here" "$rounds"
bench_step "populating on this machine" "$build/bench/bench_memory" --benchmark_repetitions=5 \
	--benchmark_enable_random_interleaving=true --benchmark_out="$logs/memory.json" --benchmark_out_format=json
python3 "$here/report_numa.py" "$logs" >"$logs/report.txt" || exit 1
bench_end report.txt
