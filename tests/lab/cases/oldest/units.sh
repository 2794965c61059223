#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: the unit tests of what does I/O through rings.
. "$CASES/lib.sh"
. "$CASES/ext4.sh"
modprobe tun
TMPDIR=$ext4
export TMPDIR
for test in ring ring_poll line virtio_blk virtio_console virtio_net virtio_rng; do
	"${TORC_BIN%/*}/tests/unit/test_$test" 2>&1 || fail "test_$test"
done
