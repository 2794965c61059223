# SPDX-License-Identifier: Apache-2.0
# For people: what torc-trace report --json and fio's files say, in this order, all in one array (jq -s).
def places($n): . * pow(10; $n) | round / pow(10; $n) | tostring;
def us: if . >= 100 then places(0) else places(1) end + " us";
def fio: .jobs[0] as $job | $job.read.lat_ns |
	"  \($job.jobname) at queue depth \($job.joboptions.iodepth): \($job.read.iops | round) reads per second, " +
	"p50 \(.percentile["50.000000"] / 1000 | us), p99 \(.percentile["99.000000"] / 1000 | us), max \(.max / 1000 | us)";

.[0] as $report | ($report.requests.slowest[0]) as $slowest |
"fio in the guest (nvme0n1 is passed through, vda virtio):", (.[1:][] | fio), "",
"interrupts of the passed-through drive, from the host's handler to the guest's, or its EOI where KVM tells it:",
($report.vectors | sort_by(.name)[] | select(.interrupts > 0) | .total as $t |
	"  \(.name): \(.interrupts), p50 \($t.p50 | us), p99 \($t.p99 | us), max \($t.max | us)"), "",
"the slowest of \($report.requests.complete) virtio requests, \($slowest.queue): \($slowest.total_us | us), of these",
($slowest.stages_us | to_entries[] | "  \(.key): \(.value | us), \(100 * .value / $slowest.total_us | places(1)) %")
