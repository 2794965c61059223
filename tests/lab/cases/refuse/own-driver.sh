#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device that is still on its own driver: torc names the driver, and the commands that it prints bind the device.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
[ "$(driver "$LAB_BDF_NVME_A")" = nvme ] || fail "not on its own driver to begin with"
refused 1 "device $LAB_BDF_NVME_A" "bound to the host's driver nvme" "torc-vfio bind $LAB_BDF_NVME_A" --device "$(device "$LAB_BDF_NVME_A")"
[ -b /dev/nvme0n1 ] || fail "the host has lost the drive"
bound=$LAB_BDF_NVME_A
do_remedy
[ "$(driver "$LAB_BDF_NVME_A")" = vfio-pci ] || fail "not bound to vfio-pci by the commands"
starts --device "$(device "$LAB_BDF_NVME_A")"
expect_released "$LAB_BDF_NVME_A"
restore
[ "$(driver "$LAB_BDF_NVME_A")" = nvme ] || fail "not back on its own driver"
