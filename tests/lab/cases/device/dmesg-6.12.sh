#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.12 has nothing to say against the ACPI tables, the PCI bus, the APICs or the devices.
. "$CASES/lib.sh"
. "$CASES/dmesg.sh"
kernel=$LAB_HOST_VMLINUX initramfs=$GUESTS/guest-6.12.cpio
clean_dmesg
