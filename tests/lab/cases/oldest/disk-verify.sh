#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: virtio disks verified, through the page cache and past it.
. "$CASES/lib.sh"
. "$CASES/ext4.sh"
ln -s $ext4/direct direct
. "$CASES/plain/disk-verify.sh"
