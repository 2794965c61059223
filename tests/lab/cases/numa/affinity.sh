#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vCPU and ring threads where the user wants them; siblings; a cpuset that is smaller than the node; more vCPUs than the node
# has CPUs.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=256M
cpus='boot=2,affinity=[0@[3],1@[0-1]]'
run --platform 'ring_affinity=[0@[1],1@[2-3]]'
expect_thread vcpu0 3
expect_thread vcpu1 0-1
expect_thread ring0 1
expect_thread ring1 2-3
end
# Of those that nothing was said of, none is where the others are.
cpus='boot=2,affinity=[0@[3]]'
run --platform 'ring_affinity=[0@[3]]'
expect_thread vcpu0 3
expect_thread ring0 3
expect_thread vcpu1 0-3
expect_thread ring1 0-3
end
cpus=4
run --device "$(device "$LAB_BDF_NVME_A")"
for i in 0 1 2 3; do expect_thread vcpu$i 2-3; done
expect log 'notice: vCPUs: 4 are on node 1, which has 2 CPUs to give'
end
# torc started on one CPU of the node: everything is there, and memory on the node still.
cpus=1
PROGRAM=./on-cpu-3
printf '#!/bin/sh\nexec taskset -c 3 /run/torc "$@"\n' >on-cpu-3
chmod +x on-cpu-3
run --device "$(device "$LAB_BDF_NVME_A")"
await log 'guest memory: 256 MiB are on node 1$'
expect_threads 3
expect_pages 1 262144
end
