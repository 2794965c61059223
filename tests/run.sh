#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test, from nothing: installs what is missing, builds three ways, runs unit tests, fuzzers, lint and the lab.
#
#   sh tests/run.sh [WORD]...    with words: only the tests whose names contain one of them, e.g. gcc/lint lab/device
#   TORC_SOAK=20 sh tests/run.sh lab/soak lab-sanitized/soak    20 x 1 GiB and 50 rebinds instead of the short form; in
#       other cases, too, what is shortened: pings, boots of Linux, kills
#
# A line for each test: "ok", "not ok" (its output follows) or "skip" with the reason; then how many of each. The exit
# status is 0 when none failed. Names: BUILD/SUITE/NAME for what runs on this machine, fuzz/NAME for a minute of fuzzing,
# lab/GROUP/NAME for what runs in the lab. The builds stay in build-test, for the next time.

set -u
cd "$(dirname "$0")/.." || exit 1
words=$*
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-tests.XXXXXX") || exit 1
results=$tmp/results log=$tmp/log child='' storm='' fuzzers=''
: >"$results"
cleanup() {
	# shellcheck disable=SC2086 # a list
	[ -z "$child$storm$fuzzers" ] || kill $child $storm $fuzzers 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
	echo "== $*"
}

now() {
	date +%s
}

# result passed|failed|skipped LINE
result() {
	echo "$1" >>"$results"
	echo "$2"
}

finish() {
	failed=$(grep -c '^failed' "$results")
	passed=$(grep -c '^passed' "$results")
	echo "$passed passed, $failed failed, $(grep -c '^skipped' "$results") skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# wanted NAME: whether a word selects it
wanted() {
	[ -n "$words" ] || return 0
	for word in $words; do
		case $1 in *"$word"*) return 0 ;; esac
	done
	return 1
}

