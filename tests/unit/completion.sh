#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# torc --schema bash, vfio/tool/torc-vfio.bash, core/trace/torc-trace.bash and bench/torc-bench.bash offer what belongs at the cursor, relative to bash's own word breaks.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC1090
source "$1"
# shellcheck source=vfio/tool/torc-vfio.bash
source "$here/../../vfio/tool/torc-vfio.bash"
# shellcheck source=core/trace/torc-trace.bash
source "$here/../../core/trace/torc-trace.bash"
# shellcheck source=bench/torc-bench.bash
source "$here/../../bench/torc-bench.bash"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/sys/0000:01:00.0" "$scratch/sys/0000:02:00.0" "$scratch/files/images"
: >"$scratch/files/vmlinux"
: >"$scratch/files/vmlinuz"
TORC_PCI_DEVICES=$scratch/sys
# shellcheck disable=SC2154
all=("${_torc_options[@]}")
failed=0

# expect BEHAVIOUR LINE WORD...: with the cursor at the end of LINE these words are offered.
expect()
{
	local behaviour=$1 want got

	COMP_LINE=$2 COMP_POINT=${#2}
	shift 2
	COMPREPLY=(stale)
	case $COMP_LINE in
	torc-vfio*) _torc_vfio ;;
	torc-trace*) _torc_trace ;;
	torc-bench*) _torc_bench ;;
	*) _torc ;;
	esac
	want=$(printf '%s\n' "$@" | sort)
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
	if [[ $want != "$got" ]]; then
		printf 'FAIL %s\n  line: %s\n  want: %s\n  got:  %s\n' "$behaviour" "$COMP_LINE" \
			"${want//$'\n'/ }" "${got//$'\n'/ }"
		failed=1
	fi
}

COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
expect "all options at the start" "torc " "${all[@]}"
expect "options that the word begins" "torc --c" --cmdline --config --cpus --console
expect "short and long options" "torc -" "${all[@]}"
expect "nothing for an unknown option" "torc --zebra" ''
expect "options after an option's value" "torc --kernel k --ini" --initramfs
expect "options once a value is complete" "torc --kernel k " "${all[@]}"
expect "options after a flag" "torc -v " "${all[@]}"
expect "nothing for a kernel command line" "torc --cmdline " ''

expect "files for --kernel" "torc --kernel $scratch/files/vm" \
	"$scratch/files/vmlinux" "$scratch/files/vmlinuz"
expect "directories with a slash" "torc --initramfs $scratch/files/i" "$scratch/files/images/"
expect "files after =" "torc --log-file=$scratch/files/vmlinuz" "$scratch/files/vmlinuz"

expect "keys of --cpus" "torc --cpus " boot= max= topology= affinity= idle= nested= pmu=
expect "a key begun" "torc --cpus t" topology=
expect "words for idle=" "torc --cpus 4,idle=" guest host
expect "keys of --memory" "torc --memory " size= shared= mergeable= prefault= hugepages= hugepage_size= thp=
expect "keys not given yet" "torc --cpus boot=4,max=4,topology=4:1:1:1," 1,affinity= 1,idle= 1,nested= 1,pmu=
expect "no key twice" "torc --memory size=1G,si" ''
expect "a switch's values" "torc --memory size=1G,thp=" on off
expect "a switch's value begun" "torc --memory thp=of" off
expect "no values for a size" "torc --memory size=" ''
expect "keys after the option and =" "torc --memory=" size= shared= mergeable= prefault= hugepages= hugepage_size= thp=
expect "values after the option and =" "torc --memory=thp=o" on off
expect "files of a line" "torc --serial file=$scratch/files/i" "$scratch/files/images/"
expect "what may stand behind a file" "torc --serial file=$scratch/files/vmlinux," "$scratch/files/vmlinux,mode="
expect "that begun" "torc --console socket=/a,m" /a,mode=
expect "a mode one has to know" "torc --console socket=/a,mode=" ''
expect "sizes of huge pages" "torc --memory hugepages=on,hugepage_size=" 2M 1G
expect "keys of --memory-zone" "torc --memory-zone " id= host_numa_node= file= size= shared= mergeable= prefault= hugepages= hugepage_size= thp=
expect "a further zone" "torc --memory-zone id=a,size=1G i" id=
expect "files for a zone" "torc --memory-zone file=$scratch/files/i" "$scratch/files/images/"
expect "keys of --numa" "torc --numa " guest_numa_id= cpus= memory_zones= distances=
expect "a further node" "torc --numa guest_numa_id=0 g" guest_numa_id=

expect "modes of --serial" "torc --serial " off null tty pty file= socket=
expect "a mode after =" "torc --serial=t" tty
expect "files for --serial file=" "torc --serial file=$scratch/files/vmlinux" \
	"$scratch/files/vmlinux"
