#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a torc that starts when another has ended can have its disk and its interface at once.
. "$CASES/lib.sh"
truncate -s 4M image
modprobe tun
for driver in net net virtio virtio; do
	initramfs=$GUESTS/guest-$driver.cpio
	start none --disk path=image --net tap=torc1
	finish
	expect_status 0
	expect serial 'TORC-GUEST-EXIT 0'
done
