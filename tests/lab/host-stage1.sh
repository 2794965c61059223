#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# /init of the lab's host: makes the machine's own tree, read over 9p, the root, with a writable layer in memory on
# top, and hands over to host-init.sh in the folder that run.sh shares with the lab. What can be done here is done
# here: busybox starts in a tenth of the time that a program over 9p takes.

export PATH=/bin
root=/root
mount_9p() {
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,"$1" "$2" "$3"
}

busybox mount -t proc proc /proc
busybox --install -s /bin
while read -r mod; do insmod "/lib/modules/$mod"; done </lib/modules/order
mkdir -p /lower /upper $root
mount_9p ro,cache=loose host /lower
mount -t tmpfs -o size=50%,mode=755 upper /upper
mkdir /upper/data /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work root $root

mount --move /proc $root/proc
mount -t sysfs sys $root/sys
mount -t debugfs debugfs $root/sys/kernel/debug
mount -t tracefs tracefs $root/sys/kernel/tracing
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t devtmpfs dev $root/dev
mkdir $root/dev/pts $root/dev/shm $root/dev/hugepages
mount -t devpts -o mode=620,ptmxmode=666 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 shm $root/dev/shm
mount -t hugetlbfs hugetlbfs $root/dev/hugepages
ln -s /proc/self/fd $root/dev/fd
ln -s fd/0 $root/dev/stdin
ln -s fd/1 $root/dev/stdout
ln -s fd/2 $root/dev/stderr
mount -t tmpfs -o mode=755 run $root/run
mkdir $root/run/lock $root/run/torc-lab
mount_9p cache=none lab $root/run/torc-lab
if [ -e $root/run/torc-lab/out ]; then
	mkdir $root/run/torc-lab-out
	mount_9p cache=none out $root/run/torc-lab-out
fi
hostname lab
ifconfig lo up
exec switch_root $root /bin/sh /run/torc-lab/host-init.sh
