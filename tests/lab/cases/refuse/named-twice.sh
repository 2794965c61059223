#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One device named twice: by one path, with and without a slash, and by two paths.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A" "$LAB_BDF_NVME_B"
real=$(realpath "/sys/bus/pci/devices/$LAB_BDF_NVME_A")
one=$(device "$LAB_BDF_NVME_A")
refused 2 'option --device: key path' 'given twice' 'each device once' --device "$one" "$one"
refused 2 'option --device: key path' 'given twice' 'each device once' --device "$one" --device "$one/"
refused 1 "device $LAB_BDF_NVME_A" "named twice: ${one#path=} and $real" 'remove one' --device "$one" "path=$real"
refused 1 "device $LAB_BDF_NVME_A" 'named twice' 'remove one' --device "$one" "${one%/*}/../devices/$LAB_BDF_NVME_A"
refused 1 "device $LAB_BDF_NVME_A" 'named twice' 'remove one' --device "path=$real" "$(device "$LAB_BDF_NVME_B")" "$one"
