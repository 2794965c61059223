# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the guest of bench/trace.sh runs (busybox sh, from the initramfs of tests/lab/mkguest.sh). Speaks to trace-host.sh
# over the serial line, in lines that start with TORC-.

for disk in /dev/nvme0n1 /dev/vda; do
	tries=100
	while [ ! -e $disk ]; do
		[ $((tries -= 1)) -gt 0 ] || { echo "no $disk"; dmesg | tail -n 20; exit 1; }
		sleep 0.1
	done
done
echo TORC-READY
read -r seconds
for disk in nvme0n1 vda; do
	for depth in 1 8; do
		fio --name=$disk --filename=/dev/$disk --rw=randread --bs=4k --iodepth=$depth --size=16m --direct=1 \
			--ioengine=io_uring --time_based --runtime="$seconds" --eta=never --lat_percentiles=1 \
			--clat_percentiles=0 --output-format=json --output=/tmp/$disk-$depth.json || exit
	done
done
# Only now: each byte on the serial line is an exit.
for file in /tmp/*.json; do
	name=${file##*/}
	echo "TORC-FIO ${name%.json} $(tr -d ' \n\t' <"$file")"
done
