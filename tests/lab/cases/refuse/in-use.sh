#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device that another process has: that process is named, and goes on undisturbed.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A"
launch -v --kernel "$GUESTS/halt" --memory 64M --device "$(device "$LAB_BDF_NVME_A")"
await log 'mapped for DMA'
mkdir second
cd second
refused 1 "device $LAB_BDF_NVME_A: IOMMU group $(group "$LAB_BDF_NVME_A")" "in use by another process: pid $torc \\(torc\\)" \
	'end it' --device "$(device "$LAB_BDF_NVME_A")"
cd ..
running || fail "the first torc has ended"
kill -s TERM "$torc"
finish 20
expect_status 0
expect_released "$LAB_BDF_NVME_A"
starts --device "$(device "$LAB_BDF_NVME_A")"
