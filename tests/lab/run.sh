#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a command on a VFIO host: boots a Debian kernel under software emulation on a machine with SVM, VT-d, two NUMA
# nodes, NVMe drives, NICs and odd devices; the root is this machine's own tree with a writable layer in memory.
#
#   run.sh [OPTION]... -- COMMAND...    a shell line, or a program and its arguments; in the caller's folder
#   run.sh [OPTION]... --shell          an interactive shell
#
#   --kernel VERSION        the host's: 6.12 (Debian 13's, the default) or 6.1 (Debian 12's, the oldest for torc)
#   --timeout SECONDS       for boot and job together (300; a shell has none)
#   --out DIR               a folder the job may write to; $TORC_LAB_OUT names it in the job
#   --keep                  keep the logs of a success too
#   --allow-warnings REGEX  kernel messages that are not held against the job
#   --memory MIB --smp N    size of the host (6144, 4), half of each on either node; a single CPU is node 0's
#   --devices LIST          of nvme-a nvme-b e1000e e1000 igb edu sd xhci xhci-msi testdev (all but xhci-msi); places stay
#                           the same
#   --monitor PATH          where QEMU's monitor listens, for use from outside; in the job there is monitor.sh
#   --append ARGS           more for the host's kernel, e.g. 'hugepagesz=1G hugepages=1'
#   --qemu-arg ARG          more for QEMU; repeatable
#
# stdout is the job's output and nothing else. The exit status is the job's, or
#   123  the job was well but the host's kernel complained     124  the job took too long
#   125  the lab failed: the host panicked, did not come up, QEMU died; usage
# A failed run says where its logs are. Needs tests/setup.sh; fetches the rest (fetch.sh).

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"

host=6.12 timeout=300 memory=6144 smp=4 append='' out='' keep='' shell='' allow='' extra='' monitor=''
devices='nvme-a nvme-b e1000e e1000 igb edu sd xhci testdev'
while [ $# -gt 0 ]; do
	case $1 in
	--kernel | --timeout | --out | --allow-warnings | --memory | --smp | --devices | --append | --qemu-arg | --monitor)
		[ $# -gt 1 ] || lab_die "$1 needs a value"
		case $1 in
		--kernel) host=$2 ;;
		--timeout) timeout=$2 ;;
		--out) out=$2 ;;
		--allow-warnings) allow=$2 ;;
		--memory) memory=$2 ;;
		--smp) smp=$2 ;;
		--devices) devices=$2 ;;
		--monitor) monitor=$2 ;;
		--append) append=$2 ;;
		--qemu-arg) extra="$extra $(lab_quote "$2")" ;;
		esac
		shift
		;;
	--keep) keep=1 ;;
	--shell) shell=1 timeout=0 ;;
	--help) sed -n '3,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
	--) shift; break ;;
	*) lab_die "unknown option $1; see --help" ;;
	esac
	shift
done
[ $# -gt 0 ] || [ -n "$shell" ] || lab_die "no command; see --help"
if [ -n "$out" ]; then
	out=$(mkdir -p "$out" && cd "$out" && pwd) || lab_die "--out: no such folder"
fi
case " $LAB_HOSTS " in *" $host "*) ;; *) lab_die "--kernel: one of $LAB_HOSTS" ;; esac
case $smp in
1) topology=1 cpus_0=,cpus=0 cpus_1='' ;;
*[02468])
	topology=$smp,sockets=2,cores=$((smp / 2))
	cpus_0=,cpus=0-$((smp / 2 - 1)) cpus_1=,cpus=$((smp / 2))-$((smp - 1))
	;;
*) lab_die "--smp: 1 or, for two nodes, an even number" ;;
esac
initramfs=$("$here/fetch.sh" --print-initramfs "$host") || exit 125

tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-lab.XXXXXX") || exit 125
qemu='' tty=''
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	trap '' INT TERM HUP
	if [ -n "$qemu" ]; then
		kill "$qemu" 2>/dev/null
		wait "$qemu"
	fi
	[ -z "$tty" ] || stty "$tty"
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What the host shares with us; host-init.sh says what each file is.
share=$tmp/share
mkdir "$share"
cp "$here/host-init.sh" "$share/"
: >"$share/output"
{
	echo "export PATH=$(lab_quote "$PATH")"
	echo "export HOME=$(lab_quote "$HOME") TERM=${TERM:-dumb} LANG=C.UTF-8"
	[ -z "${XDG_CACHE_HOME-}" ] || echo "export XDG_CACHE_HOME=$(lab_quote "$XDG_CACHE_HOME")"
	env -0 | tr '\n\0' '\1\n' | grep '^TORC_[A-Z0-9_]*=' | tr '\1' ' ' | while IFS='=' read -r name value; do
		echo "export $name=$(lab_quote "$value")"
	done
	echo "export TORC_LAB=$(lab_quote "$here")"
	[ -z "$out" ] || : >"$share/out"
	[ -z "$out" ] || echo "export TORC_LAB_OUT=/run/torc-lab-out"
	echo "TORC_LAB_KERNEL=$(lab_quote "$LAB_ROOT/host-$host")"
	echo "TORC_LAB_SHELL=$shell"
} >"$share/env"
{
	echo "cd $(lab_quote "$PWD") || exit"
	if [ -n "$shell" ]; then
		[ ! -t 0 ] || echo "stty $(stty size | sed 's/\(.*\) \(.*\)/rows \1 cols \2/')"
		echo "exec ${SHELL:-/bin/sh} -i"
	elif [ $# -eq 1 ]; then
		printf '%s\n' "$1"
	else
		for word; do printf '%s ' "$(lab_quote "$word")"; done
	fi
} >"$share/job"

# comma PATH: a path as a value of a QEMU option.
comma() {
	printf '%s' "$1" | sed 's/,/,,/g'
}

# Backing files are sparse and gone with the lab; nothing in them has to reach a disk.
drive="if=none,format=raw,cache=unsafe,discard=unmap"

# Each word of the list adds its device, and to $modules its driver.
modules='virtio_console vfio-pci vfio_iommu_type1 kvm_amd'
plug() {
	case $1 in
	nvme-a)
		truncate -s 1G "$tmp/nvme-a"
		set -- -drive "$drive,id=nvme-a,file=$(comma "$tmp/nvme-a")" -device nvme-subsys,id=ss-a \
			-device nvme,id=nvme-a,bus=rp-a,subsys=ss-a,serial=torcA,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4 \
			-device nvme-ns,drive=nvme-a,bus=nvme-a
		modules="$modules nvme"
		;;
	nvme-b)
		truncate -s 1G "$tmp/nvme-b"
		set -- -drive "$drive,id=nvme-b,file=$(comma "$tmp/nvme-b")" \
			-device nvme,id=nvme-b,bus=rp-b,drive=nvme-b,serial=torcB
		modules="$modules nvme"
		;;
	e1000e)
		set -- -netdev hubport,id=net-guest,hubid=0 -netdev hubport,id=net-host,hubid=0 \
			-device e1000e,id=e1000e,bus=rp1,netdev=net-guest,mac=52:54:00:00:00:01 \
			-device e1000e,id=e1000e-host,bus=pcie.0,addr=8,netdev=net-host,mac=52:54:00:00:00:02
		modules="$modules e1000e"
		;;
	e1000)
		set -- -netdev hubport,id=net-e1000,hubid=0 \
			-device e1000,id=e1000,bus=pcie.0,addr=9,netdev=net-e1000,mac=52:54:00:00:00:03
		modules="$modules e1000"
		;;
	igb)
		set -- -netdev hubport,id=net-igb,hubid=0 \
			-device igb,id=igb,bus=rp2,netdev=net-igb,mac=52:54:00:00:00:04
		modules="$modules igb"
		;;
	edu) set -- -device edu,id=edu,bus=pcie.0,addr=a ;;
	sd)
		truncate -s 64M "$tmp/sd"
		set -- -drive "$drive,id=sd,file=$(comma "$tmp/sd")" -device sdhci-pci,id=sdhci,bus=pcie.0,addr=b \
			-device sd-card,drive=sd
		modules="$modules sdhci-pci mmc_block"
		;;
	xhci)
		truncate -s 64M "$tmp/usb"
		set -- -drive "$drive,id=usb,file=$(comma "$tmp/usb")" -device qemu-xhci,id=xhci,bus=pcie.0,addr=c \
			-device usb-storage,bus=xhci.0,drive=usb
		modules="$modules xhci-pci usb-storage sd_mod"
		;;
	xhci-msi)
		truncate -s 64M "$tmp/usb-msi"
		set -- -drive "$drive,id=usb-msi,file=$(comma "$tmp/usb-msi")" \
			-device qemu-xhci,id=xhci-msi,bus=pcie.0,addr=f,msix=off,msi=on \
			-device usb-storage,bus=xhci-msi.0,drive=usb-msi
		modules="$modules xhci-pci usb-storage sd_mod"
		;;
	testdev) set -- -device pci-testdev,id=testdev,bus=pcie.0,addr=d ;;
	*) lab_die "unknown device $1" ;;
	esac
	for word; do extra="$extra $(lab_quote "$word")"; done
}
for device in $devices; do plug "$device"; done
echo "TORC_LAB_MODULES='$modules'" >>"$share/env"

