#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bind=on: a drive and a NIC go to the guest and come back, however torc ends short of being killed.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
devices="$(device "$LAB_BDF_NVME_A"),bind=on $(device "$LAB_BDF_E1000E"),bind=on"

expect_back() {
	echo "after $1"
	expect_driver "$LAB_BDF_NVME_A" nvme
	expect_driver "$LAB_BDF_E1000E" e1000e
	expect_empty_journal
}

# shellcheck disable=SC2086 # a list
start commands --device $devices
await serial '^TORC-GUEST-COMMANDS'
expect log "$LAB_BDF_NVME_A: from nvme to vfio-pci"
ask 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
# Nobody takes it away meanwhile.
torc-vfio recover >said
expect said "$LAB_BDF_NVME_A: in use by process $torc"
expect_driver "$LAB_BDF_NVME_A" vfio-pci
tell 'poweroff -f'
finish
expect_status 0
expect_back 'a power-off'
expect_not log '(warning|error):'

# shellcheck disable=SC2086
launch --kernel "$GUESTS/halt" --memory 64M -v --device $devices
await log 'mapped for DMA'
kill -s TERM "$torc"
finish 20
expect_status 0
expect_back SIGTERM

# A failure once the devices are bound.
# shellcheck disable=SC2086
launch --kernel "$GUESTS/halt" --memory 64M --serial socket=/nowhere/socket --device $devices
finish 20
expect_status 1
expect_back 'a failure'

# A plan changes nothing.
# shellcheck disable=SC2086
launch --kernel "$GUESTS/halt" --memory 64M --dry-run --device $devices
finish 20
expect_status 0
expect_back 'a dry run'

# What was bound before stays so.
torc-vfio bind "$LAB_BDF_NVME_A"
# shellcheck disable=SC2086
launch --kernel "$GUESTS/poweroff" --memory 64M --device $devices
finish 20
expect_status 0
expect_driver "$LAB_BDF_NVME_A" vfio-pci
expect_driver "$LAB_BDF_E1000E" e1000e
