#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a guest's disks, network and start cost, on the bare host, under torc and under QEMU in one run of the lab, and
# what torc's options for low latency change. One page of results, as text and as HTML with plots.
#
#   lab.sh [--rounds N] [--json FILE] [--build DIR] [--record]
#
#   --rounds  how often host, torc, QEMU, QEMU, torc, host (1), and each option twice; medians, with the extremes
#   --json    the raw results of every run, for a program
#   --build   the build directory (build/ in the tree), made when it is not there
#   --record  put the tables into RESULTS.md, too
#
# 4 KiB random reads and writes, one and 32 at a time, of an NVMe drive, passed through, and of null_blk by virtio-blk;
# TCP and pings by virtio-net on a TAP interface. The bare host has the drive by its own driver, null_blk itself, and a
# veth pair. How each number is taken: measure_lab.py and measure.py.
#
# Exit status: 0 when all was measured; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=1 json='' record=''
. "$here/lib.sh"
bench_options 'rounds json build' 'record' "$@"

bench_begin lab 5

stage_all() {
	bench_stage_io guest.sh --module virtio_blk --module virtio_net --module msr --with iperf3 --with ping && bench_stage_qemu
}

bench_prepare bench_build stage_all
bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((150 + 900 * rounds)) --devices nvme-a \
	--out "$logs" -- \
	"'$(bench_python)' '$here/measure_lab.py' '$stage' $LAB_BDF_NVME_A \"\$TORC_LAB_OUT\" $rounds $(nproc)"
python3 "$here/report_lab.py" "$logs" || exit 1
[ -z "$json" ] || cp "$logs/lab.json" "$json" || exit 1
bench_end report.txt report.html
