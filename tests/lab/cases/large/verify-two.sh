#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 4 vCPUs, memory on both sides of the gap below 4 GiB, two passed-through drives, one on either NUMA node: 16 MiB verified
# on each, 64 with TORC_SOAK.
. "$CASES/lib.sh"
cpus=4 memory=3584M mib=${TORC_SOAK:+64}
: "${mib:=16}"
start "verify-$mib" --device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_NVME_B")"
finish 200
expect_status 0
expect serial "^VERIFIED $mib /dev/nvme0n1"
expect serial "^VERIFIED $mib /dev/nvme1n1"
expect serial 'TORC-GUEST-EXIT 0'
expect log "$LAB_BDF_NVME_A.*NUMA node 1"
expect log "$LAB_BDF_NVME_B.*NUMA node 0"
expect_not log '(warning|error):'
expect_released "$LAB_BDF_NVME_A" "$LAB_BDF_NVME_B"
