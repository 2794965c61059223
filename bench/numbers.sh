#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What torc costs beside QEMU, measured in one run of the lab: exits per I/O of a passed-through NVMe drive, time to
# the first guest instruction, private memory, userspace exits until the guest's first line, interrupt set-up.
#
#   numbers.sh [--rounds N] [--json FILE] [--build DIR] [--record] [--against BUILD]
#
#   --rounds  how often torc, QEMU, QEMU, torc (2); medians are printed, with the smallest and the largest
#   --json    the raw results of every run and the table, for a program
#   --build   the build directory (build/ in the tree), made when it is not there
#   --record  put the tables into RESULTS.md, too
#   --against the build directory of another torc, which takes QEMU's place: only starts and memory, 5 rounds or more
#
# Both run the same guest kernel, initramfs and command line with 1 vCPU and 512 MiB; QEMU as `-M q35 -accel kvm
# -cpu host -nodefaults`. Everything is started from a tmpfs, once to warm up. How each number is taken: measure.py.
# kvmtool would be a third, but no release of Debian that the lab draws on has a package of it.
#
# Exit status: 0 when all was measured, whether a target is met or not; 1 when something failed, which it names.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build rounds=2 json='' record='' against=''
. "$here/lib.sh"
bench_options 'rounds json build against' 'record' "$@"

what=numbers report='report.py numbers'
if [ -n "$against" ]; then
	[ -z "$record" ] || bench_usage "--against: RESULTS.md has no place for it; leave --record out"
	[ -x "$against/torc" ] || bench_usage "--against: $against has no torc; name a build directory"
	what=starts report=report_starts.py
fi

stage_all() {
	bench_stage || return
	[ -n "$against" ] || { bench_stage_qemu; return; }
	bench_stage_torc "$against" other
}

bench_begin numbers 5
bench_prepare bench_build stage_all
bench_step "measuring in the lab" sh "$root/tests/lab/run.sh" --timeout $((150 + 300 * rounds)) --devices nvme-a \
	--out "$logs" -- \
	"sh '$root/tests/lab/bind.sh' $LAB_BDF_NVME_A && \
	'$(bench_python)' '$here/measure.py' $what '$stage' $LAB_BDF_NVME_A \"\$TORC_LAB_OUT\" $rounds"
# shellcheck disable=SC2086 # a program and its first argument
python3 "$here/"$report "$logs" >"$logs/report.txt" || exit 1
[ -z "$json" ] || cp "$logs/table.json" "$json" || exit 1
bench_end report.txt
