# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a guest of the cases does: the word script=NAME on the kernel's command line chooses. The initramfs holds fio.

# verify MIB DRIVE: writes all of it in random order, then reads it back and compares.
verify() {
	figures=$(fio --name=verify --filename="$2" --rw=randwrite --bs=64k --size="$1m" --direct=1 --ioengine=libaio \
		--iodepth=8 --verify=crc32c --verify_fatal=1 --output-format=terse) || return
	echo "$figures" | cut -d';' -f5,6,47
	echo "VERIFIED $1 $2"
}

# mixed MIB DRIVE: random reads and writes on all of it, from 4 CPUs; every block written is read back and compared,
# most of them while others are still being written.
mixed() {
	figures=$(fio --name=mixed --filename="$2" --rw=randrw --bssplit=4k/30:16k/30:64k/20:256k/20 --numjobs=4 --size=$(($1 / 4))m \
		--offset_increment=$(($1 / 4))m --cpus_allowed=0-3 --cpus_allowed_policy=split --direct=1 --ioengine=libaio \
		--iodepth=16 --randrepeat=0 --verify=crc32c --verify_fatal=1 --verify_backlog=512 --group_reporting \
		--output-format=terse) || return
	echo "$figures" | cut -d';' -f5,6,47
	echo "MIXED $1 $2"
}

# differing FILE: the numbers of the blocks of 4 KiB in which what was read differs from it.
differing() {
	cmp -l /tmp/read "$1" | awk '{ block = int(($1 - 1) / 4096) } block != last || NR == 1 { printf " %d", last = block } END { print "" }'
}

# node DISK: makes /tmp/disk a name of it that stays when it goes. By its own, which goes with it, a writer that comes then
# would make a file, and the disk would have none when it is back.
node() {
	rm -f /tmp/disk
	IFS=: read -r major minor <"/sys/block/$1/dev" && mknod /tmp/disk b "$major" "$minor"
}

# rebind TIMES: takes the driver of virtio0 away under load and gives it back. Requests that it has must all end, or
# unbinding does not; those that were answered must have happened. Meanwhile virtio1, on the same rings, is verified.
rebind() {
	driver=/sys/bus/virtio/drivers/virtio_blk
	other=/dev/$(ls $driver/virtio1/block)
	(while [ ! -e /tmp/stop ]; do verify 16 "$other" || exit; done) &
	verifier=$! times=0
	while [ $times -lt "$1" ]; do
		times=$((times + 1))
		head -c 1048576 /dev/urandom >/tmp/pattern
		disk=$(ls $driver/virtio0/block)
		node "$disk" || return
		fio --name=load --filename=/tmp/disk --rw=randrw --bs=4k --offset=32m --size=32m --numjobs=4 --cpus_allowed=0-3 \
			--cpus_allowed_policy=split --direct=1 --ioengine=libaio --iodepth=16 --time_based --runtime=60 \
			>/dev/null 2>&1 &
		load=$!
		while dd if=/tmp/pattern of=/tmp/disk bs=4k oflag=direct conv=notrunc; do :; done 2>/tmp/dd &
		writer=$!
		usleep $((times * 7919 % 50 * 10000))
		until read -r reads writes <"/sys/block/$disk/inflight" && [ $((reads + writes)) -ge 16 ]; do
			kill -0 $load || return
		done
		echo virtio0 >$driver/unbind || return
		wait $load $writer
		echo virtio0 >$driver/bind || return
		node "$(ls $driver/virtio0/block)" || return
		# Each dd says how many of its blocks were written.
		blocks=$(sed -n 's/+.* records out//p' /tmp/dd | sort -n | tail -n 1)
		: "${blocks:=0}"
		dd if=/tmp/disk of=/tmp/read bs=4k count="$blocks" iflag=direct 2>/tmp/dd-read || { cat /tmp/dd-read; return 1; }
		cmp -n $((blocks * 4096)) /tmp/read /tmp/pattern || {
			echo "virtio0 does not have the $blocks blocks written before its driver went. Others than those, than those of before:"
			differing /tmp/pattern
			differing /tmp/before
			cat /tmp/dd
			return 1
		}
		mv /tmp/pattern /tmp/before
		echo "REBOUND $times IN-FLIGHT $((reads + writes)) COMPARED $blocks"
	done
	: >/tmp/stop
	wait $verifier || return
	dmesg | grep -E 'WARNING|BUG|Call Trace|blocked for more|stall|timeout' && return 1
	echo "REBOUND ALL"
}

# shellcheck disable=SC2154 # the kernel hands it over
case $script in
# What the machine looks like from within.
facts)
	echo "CPUS $(nproc)"
	echo "MEMORY-KIB $(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
	echo "CMDLINE $(cat /proc/cmdline)"
	echo "E820 $(dmesg | sed -n 's/.*BIOS-e820: .*-\(0x[0-9a-f]*\)\] usable/\1/p' | tail -n 1)"
	;;
dmesg)
	echo DMESG-BEGIN
	dmesg | head -n 40
	echo DMESG-END
	;;
# All of it, packed: each byte on the serial port takes a quarter of a millisecond in the lab.
packed-dmesg)
	dmesg | gzip >/tmp/dmesg
	echo DMESG-BEGIN
	base64 /tmp/dmesg
	echo DMESG-END
	;;
verify-*)
	for drive in /dev/nvme?n1 /dev/vd?; do
		[ ! -b "$drive" ] || verify "${script#verify-}" "$drive" || exit
	done
	;;
mixed-*) mixed "${script#mixed-}" /dev/vda ;;
rebind-*) rebind "${script#rebind-}" ;;
# Runs lines from the serial port, each in this shell; see ask() in lib.sh.
commands)
	# within TRIES COMMAND...: until it succeeds; a try each 0.1 s.
	within() {
		tries=$1
		shift
		until "$@"; do
			[ $((tries -= 1)) -gt 0 ] || return
			sleep 0.1
		done
	}
	stty -echo
	echo TORC-GUEST-COMMANDS
	while read -r line; do eval "$line"; done
	;;
# Nothing: the machine is powered off at once.
none) ;;
*)
	echo "no script $script"
	exit 2
	;;
esac
