#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What mapping memory for a passed-through device costs, and unmapping it: bench_dma in the lab, which has an IOMMU.
#
#   dma.sh [--json FILE] [--build DIR]
#
#   --json   what compare.sh compares
#   --build  the build directory (build/ in the tree), made when it is not there
#
# The lab is an emulated machine: what the kernel does costs some ten times as much there, and what invalidates the
# IOMMU's caches is an access to an emulated device. Changes show, and how cost grows with size.
#
# Exit status: 0 when all was measured; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build json=''
. "$here/lib.sh"
bench_options 'json build' '' "$@"

bench_begin dma 4

build_it() {
	bench_build && ninja -C "$build" bench/bench_dma && cp "$build/bench/bench_dma" "$stage/"
}

# An error of one of them is a result to the library.
measure() {
	sh "$root/tests/lab/run.sh" --timeout 240 --devices nvme-a --out "$logs" -- \
		"sh '$root/tests/lab/bind.sh' $LAB_BDF_NVME_A && '$stage/bench_dma' --benchmark_repetitions=9 \
		--benchmark_min_time=0.05 --benchmark_out_format=json \
		--benchmark_out=\"\$TORC_LAB_OUT/bench_dma.json\" >\"\$TORC_LAB_OUT/report.txt\"" &&
		! grep -q '"error_occurred": true' "$logs/bench_dma.json"
}

bench_step "installing what is missing" sh "$root/tests/setup.sh"
bench_step "building the benchmark" build_it
bench_step "fetching the lab" sh "$root/tests/lab/fetch.sh"
bench_step "measuring in the lab" measure
[ -z "$json" ] || cp "$logs/bench_dma.json" "$json" || exit 1
grep -E '_(median|cv)|^Benchmark' "$logs/report.txt"
bench_say "saved in $logs/report.txt and bench_dma.json"
