#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest has its device reach for what is not its own memory: the host's kernel says so, and that is all. Its memory is
# as it was, its device works on; so does the drive of another guest, before, meanwhile and after.
. "$CASES/lib.sh"
. "$CASES/faults.sh"
start commands --device "$(device "$LAB_BDF_NVME_B")"
await serial '^TORC-GUEST-COMMANDS'
tell '(while [ ! -e /tmp/stop ]; do verify 4 /dev/nvme0n1 || exit 1; done) & verifier=$!'
await serial '^VERIFIED' 1
mkdir hostile
(cd hostile && dma_guest --device "$(device "$LAB_BDF_EDU")" && expect serial '^UNTOUCHED 2048\b') || exit
[ "$(nr_faults)" -ge 1 ] || fail "no fault"
faults | tail -n 2
await serial '^VERIFIED' $(($(grep -c '^VERIFIED' serial) + 1))
ask 'touch /tmp/stop; wait $verifier'
ask '! dmesg | grep -E "WARNING|BUG|Call Trace|blocked for more|stall|timeout"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
