#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device without any driver: torc says so, and the commands that it prints bind the device.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bound=$LAB_BDF_NVME_B
echo "$LAB_BDF_NVME_B" >/sys/bus/pci/drivers/nvme/unbind
refused 1 "device $LAB_BDF_NVME_B" 'bound to no driver' "torc-vfio bind $LAB_BDF_NVME_B" --device "$(device "$LAB_BDF_NVME_B")"
do_remedy
[ "$(driver "$LAB_BDF_NVME_B")" = vfio-pci ] || fail "not bound to vfio-pci by the commands"
starts --device "$(device "$LAB_BDF_NVME_B")"
