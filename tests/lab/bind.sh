#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bind devices to vfio-pci, or give them back to their own drivers. For jobs in the lab (as root).
# Usage: bind.sh [--undo] BDF...      e.g. bind.sh 0000:41:00.0; prints /dev/vfio/GROUP of each
#
# A group is only viable as a whole, so every function in it is bound but the bridges, which VFIO leaves alone.
# driver_override is used, never new_id: it takes this device and no other of its kind.

set -eu
driver=vfio-pci
[ "${1-}" != --undo ] || { driver='' && shift; }
[ $# -gt 0 ] || { echo "usage: bind.sh [--undo] BDF..." >&2; exit 2; }

for bdf; do
	group=/sys/bus/pci/devices/$bdf/iommu_group
	[ -d "$group" ] || { echo "bind.sh: $bdf: no such device, or no IOMMU" >&2; exit 1; }
	for dev in "$group"/devices/*; do
		case $(cat "$dev/class") in 0x0604*) continue ;; esac
		echo "$driver" >"$dev/driver_override"
		[ ! -e "$dev/driver" ] || echo "${dev##*/}" >"$dev/driver/unbind"
		echo "${dev##*/}" >/sys/bus/pci/drivers_probe
	done
	[ -z "$driver" ] || echo "/dev/vfio/$(basename "$(readlink "$group")")"
done
