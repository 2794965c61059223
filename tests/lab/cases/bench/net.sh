#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-bench measures a NIC on the host, in a guest of torc, and virtio interfaces beside it. The other end is a NIC of the
# host; both are back on the host.
. "$CASES/lib.sh"
. "$CASES/bench.sh"
torc-bench net "$LAB_BDF_E1000E" --peer "$LAB_BDF_E1000E_HOST" --runtime 1 --rounds 1 --out out >said 2>progress ||
	{ cat said progress; tail out/*.log; fail "torc-bench"; }
cat progress
expect_nothing_left "$LAB_BDF_E1000E" e1000e
for bdf in $LAB_BDF_E1000E $LAB_BDF_E1000E_HOST; do
	[ -n "$(ls "/sys/bus/pci/devices/$bdf/net")" ] || fail "$bdf has no interface"
done
jq -e '[.runs[].system] == ["host", "torc", "torc-ring", "torc-vhost", "torc-vhost", "torc-ring", "torc", "host"] and
	(.runs | all(.jobs | length == 7 and .["tcp-to-peer"].mbits > 0 and .["udp-ping-pong"].n > 0 and .ping.n > 0 and
		.["packets-from-peer"].pps > 0))' out/result.json >/dev/null || { cat out/result.json; fail "the results"; }
grep -q 'virtio vhost' out/report.txt || fail "no virtio beside it"
