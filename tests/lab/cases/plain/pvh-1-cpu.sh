#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vmlinux with a PVH entry boots with 1 vCPU; it sees its initramfs, command line, CPUs and memory.
. "$CASES/lib.sh"
. "$CASES/facts.sh"
boots "$LAB_GUEST_VMLINUX" 1
