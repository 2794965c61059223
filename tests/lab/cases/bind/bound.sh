#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-vfio bind, a guest that uses the drive, torc-vfio unbind; with a NIC, and the drive of the other node.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
torc-vfio bind "$LAB_BDF_NVME_A" "${LAB_BDF_E1000E#0000:}" "$LAB_BDF_NVME_B"
for bdf in $LAB_BDF_NVME_A $LAB_BDF_E1000E $LAB_BDF_NVME_B; do
	expect_driver "$bdf" vfio-pci
	torc-vfio list | grep -q "^$bdf .* ready" || fail "$bdf is not ready"
done
cpus=2
start verify-4 --device "$(device "$LAB_BDF_NVME_A")" "$(device "$LAB_BDF_E1000E")" "$(device "$LAB_BDF_NVME_B")"
finish 120
expect_status 0
expect serial '^VERIFIED 4 /dev/nvme0n1'
torc-vfio unbind "$LAB_BDF_NVME_A" "$LAB_BDF_E1000E"
expect_driver "$LAB_BDF_NVME_A" nvme
expect_driver "$LAB_BDF_E1000E" e1000e
expect_driver "$LAB_BDF_NVME_B" vfio-pci
# What is back already is no error.
torc-vfio unbind "$LAB_BDF_NVME_A" "$LAB_BDF_NVME_B"
expect_driver "$LAB_BDF_NVME_B" nvme
