#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --dry-run says where everything would be and leaves all as it is; what cannot be is refused likewise.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
memory=512M
state >state.before
try --dry-run --cpus 2 --device "$(device "$LAB_BDF_NVME_A")"
state >state.after
expect_status 0
cat serial
[ ! -s log ] || { cat log; fail "something on standard error"; }
expect serial '^memory: 512 MiB on node 1'
expect serial '^vCPUs: .*0 on CPU 2, 1 on CPU 3'
expect serial '^rings: .*CPUs 2-3'
expect serial "^device $LAB_BDF_NVME_A: node 1"
diff state.before state.after || fail "changed on the host"
memory=0
refused 1 'zone a' 'node 5' '' --dry-run --memory-zone id=a,size=256M,host_numa_node=5
memory=256M
try --dry-run
expect_status 0
expect serial '^nothing is placed'
