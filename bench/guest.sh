# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the guest of bench/demo.sh, numbers.sh and virtio.sh runs (busybox sh, from the initramfs of tests/lab/mkguest.sh).
# Speaks to measure.py over the serial line, in lines that start with TORC-. Each byte there costs exits, so nothing
# is printed inside a window in which exits are counted.
# $verify (a size) comes from the kernel's command line: write as much first and read it back.

disk=/dev/nvme0n1
[ ! -e /dev/vda ] || disk=/dev/vda

# The disk's completed reads and the time. A multipath head (nvme0n1) counts nothing, its path (nvme0c0n1) does.
sample() {
	reads=0
	for stat in /sys/block/nvme0*/stat /sys/block/vda/stat; do
		[ -e "$stat" ] || continue
		read -r n _ <"$stat"
		reads=$((reads + n))
	done
	read -r up _ </proc/uptime
	samples="$samples $reads $up"
}

interrupts() {
	sed -n "s/^ *\([0-9]*:.*nvme\)/TORC-IRQ $1 \1/p" /proc/interrupts
}

# run_fio ARGUMENT...: without progress, which would go to the serial line; whole latencies, as a part of each
# request happens while it is submitted.
run_fio() {
	fio --name=guest --filename=$disk --direct=1 --ioengine=io_uring --eta=never --lat_percentiles=1 \
		--clat_percentiles=0 --output-format=json --output=/tmp/fio.json "$@"
}

# json NAME: fio's result in one line. It says above it when it was ended.
json() {
	echo "TORC-FIO $1 $(sed '/^fio: terminating/d' /tmp/fio.json | tr -d ' \n\t')"
}

# read_at DEPTH: 4 KiB random reads; two windows, of which the host traces the first. fio reads until both are over,
# however long that takes a slow machine.
read_at() {
	run_fio --rw=randread --bs=4k --iodepth="$1" --size="${verify:-64m}" --time_based --runtime=50 &
	sleep 1.7
	echo "TORC-WINDOW $1"
	samples=''
	sleep 0.4; sample
	sleep 2.5; sample
	sleep 0.3; sample
	sleep 1.2; sample
	# fio ends with 128 where a signal ends it.
	killall fio
	wait $!
	[ $? -eq 128 ] || return 1
	echo "TORC-READS $1$samples"
	json "$1"
}

sleep 0.5 # the host reads its counters after the first line
if grep -q 0x010802 /sys/bus/pci/devices/*/class 2>/dev/null; then
	tries=100
	while [ ! -e $disk ]; do
		[ $((tries -= 1)) -gt 0 ] || { echo "no $disk"; dmesg | tail -n 20; exit 1; }
		sleep 0.1
	done
	sed 's/^/TORC-RESOURCE /' "$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")/resource" | head -n 1
	interrupts before
fi
echo TORC-IDLE
sleep 1.5
[ -e $disk ] && [ -e /bin/fio ] || exit 0

if [ -n "$verify" ]; then
	run_fio --rw=randwrite --bs=64k --iodepth=8 --size="$verify" --verify=crc32c --verify_fatal=1 ||
		{ cat /tmp/fio.json; exit 1; }
	json verify
fi
read_at 1 && read_at 32 || exit
interrupts after
