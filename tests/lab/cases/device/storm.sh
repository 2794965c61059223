#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that does 20,000 random accesses to the configuration space, BARs and MSI-X tables of a drive and a NIC, with
# bus mastering on and off as it comes: torc goes on until it is done, and the host's own drivers find both devices well.
# TORC_ACCESSES=N: so many; TORC_SEED=N: these again.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
count=${TORC_SOAK:+100000}
count=${count:-20000}
seed=${TORC_SEED:-$(date +%s)}
echo "TORC_SEED=$seed"
launch -v --kernel "$GUESTS/storm" --memory 64M --cmdline "seed=$seed count=${TORC_ACCESSES:-$count}" --rng src=/dev/urandom \
	--device "$(device "$LAB_BDF_NVME_A")" --device "$(device "$LAB_BDF_E1000E")"
finish 800
expect_status 0
expect serial '^STORM DONE'
[ "$(wc -l <log)" -lt 300 ] || fail "the guest fills the log"
sh "$TORC_LAB/bind.sh" --undo "$LAB_BDF_NVME_A" "$LAB_BDF_E1000E"
[ "$(driver "$LAB_BDF_NVME_A")" = nvme ] || fail "no driver on the drive"
[ "$(driver "$LAB_BDF_E1000E")" = e1000e ] || fail "no driver on the NIC"
drive=$(drive_named torcA)
fio --name=verify --filename="$drive" --rw=randwrite --bs=64k --size=16m --direct=1 --verify=crc32c --verify_fatal=1 >figures ||
	{ cat figures; fail "the drive"; }
sh "$TORC_LAB/bind.sh" "$LAB_BDF_NVME_A" "$LAB_BDF_E1000E" >/dev/null
