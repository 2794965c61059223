#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A user who may not lock enough memory: torc says how much it needs and how much there is. The limit that it asks for
# is enough.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
bind "$LAB_BDF_NVME_A"
chown 65534 "/dev/vfio/$(group "$LAB_BDF_NVME_A")"
as_nobody 65536
refused 1 'locked memory \(RLIMIT_MEMLOCK\)' 'needs 262144 KiB, the limit is 65536 KiB' 'ulimit -l 262144 ' \
	--device "$(device "$LAB_BDF_NVME_A")"
# A guest without devices has nothing to lock.
starts
as_nobody 262144
starts --device "$(device "$LAB_BDF_NVME_A")"