# may_want BUILD: whether a word can select something of it; needless to build it otherwise
may_want() {
	[ -n "$words" ] || return 0
	for word in $words; do
		case $word in
		gcc/* | asan/* | tsan/* | fuzz/* | lab/* | lab-sanitized/*) [ "${word%%/*}" != "$1" ] || return 0 ;;
		*) return 0 ;;
		esac
	done
	return 1
}

# build NAME CC [MESON OPTION]...: into build-test/NAME
build() {
	name=$1 cc=$2 dir=build-test/$1
	shift 2
	say "$name: building"
	begin=$(now)
	if [ ! -e "$dir/build.ninja" ] || [ "$(cat "$dir/made-with" 2>/dev/null)" != "$cc $*" ]; then
		rm -rf "$dir"
		CC=$cc meson setup "$dir" "$@" >"$log" 2>&1 || {
			cat "$log"
			result failed "not ok $name/setup"
			return 1
		}
		echo "$cc $*" >"$dir/made-with"
	fi
	if ninja -C "$dir" >"$log" 2>&1; then
		result passed "ok $name/build ($(($(now) - begin)) s)"
		return
	fi
	result failed "not ok $name/build"
	grep -vE '^\[[0-9]+/[0-9]+\] (Compiling|Linking|Generating)' "$log"
	return 1
}

# host_tests NAME SUITE...: those of build-test/NAME
host_tests() {
	name=$1
	shift
	selected=''
	for test in $(meson test -C "build-test/$name" --list 2>/dev/null | sed -n 's,^[^ ]* / ,,p'); do
		for suite; do
			case $name/$test in
			gcc/unit/storm) ;; # see start_storm
			"$name/$suite"/*) ! wanted "$name/$test" || selected="$selected $test" ;;
			esac
		done
	done
	[ -n "$selected" ] || return 0
	say "$name: $*"
	# shellcheck disable=SC2086 # a list
	meson test -C "build-test/$name" --no-rebuild --num-processes 2 $selected >"$log" 2>&1
	python3 tests/results.py "build-test/$name" "$results" || {
		tail -20 "$log"
		result failed "not ok $name/results"
	}
}

# start_storm: by far the longest test of one build, on one CPU, beside the other builds
start_storm() {
	wanted gcc/unit/storm || return 0
	say "gcc: unit/storm, beside what follows"
	meson test -C build-test/gcc --no-rebuild --logbase storm unit/storm >"$tmp/storm" 2>&1 &
	storm=$!
}

end_storm() {
	[ -n "$storm" ] || return 0
	wait "$storm"
	storm=''
	python3 tests/results.py build-test/gcc "$results" storm || {
		tail -20 "$tmp/storm"
		result failed "not ok gcc/unit/storm"
	}
}

# fuzz NAME...: each for a minute from its saved inputs, with what others leave of the CPUs; what makes it fail is kept
fuzz() {
	trap 'kill $child; exit 143' TERM
	for name; do
		wanted "fuzz/$name" || continue
		mkdir "$tmp/corpus-$name"
		chrt --idle 0 "build-test/asan/tests/fuzz/fuzz_$name" -max_total_time=60 -timeout=120 -rss_limit_mb=4096 \
			-print_final_stats=1 -artifact_prefix="${TMPDIR:-/tmp}/torc-fuzz-$name-" "$tmp/corpus-$name" \
			"tests/fuzz/corpus/$name" >"$tmp/fuzz-$name" 2>&1 &
		child=$!
		wait "$child" && status=0 || status=$?
		inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/fuzz-$name")
		if [ "$status" -eq 0 ] && [ "${inputs:-0}" -ge 1000 ]; then
			result passed "ok fuzz/$name ($inputs inputs)"
		else
			result failed "not ok fuzz/$name (status $status, ${inputs:-0} inputs; at least 1000)"
			tail -n 60 "$tmp/fuzz-$name"
		fi
	done
}

# lab_tests PREFIX BUILD GROUP CASE...: in one boot of the lab
lab_tests() {
	prefix=$1 torc=build-test/$2/torc group=$3
	shift 3
	selected=''
	for case; do
		! wanted "$prefix/$group/$case" || selected="$selected $case"
	done
	[ -n "$selected" ] && [ -x "$torc" ] || return 0
	say "$prefix/$group: starting the lab for$selected"
	rm -f "$tmp/tap"
	mkfifo "$tmp/tap"
	# shellcheck disable=SC2086 # a list
	sh tests/lab/test.sh "$torc" "$group" $selected >"$tmp/tap" 2>&1 &
	child=$!
	while IFS= read -r line; do
		case $line in
		'ok '*'# SKIP'*) result skipped "skip $prefix/${line#* - }" ;;
		'ok '*) result passed "ok $prefix/${line#* - }" ;;
		'not ok '*) result failed "not ok $prefix/${line#* - }" ;;
		'Bail out!'*) result failed "not ok $prefix/$group: ${line#Bail out! }" ;;
		[0-9]*..[0-9]*) ;;
		*) echo "$line" ;;
		esac
	done <"$tmp/tap"
	wait "$child"
	child=''
}

# cases GROUP: their names
cases() {
	for case in "tests/lab/cases/$1"/*.sh; do
		basename "$case" .sh
	done
}

say "what the tests need"
sh tests/setup.sh || { result failed "not ok setup" && finish; }
if may_want lab || may_want lab-sanitized; then
	sh tests/lab/fetch.sh || { result failed "not ok lab/fetch" && finish; }
fi

if may_want gcc || may_want lab; then
	build gcc gcc -Dwerror=true && start_storm && host_tests gcc unit fuzz lint
fi
# What another compiler sees, with the sanitizers; and the fuzzers.
if may_want asan || may_want fuzz || may_want lab-sanitized; then
	build asan clang -Dwerror=true -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false && host_tests asan unit fuzz
fi
if may_want tsan; then
	build tsan gcc -Db_sanitize=thread && host_tests tsan unit
fi
end_storm
if may_want fuzz; then
	say "fuzzers, beside what follows"
	fuzz virtqueue blk net pci msix vfio >"$tmp/fuzz" &
	fuzzers=$!
fi
for group in plain device bind hotplug interrupts devices faults refuse large numa oldest soak; do
	# shellcheck disable=SC2046 # a list
	lab_tests lab gcc $group $(cases $group)
done
# What only a real guest reaches, with the sanitizers watching torc.
lab_tests lab-sanitized asan device verify reboot
lab_tests lab-sanitized asan hotplug request reboot
lab_tests lab-sanitized asan soak mixed rebind
if [ -n "$fuzzers" ]; then
	wait "$fuzzers"
	fuzzers=''
	cat "$tmp/fuzz"
fi
finish
