#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two devices, of which only the first is ready: the second is named, and the first is released as it was.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A"
refused 1 "device $LAB_BDF_NVME_B" "bound to the host's driver nvme" "torc-vfio bind $LAB_BDF_NVME_B" \
	--device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_NVME_B")"
expect_released "$LAB_BDF_NVME_A"
starts --device "$(device "$LAB_BDF_NVME_A")"
