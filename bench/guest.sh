# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the guest of bench/demo.sh, numbers.sh, virtio.sh and lab.sh runs (busybox sh, from the initramfs of
# tests/lab/mkguest.sh).
# Speaks to measure.py over the serial line, in lines that start with TORC-. Each byte there costs exits, so nothing
# is printed inside a window in which exits are counted.
# From the kernel's command line come $verify (a size): write as much first and read it back; and $commands: do nothing
# but what lines of the serial port say, as calls of the functions below.

disk=/dev/nvme0n1
[ -n "$commands" ] || [ ! -e /dev/vda ] || disk=/dev/vda

# The disk's completed reads and writes, and the time. Of a multipath drive (nvme0n1), those of its path (nvme0c0n1).
sample() {
	stat=/sys/block/${disk##*/}/stat
	[ ! -e /sys/block/nvme0c0n1 ] || [ $disk != /dev/nvme0n1 ] || stat=/sys/block/nvme0c0n1/stat
	read -r read _ _ _ written _ <"$stat"
	read -r up _ </proc/uptime
	samples="$samples $((read + written)) $up"
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

# How long fio runs before the host is told, and the two windows, of which the host traces the first.
ramp=1.7 traced=2.5 plain=1.2

# load NAME RW DEPTH: 4 KiB at random. fio goes on until both windows are over, however long that takes a slow machine.
load() {
	run_fio --rw="$2" --bs=4k --iodepth="$3" --size="${verify:-64m}" --time_based --runtime=50 &
	sleep $ramp
	echo "TORC-WINDOW $1"
	samples=''
	sleep 0.4; sample
	sleep $traced; sample
	sleep 0.3; sample
	sleep $plain; sample
	# fio ends with 128 where a signal ends it.
	killall fio
	wait $!
	[ $? -eq 128 ] || return 1
	echo "TORC-IOS $1$samples"
	json "$1"
}

# The host's address, once there is a network.
peer=''

# throughput NAME OPTION...: of TCP to the host.
throughput() {
	name=$1
	shift
	iperf3 -c "$peer" -f m "$@" >/tmp/iperf || { cat /tmp/iperf; return 1; }
	sed -n "s/.* \([0-9.]*\) Mbits.*receiver.*/TORC-MBITS $name \1/p" /tmp/iperf
}

# round_trips COUNT: one after the other.
round_trips() {
	/bin/ping -A -c "$1" "$peer" >/tmp/ping || { cat /tmp/ping; return 1; }
	echo "TORC-PING $(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' /tmp/ping | tr '\n' ' ')"
}

# Have KVM no longer offer that interrupts end without an exit: MSR_KVM_PV_EOI_EN of each vCPU. A register's number is
# its place in the file; what dd has sought is sought for what comes after it.
no_pv_eoi() {
	for msr in /dev/cpu/*/msr; do
		{ dd bs=4 seek=$((0x4b564d04 / 4)) count=0 </dev/null 2>/dev/null && printf '\0\0\0\0\0\0\0\0'; } >"$msr" || return
	done
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
if [ -n "$commands" ]; then
	[ ! -t 0 ] || stty -echo
	while read -r line; do eval "$line"; done
	exit
fi
sleep 1.5
[ -e $disk ] && [ -e /bin/fio ] || exit 0

if [ -n "$verify" ]; then
	run_fio --rw=randwrite --bs=64k --iodepth=8 --size="$verify" --verify=crc32c --verify_fatal=1 ||
		{ cat /tmp/fio.json; exit 1; }
	json verify
fi
load 1 randread 1 && load 32 randread 32 || exit
interrupts after
