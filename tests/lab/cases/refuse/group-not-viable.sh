#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A group of which host drivers hold some: each of these devices is named with its driver. Bound as a whole, it works.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
mine=${LAB_BDF_ISA%.*}.2
modprobe -a ahci i2c-i801 lpc_ich
loaded='ahci i2c-i801 lpc_ich'
bind_one "$mine"
id=$(group "$mine")
nr=0
for dev in "/sys/kernel/iommu_groups/$id/devices"/*; do
	bdf=${dev##*/}
	if [ ! -e "$dev/driver" ] || [ "$bdf" = "$mine" ]; then continue; fi
	nr=$((nr + 1))
	refused 1 "device $mine: IOMMU group $id" "not viable, .*$bdf \\($(driver "$bdf")\\)" "torc-vfio bind $mine" \
		--device "$(device "$mine")"
	echo "in the way and named: $bdf ($(driver "$bdf"))"
done
[ $nr -ge 2 ] || fail "only $nr devices in the way"
bind "$mine"
starts --device "$(device "$mine")"
