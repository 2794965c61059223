#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What cannot be had is refused before anything starts, with need, free and the commands that change it.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
. "$CASES/numa.sh"
trap 'set +e; cleanup; restore; restore_pools' EXIT
device=$(device "$LAB_BDF_NVME_A")
memory=0
zone=id=a,size=256M,host_numa_node=1

# No huge pages of that size reserved at all, too few on the node, and the remedy works as it is.
refused 1 'zone a' '128 pages of 2 MiB needed on node 1, 0 of 0 are free' 'nr_hugepages' --memory-zone $zone,hugepages=on
reserve 0 2048 256
reserve 1 2048 100
refused 1 'zone a' '128 pages of 2 MiB needed on node 1, 100 of 100 are free' \
	'echo 128 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages' --memory-zone $zone,hugepages=on
do_remedy
starts --memory-zone $zone,hugepages=on
# The same for the device's node, when that must be so.
memory=size=512M,hugepages=on
refused 1 'memory' '256 pages of 2 MiB needed on node 1' 'echo 256 > ' --platform numa=strict --device "$device"
# Otherwise what is missing comes from the other node, and torc says so.
run --device "$device"
await log 'warning: zone mem0: 256 of 512 MiB are not on node 1'
end
expect log 'notice: memory: 128 of 256 pages of 2 MiB are taken from other nodes, node 1 has 128 free'
# Nowhere.
memory=size=2G,hugepages=on
refused 1 'memory' '1024 pages of 2 MiB needed' 'nr_hugepages' --device "$device"
refused 1 'memory' '1024 pages of 2 MiB needed' 'nr_hugepages'
memory=size=256M,hugepages=on,hugepage_size=64M
refused 1 'memory' '(no huge pages|has no)' '2 MiB'
memory=size=512M,hugepages=on,hugepage_size=1G
refused 2 'key size' 'multiple' ''

# Ordinary memory: more than the node has, but not more than the host has.
have=$(awk '$3 == "MemTotal:" { print int($4 / 1024) }' $node_dir/node1/meminfo)
memory=0
much=$((have / 2 * 2 + 512))M
refused 1 'zone a' "[0-9]+ MiB needed.* [0-9]+ MiB" '' --memory-zone id=a,size=$much,host_numa_node=1

# A node that is not there, or not online.
refused 1 'zone a' 'node 5 is not (there|online)' '0-1|0, 1|0 and 1' --memory-zone id=a,size=256M,host_numa_node=5

# CPUs and nodes outside the cpuset, and outside the machine.
memory=256M
user='taskset -c 0-1'
refused 1 'vCPU 0' 'CPU 3' '0-1' --cpus boot=1,affinity=[0@[3]]
refused 1 'ring 0' 'CPUs? 2-3' '0-1' --platform ring_affinity=[0@[2-3]]
refused 1 '' '(node 1|CPU)' '' --platform numa=strict --device "$device"
user=''
refused 1 'vCPU 0' 'CPU 9' '0-3' --cpus boot=1,affinity=[0@[9]]
mkdir /sys/fs/cgroup/torc-case
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
echo 0 >/sys/fs/cgroup/torc-case/cpuset.mems
printf '#!/bin/sh\necho $$ >/sys/fs/cgroup/torc-case/cgroup.procs\nexec "$@"\n' >within
user='sh within'
memory=0
refused 1 'zone a' 'node 1' '' --memory-zone $zone
user=''
rmdir /sys/fs/cgroup/torc-case
echo -cpuset >/sys/fs/cgroup/cgroup.subtree_control
