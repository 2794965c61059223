#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A user who may not open the device's group: torc names the file and the command that gives it to the user.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A"
vfio=/dev/vfio/$(group "$LAB_BDF_NVME_A")
as_nobody unlimited
refused 1 "device $LAB_BDF_NVME_A: IOMMU group .*$vfio" 'Permission denied' "chown \\\$USER $vfio" \
	--device "$(device "$LAB_BDF_NVME_A")"
chown 65534 "$vfio"
starts --device "$(device "$LAB_BDF_NVME_A")"
