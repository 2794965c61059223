#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The device's node on the oldest kernel: huge pages there, threads there, seen from outside.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=size=256M,hugepages=on
reserve 1 2048 128
start commands --device "$(device "$LAB_BDF_NVME_A")"
await serial TORC-GUEST-COMMANDS
await log 'guest memory: 256 MiB are on node 1$'
expect_pages 1 262144
expect_pages 0 0
cpu=$(cat "$node_dir/node1/cpulist")
expect_thread vcpu0 "$cpu"
expect_threads "$cpu"
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
