#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drive reports an uncorrectable error: torc says so and takes it from the guest, which goes on.
. "$CASES/lib.sh"
. "$CASES/hotplug.sh"
start_with_drive
sh "$TORC_LAB/monitor.sh" pcie_aer_inject_error rp-a SDN
await log 'error: .*uncorrectable error.*remedy' 1 15
await log 'given back to the host' 1 25
sleep 1
expect_released "$LAB_BDF_NVME_A"
still_well
expect_not log 'did not let go'
