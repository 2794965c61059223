#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-bench, killed wherever it is: torc-vfio recover puts the device back, and nothing else is left. Ctrl-C needs no
# recover. TORC_SOAK=N: so many times; without it, four.
. "$CASES/lib.sh"
. "$CASES/bench.sh"
# killed ROUND WHAT BDF DRIVER [OPTION]...: of a measurement that is killed somewhere.
killed() {
	round=$1 what=$2 bdf=$3 driver=$4
	shift 4
	env --default-signal=INT torc-bench "$what" "$bdf" --runtime 0.5 --rounds 1 --out "out$round" "$@" >said 2>&1 &
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
	echo "# $what, $signal after $delay s: $where"
	expect_nothing_left "$bdf" "$driver"
	rm -rf "out$round"
}

for round in $(seq "${TORC_SOAK:-4}"); do
	# The third is a NIC, whose other end is to be back as well.
	if [ $((round % 4)) -ne 3 ]; then
		killed "$round" nvme "$LAB_BDF_NVME_A" nvme
		continue
	fi
	killed "$round" net "$LAB_BDF_E1000E" e1000e --peer "$LAB_BDF_E1000E_HOST"
	for bdf in $LAB_BDF_E1000E $LAB_BDF_E1000E_HOST; do
		for _ in $(seq 300); do
			[ -z "$(ls "/sys/bus/pci/devices/$bdf/net")" ] || break
			sleep 0.1
		done
		[ -n "$(ls "/sys/bus/pci/devices/$bdf/net")" ] || fail "$bdf has no interface"
	done
done
