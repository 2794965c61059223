#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One process makes and takes apart 20 machines that have the drive, on whose node they are: descriptors, threads, mappings and
# locked memory are after the last as after the second, the process may use all CPUs again, and the drive is whole.
. "$CASES/lib.sh"
"${TORC_BIN%/*}/tests/unit/test_machine_life" "$GUESTS/poweroff" "$GUESTS/halt" --device "$(device "$LAB_BDF_NVME_A")" >out 2>&1 ||
	{ cat out; fail "the machines"; }
expect out 'PASSED.* 1 test'
expect_released "$LAB_BDF_NVME_A"
