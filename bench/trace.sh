#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where the time goes, from nothing to a page in the browser: a Linux guest in the lab reads from a passed-through NVMe
# drive and from a virtio disk while torc-trace records.
#
#   trace.sh [--seconds N] [--build DIR]
#
#   --seconds  for how long fio reads from each of the two, at queue depth 1 and 8 each (4)
#   --build    the build directory (build/ in the tree), made when it is not there
#
# Installs what is missing (as root or through sudo), builds torc, and fetches the lab's kernels and QEMU once. Leaves
# report.html, trace.json for ui.perfetto.dev, requests.csv, and the recording that torc-trace report made them of.
# About 60 s once everything is there. Exit status: 0, or 1 with the step that failed and where its logs are.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/*}
build=$root/build seconds=4
. "$here/lib.sh"
bench_options 'seconds build' '' "$@"
bench_begin trace 6

stage_all() {
	bench_stage_io trace-guest.sh --module virtio_blk
}

report() {
	trace=$build/torc-trace
	"$trace" report "$logs/recording" >"$logs/report.html" &&
		"$trace" report --perfetto "$logs/recording" >"$logs/trace.json" &&
		"$trace" report --csv "$logs/recording" >"$logs/requests.csv" &&
		"$trace" report --json "$logs/recording" >"$logs/report.json"
}

bench_prepare bench_build stage_all
bench_step "recording the guest in the lab" sh "$root/tests/lab/run.sh" --timeout $((180 + 8 * seconds)) \
	--devices nvme-a --append tsc=reliable --out "$logs" -- sh "$here/trace-host.sh" "$stage" "$seconds"
bench_step "making the report" report
echo
jq -rs -f "$here/trace.jq" "$logs/report.json" "$logs"/fio-*.json || {
	bench_say "${0##*/}: the recording lacks what was to be seen; logs: $logs"
	exit 1
}
bench_say "
The lab is emulated: shares of the time mean something, times do not.
The page:      $logs/report.html
For Perfetto:  $logs/trace.json (open it at ui.perfetto.dev)"
