# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For a case: a script in a folder below this one, run by job.sh in the lab, as root, in an empty folder of its own.
# It passes by ending with 0, is skipped by calling skip, fails otherwise. What it leaves changed on the host (drivers,
# processes, pinned memory) is held against it by job.sh.

set -eu
. "$TORC_LAB/env.sh"
# What every guest gets; a case sets others before start. A vmlinux, as a bzImage unpacks itself first, half a second in
# the lab; plain/bzimage-*, device/debian and numa/two-nodes have one.
kernel=$LAB_GUEST_VMLINUX
initramfs=$GUESTS/guest-6.1.cpio
cpus=1 memory=256M cmdline='' drivers=''
# A third of the time that a kernel takes to boot in the lab is for what no case looks at: trust in its certificates, random
# numbers of its own making, searching itself for writable code, waiting for quiet CPUs.
brisk='initcall_blacklist=jent_mod_init,init_blk_tracer,load_system_certificate_list,init_ima,crypto_kdf108_init rodata=off'
brisk="$brisk random.trust_cpu=on rcupdate.rcu_expedited=1 audit=0 apparmor=0 nowatchdog"
torc=''

fail() {
	echo "failed: $*"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# Whatever way a case ends, its torc does too.
cleanup() {
	[ -z "$torc" ] || kill -9 "$torc" 2>/dev/null || :
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# device BDF: a value for --device.
device() {
	echo "path=/sys/bus/pci/devices/$1"
}

# group BDF: the number of its IOMMU group.
group() {
	basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"
}

driver() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

# launch ARGUMENT...: torc in the background; $torc is its pid, `serial` its output, `log` its messages, descriptor 9
# what it reads.
launch() {
	rm -f input
	mkfifo input
	exec 9<>input
	: >serial
	: >log
	# A background job of sh ignores SIGINT, and torc leaves an ignored signal ignored.
	env --default-signal=INT "$PROGRAM" "$@" <input >serial 2>log 9>&- &
	torc=$!
}

# start SCRIPT [OPTION]...: a Linux guest that runs SCRIPT of guest.sh. Its kernel need not test its own ciphers. It loads
# all modules of its initramfs, or the $drivers.
start() {
	script=$1
	shift
	launch -v --kernel "$kernel" --initramfs "$initramfs" --cpus "$cpus" --memory "$memory" \
		--cmdline "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests${brisk:+ $brisk} script=$script${drivers:+ drivers=$drivers}${cmdline:+ $cmdline}" "$@"
}

# finish [SECONDS]: wait for torc's end; its exit status is $status. The seconds are as await's.
finish() {
	result=0
	"$GUESTS/await" /dev/null . 1 $((4 * ${1:-60})) "$torc" || result=$?
	if [ $result -ne 3 ]; then
		echo "torc: no end after $((4 * ${1:-60})) s"
		kill -9 "$torc"
	fi
	status=0
	wait "$torc" || status=$?
	torc=''
}

running() {
	read -r _ _ state _ 2>/dev/null <"/proc/$torc/stat" && [ "$state" != Z ]
}

# await FILE REGEX [COUNT [SECONDS]]: until FILE has COUNT lines that match, or torc has ended. So many seconds are for a
# machine with nothing else to do; a busy one has four times as many.
await() {
	result=0
	"$GUESTS/await" "$1" "$2" "${3:-1}" $((4 * ${4:-60})) "$torc" || result=$?
	case $result in
	0) ;;
	1) fail "no line '$2' in $1 after $((4 * ${4:-60})) s" ;;
	3) fail "torc ended; no line '$2' in $1" ;;
	*) fail "await: status $result" ;;
	esac
}

seconds() {
	read -r up _ </proc/uptime
	echo "${up%.*}"
}

# ask COMMAND [SECONDS]: have a guest with script=commands run it; its output goes to `serial`, what it has to print
# for the answer to count comes last. Fails if the command does.
asked=0
ask() {
	asked=$((asked + 1))
	echo "$1; echo ASKED-$asked-\$?-" >&9
	await serial "^ASKED-$asked-[0-9]+-" 1 "${2:-60}"
	grep -qE "^ASKED-$asked-0-" serial || fail "in the guest: $1"
}

# tell COMMAND: likewise, without an answer.
tell() {
	echo "$1" >&9
}

# expect_status N: torc ended so.
expect_status() {
	[ "$status" -eq "$1" ] || fail "torc: exit status $status, not $1"
}

# expect FILE REGEX: a line matches.
expect() {
	grep -qE -- "$2" "$1" || fail "no line '$2' in $1"
}

expect_not() {
	! grep -E -- "$2" "$1" || fail "a line '$2' in $1"
}

# expect_error OBJECT REASON REMEDY: torc's last words, a regular expression each.
expect_error() {
	expect log "^torc: .*$1.*: .*$2"
	expect log "^( {2}remedy: | {10}).*$3"
}

# expect_released BDF...: their groups can be opened, so that nobody has them any more.
expect_released() {
	for bdf; do
		(: <>"/dev/vfio/$(group "$bdf")") || fail "$bdf is still in use"
	done
}