expect "files for --serial socket=" "torc --serial socket=$scratch/files/vmlinux" \
	"$scratch/files/vmlinux"
expect "modes of --console" "torc --console " off null tty pty file= socket=
expect "what torc can print of itself" "torc --schema " bash json openapi man
expect "log formats" "torc --log-format j" json
expect "one value only" "torc --log-format json t" ''

expect "keys of --metrics" "torc --metrics " path= interval= mode=
expect "a file for --metrics" "torc --metrics path=$scratch/files/vmlinuz" "$scratch/files/vmlinuz"
expect "an interval after it" "torc --metrics path=/a.prom,i" /a.prom,interval=
expect "keys of --disk that the word begins" "torc --disk q" queue_size= queue_affinity=
expect "images torc has" "torc --disk path=/a,image_type=" raw
expect "values of a disk's switch" "torc --disk path=/a,direct=" on off
expect "keys of --net" "torc --net " tap= ip= mask= mac= mtu= fd= num_queues= queue_size= vhost= id=
expect "values of a network device's switch" "torc --net tap=t,vhost=" on off
expect "values of a device's trace" "torc --device path=/a,trace=" off ring
expect "keys of --platform" "torc --platform " hotplug_slots= numa= ring_affinity= ring_poll_us= vfio_p2p_dma=
expect "values of numa=" "torc --platform numa=" auto off strict
expect "words for ring_affinity=" "torc --platform numa=off,ring_affinity=" node sibling
expect "options after --dry-run" "torc --dry-run --ke" --kernel
expect "keys of --device" "torc --device " path= bind= id= trace= x_exclude_mmap_bars=
expect "PCI devices" "torc --device path=" "$scratch/sys/0000:01:00.0" "$scratch/sys/0000:02:00.0"
expect "PCI devices past a colon" "torc --device path=$scratch/sys/0000:0" 01:00.0 02:00.0
expect "one PCI device" "torc --device path=$scratch/sys/0000:02:0" 00.0
expect "a key after the device" "torc --device path=$scratch/sys/0000:02:00.0," 00.0,bind= 00.0,id= 00.0,trace= 00.0,x_exclude_mmap_bars=
expect "a second device" "torc --device path=/a path=$scratch/sys/0000:01:" 00.0
expect "no devices for another option" "torc --kernel path=/sys" ''
expect "a further device, or an option" "torc --device path=/a " path= bind= id= trace= x_exclude_mmap_bars= "${all[@]}"

expect "commands of torc-vfio" "torc-vfio " list inspect bind unbind vfs recover check --help --version
expect "a command begun" "torc-vfio re" recover
expect "devices and options of a command" "torc-vfio bind " --force 0000:01:00.0 0000:02:00.0
expect "devices past a colon for torc-vfio" "torc-vfio unbind 0000:01:00.0 0000:0" 01:00.0 02:00.0
expect "devices and options of check" "torc-vfio check " --json --sys --proc --dev 0000:01:00.0 0000:02:00.0
expect "folders for --sys" "torc-vfio check --sys $scratch/files/i" "$scratch/files/images/"
expect "devices after a folder" "torc-vfio check --sys /sys 0000:0" 01:00.0 02:00.0
expect "commands of torc-trace" "torc-trace " live record report --help --version
expect "formats of a report" "torc-trace report --" --json --csv --hgrm --perfetto
expect "commands of torc-bench" "torc-bench " nvme net compare --help --version
expect "devices and options of torc-bench" "torc-bench nvme " --runtime --rounds --vs --destructive --out 0000:01:00.0 0000:02:00.0
expect "a device past a colon for torc-bench" "torc-bench net 0000:02:0" 00.0
expect "VMMs" "torc-bench nvme 0000:01:00.0 --vs q" qemu
expect "a further VMM" "torc-bench nvme 0000:01:00.0 --vs qemu,c" qemu,cloud-hypervisor
expect "devices for a peer" "torc-bench net 0000:01:00.0 --peer 0000:02" 02:00.0
expect "folders to compare" "torc-bench compare $scratch/files/im" "$scratch/files/images"
expect "no devices where none is due" "torc-vfio list " --dev --json --proc --sys

COMP_WORDBREAKS=$' \t\n"\'><;|&('
expect "whole words where = and : do not break" "torc --device path=$scratch/sys/0000:02" \
	"path=$scratch/sys/0000:02:00.0"
expect "whole options likewise" "torc --memory=th" --memory=thp=

COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE="torc --dev --kernel k" COMP_POINT=10
_torc
if [[ ${COMPREPLY[*]} != --device ]]; then
	echo "FAIL only what is left of the cursor counts: ${COMPREPLY[*]}"
	failed=1
fi
exit "$failed"
