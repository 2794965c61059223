# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # these are set by whoever sources it
# What demo.sh and the benchmarks share: options, steps that show their progress, the build, the stage. Set `root` to the
# top of the tree and source it; set `build` to the build directory, `logs` to a folder and `steps` to how many there
# will be before the first step.

. "$root/tests/lab/env.sh"
. "$root/tests/lab/lib.sh"

step=0 child='' columns=''
# On a terminal, its width: then a step has one line that changes, otherwise lines as there is something to say.
[ ! -t 2 ] || columns=$(stty size <&2 2>/dev/null | cut -d' ' -f2)
[ ! -t 2 ] || [ "${columns:-0}" -gt 0 ] || columns=80

# No `lab_say` here: these lines are for a person who waits.
bench_say() {
	echo "$*" >&2
}

# bench_options VALUED FLAGS ARGUMENT...: the command line, into variables of the options' names; both lists are such names.
bench_options() {
	valued=$1 flags=$2
	shift 2
	while [ $# -gt 0 ]; do
		name=${1#--}
		[ "$1" != --help ] || { sed -n '3,/^$/s/^# \{0,1\}//p' "$0"; exit 0; }
		[ "$1" != "$name" ] || bench_usage "unknown option $1; see --help"
		case " $flags " in *" $name "*) eval "$name=1"; shift; continue ;; esac
		case " $valued " in *" $name "*) ;; *) bench_usage "unknown option $1; see --help" ;; esac
		[ $# -gt 1 ] || bench_usage "$1 needs a value"
		case $name:$2 in
		rounds:0 | rounds: | rounds:*[!0-9]* | kills:0 | kills: | kills:*[!0-9]* | \
			seconds:0 | seconds: | seconds:*[!0-9]*) bench_usage "$1: not a count: $2" ;;
		esac
		eval "$name=\$2"
		shift 2
	done
}

bench_usage() {
	bench_say "${0##*/}: $*"
	exit 2
}

# bench_begin NAME STEPS: of so many; logs go to a folder of that name, and there is a stage to prepare.
bench_begin() {
	logs=$build/bench/$1 steps=$2
	mkdir -p "$logs" && logs=$(cd "$logs" && pwd) && rm -rf "${logs:?}"/* || exit 1
	stage=$(mktemp -d "${TMPDIR:-/tmp}/torc-bench.XXXXXX") || exit 1
	bench_traps
}

bench_cleanup() {
	[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child"; }
	[ -z "${stage-}" ] || rm -rf "$stage"
}

bench_traps() {
	trap bench_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# bench_step TITLE COMMAND...: run it with its output in a log; show what it is at and for how long. Ends the script
# if it fails.
bench_step() {
	step=$((step + 1))
	title=$1 log=$logs/step-$step.log begin=$(date +%s) shown=0 said=0 elapsed=0
	shift
	[ -n "$columns" ] || bench_say "[$step/$steps] $title"
	"$@" >"$log" 2>&1 </dev/null &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		sleep 0.2
		elapsed=$(($(date +%s) - begin))
		if [ -n "$columns" ]; then
			bench_line "[$step/$steps] $title: $elapsed s  $(bench_now)"
		else
			bench_new_lines
			[ $((elapsed - said)) -lt 5 ] || bench_at "$(bench_now)"
		fi
	done
	wait "$child" && status=0 || status=$?
	child=''
	if [ -n "$columns" ]; then
		bench_line "[$step/$steps] $title: $elapsed s"
		bench_say
	else
		bench_new_lines
		bench_say "[$step/$steps] $elapsed s"
	fi
	[ "$status" -eq 0 ] && return
	tail -n 25 "$log" >&2
	bench_say "${0##*/}: failed with status $status: $title; logs: $logs"
	exit 1
}

# bench_line TEXT: in place of the terminal's current line.
bench_line() {
	printf "\r\033[K%.$((columns - 1))s" "$1" >&2
}

# The lines of the running step that say what it is at.
bench_progress() {
	sed -n 's/^\(bench\|fetch.sh\|run.sh\|setup.sh\): //p' "$log"
}

# What it is at now.
bench_now() {
	{ tail -n 1 "$log"; bench_progress; } | tail -n 1
}

