#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-bench, killed wherever it is: torc-vfio recover puts the drive back, and nothing else is left. Ctrl-C needs no
# recover. TORC_SOAK=N: so many times; without it, four.
. "$CASES/lib.sh"
. "$CASES/bench.sh"
for round in $(seq "${TORC_SOAK:-4}"); do
	env --default-signal=INT torc-bench nvme "$LAB_BDF_NVME_A" --runtime 0.5 --rounds 1 --out "out$round" >said 2>&1 &
	bench=$!
	# Anywhere from the initramfs to the second guest.
	delay=$(awk -v seed="$(date +%N)" 'BEGIN { srand(seed); printf "%.2f", rand() * 60 }')
	sleep "$delay"
	signal=KILL
	[ $((round % 4)) -ne 0 ] || signal=INT
	where=$(tail -n 1 said)
	kill -s $signal $bench 2>/dev/null || :
	wait $bench || :
	[ $signal = INT ] || torc-vfio recover
	echo "# $signal after $delay s: $where"
	expect_nothing_left "$LAB_BDF_NVME_A" nvme
	rm -rf "out$round"
done