half=$((memory / 2))
# no_timer_check: at boot the kernel panics if ten timer ticks do not come in ten ticks' time, and on a busy machine an
# emulated CPU may not run at all for that long.
set -- -machine q35 -accel tcg,thread=multi,tb-size=512 -cpu EPYC,+svm,+npt -m $((half * 2)) \
	-smp "$topology" \
	-object "memory-backend-ram,size=${half}M,id=m0" -object "memory-backend-ram,size=${half}M,id=m1" \
	-numa "node,nodeid=0$cpus_0,memdev=m0" -numa "node,nodeid=1$cpus_1,memdev=m1" -numa dist,src=0,dst=1,val=21 \
	-nodefaults -display none -no-reboot -run-with exit-with-parent=on \
	-device intel-iommu,intremap=on,caching-mode=on,device-iotlb=on \
	-device isa-debug-exit,iobase=0xf4,iosize=4 \
	-serial "file:$(comma "$tmp/console")" \
	-monitor "unix:$(comma "${monitor:-$tmp/monitor}"),server=on,wait=off" \
	-qmp "unix:$(comma "$tmp/qmp"),server=on,wait=off" -chardev "socket,id=qmp,path=$(comma "$tmp/qmp")" \
	-device virtio-serial-pci,bus=pcie.0,addr=6 -device virtserialport,chardev=qmp,name=torc.monitor \
	-device pxb-pcie,id=pxb0,bus_nr=32,bus=pcie.0,addr=1,numa_node=0 \
	-device pcie-root-port,id=rp-b,bus=pxb0,chassis=32,slot=32,addr=0 \
	-device pxb-pcie,id=pxb1,bus_nr=64,bus=pcie.0,addr=2,numa_node=1 \
	-device pcie-root-port,id=rp-a,bus=pxb1,chassis=64,slot=64,addr=0 \
	-device pcie-root-port,id=rp1,bus=pcie.0,chassis=1,slot=1,addr=10,x-speed=5 \
	-device pcie-root-port,id=rp2,bus=pcie.0,chassis=2,slot=2,addr=11 \
	-device pcie-root-port,id=rp3,bus=pcie.0,chassis=3,slot=3,addr=12 \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=host,mount_tag=host,bus=pcie.0,addr=3 \
	-fsdev "local,id=lab,path=$(comma "$share"),security_model=none" \
	-device virtio-9p-pci,fsdev=lab,mount_tag=lab,bus=pcie.0,addr=4 \
	-kernel "$LAB_ROOT/host-$host/vmlinux" -initrd "$initramfs" \
	-append "console=ttyS0 loglevel=5 panic=-1 log_buf_len=8M no_timer_check intel_iommu=on iommu=pt mitigations=off $append"
[ -z "$out" ] || set -- "$@" -fsdev "local,id=out,path=$(comma "$out"),security_model=none,multidevs=remap" \
	-device virtio-9p-pci,fsdev=out,mount_tag=out,bus=pcie.0,addr=5
if [ -n "$shell" ]; then
	set -- "$@" -chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty
	[ ! -t 0 ] || tty=$(stty -g)
fi
eval "set -- \"\$@\" $extra"

[ -z "$keep$shell" ] || lab_say "monitor: ${monitor:-$tmp/monitor}"
lab_say "starting the lab (about 10 s)"
# stdin stays ours for the shell; `&` alone would make it /dev/null.
exec 3<&0
if [ -n "$shell" ]; then
	exec 4>&1
else
	exec 4>"$tmp/qemu.log" 3</dev/null
fi
# setpriv: QEMU must not outlive this script, even if that is killed.
setpriv --pdeathsig TERM timeout --foreground -k 5 "$timeout" "$LAB_QEMU" "$@" <&3 >&4 2>"$tmp/qemu.err" &
qemu=$!
tail -s 0.1 -c +1 -f --pid=$qemu "$share/output" 2>/dev/null &
tail=$!
wait $qemu
result=$?
qemu=''
wait $tail

# The verdict. $failure says what is wrong with the lab itself.
failure='' status=$(cat "$share/status" 2>/dev/null)
if [ -z "$status" ]; then
	status=125
	if [ $result -eq 124 ] || [ $result -eq 137 ]; then
		failure="no end after $timeout s; killed"
		if [ -e "$share/started" ]; then status=124; else failure="the host did not come up; $failure"; fi
	elif grep -q 'Kernel panic' "$tmp/console" 2>/dev/null; then
		failure="the host panicked: $(grep -m 1 'Kernel panic' "$tmp/console")"
	else
		failure="QEMU ended with status $result: $(grep -v ': warning:' "$tmp/qemu.err" | tail -n 3)"
	fi
elif [ -e "$share/dmesg" ] && warnings=$(grep -E "$LAB_COMPLAINTS" "$share/dmesg" | grep -Ev -- "${allow:-^$}"); then
	failure="the host's kernel complained:
$warnings"
	[ "$status" -ne 0 ] || status=123
fi
[ -z "$failure" ] || lab_say "$failure"
if [ -n "$failure$keep" ] || { [ "$status" -ne 0 ] && [ -z "$shell" ]; }; then
	logs=$(mktemp -d "${TMPDIR:-/tmp}/torc-lab-logs.XXXXXX")
	for log in console qemu.log qemu.err share/dmesg share/output share/job; do
		[ ! -s "$tmp/$log" ] || cp "$tmp/$log" "$logs/"
	done
	lab_say "exit status $status; logs in $logs"
fi
exit "$status"
