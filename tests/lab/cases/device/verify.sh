#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A passed-through NVMe drive: 16 MiB written and verified with fio.
. "$CASES/lib.sh"
cpus=2
start verify-16 --device "$(device "$LAB_BDF_NVME_A")/"
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/nvme0n1'
expect serial 'TORC-GUEST-EXIT 0'
expect log "$LAB_BDF_NVME_A.*NUMA node 1"
expect_not log '(warning|error):'
expect_released "$LAB_BDF_NVME_A"
