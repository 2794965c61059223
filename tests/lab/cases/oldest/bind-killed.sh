#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux 6.1 as the host: a drive that torc, or torc-vfio, was killed with is put back.
. "$CASES/lib.sh"
bdf=$LAB_BDF_NVME_B rounds=${TORC_SOAK:-1}
. "$CASES/bind/killed.sh"
