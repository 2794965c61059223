#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: what a disk's file or device cannot do is an I/O error in the guest.
. "$CASES/plain/disk-faults.sh"
