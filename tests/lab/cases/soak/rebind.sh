#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The driver of a disk comes and goes while all queues have requests, and the disk beside it is verified.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=4
times=${TORC_SOAK:+50}
times=${times:-4}
truncate -s 64M image other
start "rebind-$times" --disk path=image path=other
finish 3600
expect_status 0
expect serial '^REBOUND ALL'
[ "$(grep -c '^REBOUND [0-9]' serial)" -eq "$times" ] || fail "not $times rebinds"
expect_not log '(warning|error):'
tr -d '\r' <serial | awk '/^REBOUND [0-9]/ {
	n++; blocks += $6; if (!least || $4 < least) least = $4; if ($4 > most) most = $4
} END {
	print "# " n " rebinds with " least " to " most " requests in flight, " blocks " acknowledged blocks compared"
	exit !blocks
}' || fail "nothing was written before an unbind"
echo "# $(grep -c '^VERIFIED 16' serial) x 16 MiB verified on the disk beside it"