# bench_at TEXT: a line with the time.
bench_at() {
	printf '%7s s  %.100s\n' "$elapsed" "$1" >&2
	said=$elapsed
}

# Without a terminal: the lines that were not shown yet.
bench_new_lines() {
	lines=$(bench_progress | wc -l)
	while [ "$shown" -lt "$lines" ]; do
		shown=$((shown + 1))
		bench_at "$(bench_progress | sed -n "${shown}p")"
	done
}

# bench_end FILE...: show the report, which is in these; with --record its tables go to their place in RESULTS.md.
bench_end() {
	cat "$logs/report.txt"
	[ -z "${record-}" ] || python3 "$here/record.py" "${0##*/}" "$logs/tables.md" || exit 1
	bench_say "saved in $logs: $*"
}

bench_build() {
	[ -e "$build/build.ninja" ] || meson setup "$build" "$root" || return
	# Without the tests: only the programs are run here.
	ninja -C "$build" torc torc-vfio torc-trace
}

# bench_prepare BUILD STAGE: the four steps before any measurement, with functions for the second and the fourth.
bench_prepare() {
	bench_step "installing what is missing" sh "$root/tests/setup.sh"
	bench_step "building torc" "$1"
	bench_step "fetching QEMU and the lab" sh "$root/tests/lab/fetch.sh"
	bench_step "preparing the guests" "$2"
}

# bench_stage: all that is started in the lab, in the folder $stage: torc/ with its libraries, the guest's kernel,
# boot.cpio and io.cpio, which has fio. Done out here: the lab is ten times as slow.
bench_stage() {
	"$root/tests/lab/mkguest.sh" "$stage/boot.cpio" --init "$here/guest.sh" &&
		bench_stage_io guest.sh --module virtio_blk
}

# bench_stage_io INIT OPTION...: the same without boot.cpio; io.cpio starts this script of bench/, and the options are
# mkguest.sh's.
bench_stage_io() {
	init=$1
	shift
	"$root/tests/lab/mkguest.sh" "$stage/io.cpio" --init "$here/$init" --with fio --module virtio_pci "$@" &&
		cp "$LAB_GUEST_BZIMAGE" "$stage/kernel" &&
		bench_stage_torc "$build" torc
}

# bench_stage_torc BUILD FOLDER: its torc and torc-trace, with their libraries.
bench_stage_torc() {
	mkdir -p "$stage/$2" || return
	for program in torc torc-trace; do
		cp "$1/$program" "$stage/$2/" || return
		ldd "$1/$program" | bench_copy_libraries "$stage/$2" || return
	done
}

# bench_stage_payload NAME [CC OPTION]: a kernel of tests/lab/payload.
bench_stage_payload() {
	sh "$root/tests/lab/payload/build.sh" "$root/tests/lab/payload/$1.c" "$stage/$1" cc ${2+"$2"}
}

# bench_stage_qemu: the peer, with its loader, libraries and firmware; see fetch.sh.
bench_stage_qemu() {
	qemu=$LAB_ROOT/qemu
	lib=$qemu/usr/lib/x86_64-linux-gnu ld=$qemu/usr/lib64/ld-linux-x86-64.so.2
	mkdir -p "$stage/qemu/lib" "$stage/qemu/share" &&
		cp -L "$ld" "$stage/qemu/ld.so" &&
		cp "$qemu/usr/bin/qemu-system-x86_64" "$stage/qemu/" &&
		"$ld" --library-path "$lib:$lib/pulseaudio" --list "$qemu/usr/bin/qemu-system-x86_64" |
		bench_copy_libraries "$stage/qemu/lib" &&
		cp -L "$qemu/usr/share/seabios/bios-256k.bin" "$qemu/usr/share/qemu/kvmvapic.bin" \
			"$qemu/usr/share/qemu/linuxboot_dma.bin" "$qemu/usr/share/qemu/pvh.bin" "$stage/qemu/share/"
}

# bench_copy_libraries DIR: those that the output of ldd on stdin names.
bench_copy_libraries() {
	awk '$2 == "=>" { print $3 }' | xargs cp -Lt "$1"
}

# bench_python: the interpreter itself; a wrapper of a version manager takes seconds in the lab.
bench_python() {
	python3 -c 'import sys; print(sys.executable)'
}
