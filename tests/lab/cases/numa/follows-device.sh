#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest with the drive of node 1, and nothing said of NUMA: all of its memory and threads are on node 1, seen from outside;
# torc says so, line by line. The threads of vhost-net, which are torc's own since Linux 6.4, are there too.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=2 memory=512M
truncate -s 64M image
modprobe tun
modprobe vhost_net
start commands --disk path=image --net tap=torc0,vhost=on --device "$(device "$LAB_BDF_NVME_A")"
await serial TORC-GUEST-COMMANDS
await log 'guest memory: 512 MiB are on node 1$'
expect_pages 1 524288
expect_pages 0 0
expect_thread vcpu0 2
expect_thread vcpu1 3
expect_thread ring0 2-3
expect_thread ring1 2-3
expect_threads '(2|3|2-3)'
threads | grep -q '^vhost-' || fail "no thread of vhost"
expect log 'notice: memory: 512 MiB on node 1'
expect log 'notice: vCPUs: .*0 on CPU 2, 1 on CPU 3'
expect log 'notice: rings: .*CPUs 2-3'
expect log "notice: device $LAB_BDF_NVME_A: node 1"
ask 'dd if=/dev/nvme0n1 of=/dev/null bs=1M count=4 iflag=direct'
expect_mapped 2m 20
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
# On node 0 likewise.
run --device "$(device "$LAB_BDF_NVME_B")"
await log 'guest memory: 512 MiB are on node 0$'
expect_pages 0 524288
expect_pages 1 0
expect_threads '(0|1|0-1)'
end
kernel=$GUESTS/poweroff
# And with numa=off wherever the kernel likes.
start none --platform numa=off --device "$(device "$LAB_BDF_NVME_A")"
await log 'vCPUs and rings created|userspace exits|start-up' 0
finish
expect_status 0
