#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# io_uring disabled by sysctl: torc names the setting, and the command that it prints is enough.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
was=$(sysctl -n kernel.io_uring_disabled)
trap 'set +e; cleanup; sysctl -q -w kernel.io_uring_disabled="$was"; restore' EXIT
bind "$LAB_BDF_NVME_A"
sysctl -q -w kernel.io_uring_disabled=2
refused 1 'io_uring' 'disabled by sysctl kernel\.io_uring_disabled=2' 'sysctl -w kernel\.io_uring_disabled=0'
refused 1 'io_uring' 'disabled by sysctl kernel\.io_uring_disabled=2' 'sysctl -w kernel\.io_uring_disabled=0' \
	--device "$(device "$LAB_BDF_NVME_A")"
do_remedy
starts --device "$(device "$LAB_BDF_NVME_A")"
# 1: for users without privileges.
sysctl -q -w kernel.io_uring_disabled=1
starts
as_nobody unlimited
refused 1 'io_uring' 'disabled by sysctl kernel\.io_uring_disabled=1' 'sysctl -w kernel\.io_uring_disabled=0'
