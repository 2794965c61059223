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
	dmesg
	echo DMESG-END
	;;
verify-*)
	for drive in /dev/nvme?n1 /dev/vd?; do
		[ ! -b "$drive" ] || verify "${script#verify-}" "$drive" || exit
	done
	;;
# Runs lines from the serial port, each in this shell; see ask() in lib.sh.
commands)
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
