# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases that need files on a filesystem with direct I/O, which tmpfs has since Linux 6.6; source lib.sh first. Makes
# $ext4, a folder on the drive torcB, once for all cases of a boot.

ext4=/run/ext4
if [ ! -d $ext4 ]; then
	drive=/dev/$(cd "/sys/bus/pci/devices/$LAB_BDF_NVME_B/nvme"/*/ && echo nvme*n1)
	mkfs.ext4 -q -E nodiscard,lazy_itable_init=1 "$drive"
	mkdir $ext4
	mount -t ext4 "$drive" $ext4
fi
