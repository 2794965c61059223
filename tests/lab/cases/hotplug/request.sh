#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The host wants a drive back that a guest works on: the guest ejects it, and goes on without.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
start_with_drive
ask 'verify 4 /dev/nvme0n1' 120
tell 'dd if=/dev/nvme0n1 of=/dev/null bs=64k iflag=direct 2>/dev/null &'
unbind "$LAB_BDF_NVME_A"
await_unbound "$LAB_BDF_NVME_A"
still_well
expect log 'warning:.*the host wants it back'
[ "$(grep -c 'given back to the host' log)" -eq 1 ] || fail "not given back once"
expect_not log 'did not let go|error:'
