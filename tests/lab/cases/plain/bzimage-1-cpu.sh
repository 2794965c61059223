#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A bzImage boots with 1 vCPU; it sees its initramfs, command line, CPUs and memory.
. "$CASES/lib.sh"
. "$CASES/facts.sh"
boots "$LAB_GUEST_BZIMAGE" 1
