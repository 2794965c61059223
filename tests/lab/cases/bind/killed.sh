#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of torc in the middle of I/O, then torc-vfio recover: within 5 s the host has the drive back, and its data is
# right. TORC_SOAK=100: so many times; without it, three.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
bdf=${bdf:-$LAB_BDF_NVME_A} rounds=${rounds:-${TORC_SOAK:-3}}
serial=torcA
[ "$bdf" != "$LAB_BDF_NVME_B" ] || serial=torcB

ms() {
	read -r up _ </proc/uptime
	echo "$up" | tr -d .
}

for round in $(seq "$rounds"); do
	start commands --device "$(device "$bdf"),bind=on"
	await serial '^TORC-GUEST-COMMANDS'
	tell 'fio --name=load --filename=/dev/nvme0n1 --rw=randrw --bs=4k --iodepth=32 --ioengine=libaio --direct=1 \
		--time_based --runtime=60 >/dev/null 2>&1 & sleep 1; echo LOADED'
	await serial '^LOADED'
	kill -9 "$torc"
	begin=$(ms)
	torc-vfio recover
	took=$((($(ms) - begin) * 10))
	wait "$torc" || :
	torc=''
	expect_driver "$bdf" nvme
	echo $took >>recovered
	drive=$(drive_named $serial)
	fio --name=verify --filename="$drive" --rw=write --bs=64k --size=2m --verify=crc32c --direct=1 >fio.log 2>&1 ||
		{ cat fio.log; fail "round $round: fio"; }
done
echo "# recover after kill -9 during I/O: $rounds of $rounds, median" \
	"$(sort -n recovered | sed -n $(((rounds + 1) / 2))p) ms, at most $(sort -n recovered | tail -n 1) ms"

# The tool itself, killed wherever it is.
for delay in 0 0.005 0.01 0.02 0.04 0.06 0.08 0.1; do
	for act in bind unbind; do
		torc-vfio $act "$bdf" >/dev/null &
		sleep $delay
		kill -9 $! 2>/dev/null || :
		wait $! || :
	done
	torc-vfio recover >/dev/null
	expect_driver "$bdf" nvme
	[ "$(cat "/sys/bus/pci/devices/$bdf/driver_override")" = '(null)' ] || fail "an override is left"
	expect_empty_journal
done
