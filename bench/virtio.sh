#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a virtio disk of torc costs: beside QEMU's in one run of the lab (reads per second, system calls and exits per
# I/O), and on this machine beside an epoll loop over the same queue, with the cost of each stage.
#
#   virtio.sh [--rounds N] [--build DIR] [--soak] [--record]
#
#   --rounds  how often torc, QEMU, QEMU, torc (1) on each of two disks; medians are printed, with the extremes
#   --build   the build directory (build/ in the tree), made when it is not there
#   --soak    also 20 runs of 1 GiB of mixed I/O that fio verifies, and 50 times a driver that goes under load and comes
#             back, without and with the sanitizers (half an hour)
#   --record  put the tables into RESULTS.md, too
#
# The guest has 1 vCPU and reads 4 KiB at random, one and 32 at a time, from null_blk and from a file on tmpfs; QEMU has
# an iothread and aio=io_uring. How each number is taken: measure.py and bench_virtqueue.c.
#
# Exit status: 0 when all was measured, whether a target is met or not; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=1 soak='' record=''
. "$here/lib.sh"
bench_options 'rounds build' 'soak record' "$@"

bench_begin virtio $((6 + ${soak:-0}))

build_all() {
	bench_build && ninja -C "$build" bench/bench_virtqueue
}

stage_all() {
	bench_stage && bench_stage_qemu
}

bench_prepare build_all stage_all
bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((150 + 300 * rounds)) --devices '' \
	--out "$logs" -- "'$(bench_python)' '$here/measure.py' virtio '$stage' none \"\$TORC_LAB_OUT\" $rounds"
bench_step "measuring on this machine" "$build/bench/bench_virtqueue" --benchmark_repetitions=5 \
	--benchmark_out="$logs/virtqueue.json" --benchmark_out_format=json
[ -z "$soak" ] || bench_step "verifying" env TORC_SOAK=20 sh "$root/tests/run.sh" lab/soak lab-sanitized/soak
python3 "$here/report_virtio.py" "$logs" >"$logs/report.txt" || exit 1
[ -z "$soak" ] || {
	printf '\nMixed I/O and rebinding, verified\n\n'
	grep -E '^(not )?ok lab|^# |^[0-9]+ passed' "$logs/step-$step.log"
} >>"$logs/report.txt"
bench_end report.txt
