#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots the lab once, runs cases in its host and prints TAP.
#
#   test.sh TORC GROUP [CASE]...              a group, or some of its cases
#   test.sh [--host HOST] --torc TORC GROUP/CASE... [--torc TORC GROUP/CASE...]...
#                                             cases of several groups, with several programs
#
# Groups are the folders in cases, their cases the scripts in these. Hosts are the files in hosts; a group.conf names one
# that has what the group needs, and without --host it is the same for all that are given. A last test says whether the lab itself was well and its kernel without complaint.
# $TORC_GUESTS: a folder that guests.sh has filled; without it one is made.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"

usage() {
	lab_die "usage: test.sh TORC GROUP [CASE]... | [--host HOST] --torc TORC GROUP/CASE..."
}

# host_of GROUP
host_of() {
	(
		host=''
		# shellcheck source=/dev/null
		. "$here/cases/$1/group.conf"
		echo "$host"
	)
}

host=''
if [ "${1-}" = --host ] && [ $# -gt 2 ]; then
	host=$2
	shift 2
fi
# Into the second form.
if [ "${1-}" != --torc ]; then
	{ [ $# -ge 2 ] && [ -d "$here/cases/$2" ]; } || usage
	torc=$1 group=$2
	shift 2
	# shellcheck disable=SC2046 # a list
	[ $# -gt 0 ] || set -- $(cd "$here/cases/$group" && echo *.sh | sed 's/\.sh\>//g')
	for case; do
		set -- "$@" "$group/$case"
		shift
	done
	set -- --torc "$torc" "$@"
fi

# The job has folders of its own.
total=0 before='' hosts=''
for word; do
	shift
	if [ "$before" = --torc ]; then
		[ -x "$word" ] || lab_die "$word: no program"
		set -- "$@" "$(realpath "$word")"
		before=$word
		continue
	elif [ "$word" != --torc ]; then
		[ -f "$here/cases/$word.sh" ] || lab_die "$word: no such case"
		total=$((total + 1))
		hosts="$hosts $(host_of "${word%/*}")"
	fi
	set -- "$@" "$word"
	before=$word
done
# shellcheck disable=SC2086 # a list
[ -n "$host" ] || host=$(printf '%s\n' $hosts | sort -u)
[ -f "$here/hosts/$host.conf" ] || lab_die "no one host for all, or no such host: $host"

bail() {
	echo "Bail out! $*"
	exit 1
}

echo "1..$((total + 1))"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-test.XXXXXX") || bail "no temporary folder"
run=''
cleanup() {
	[ -z "$run" ] || kill "$run" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$tmp"
if [ -z "${TORC_GUESTS-}" ]; then
	TORC_GUESTS=$tmp/guests
	"$here/guests.sh" "$TORC_GUESTS" || bail "no guests"
fi
export TORC_GUESTS

# The CPUs of a host whose cases do not ask for more. Emulated ones wait for each other in loops, longest where this
# machine's own are busy: with one each, two labs take two thirds of the time that they take with two.
cpus=${TORC_SOAK:+4}
: "${cpus:=1}"
lab=''
# shellcheck source=/dev/null
. "$here/hosts/$host.conf"
mkfifo "$tmp/tap"
# A quarter of an hour and a minute for each case; they take a fifth of that.
limit=$((900 + 60 * total))
[ -z "${TORC_SOAK-}" ] || limit=86400
eval "set -- --timeout $limit $lab --out '$tmp/out' -- '$here/cases/job.sh' $(for word; do lab_quote "$word"; printf ' '; done)"
"$here/run.sh" "$@" >"$tmp/tap" 2>"$tmp/run.log" &
run=$!
failed=0
while IFS= read -r line; do
	echo "$line"
	case $line in "not ok "*) failed=1 ;; esac
done <"$tmp/tap"
wait $run
status=$?
run=''

if [ $status -eq 0 ]; then
	echo "ok $((total + 1)) - host/$host"
else
	echo "not ok $((total + 1)) - host/$host"
	sed 's/^/#   /' "$tmp/run.log"
	failed=1
fi
if [ -n "$(ls "$tmp/out" 2>/dev/null)" ]; then
	logs=$(mktemp -d "${TMPDIR:-/tmp}/torc-test-logs.XXXXXX")
	mv "$tmp/out"/* "$logs/"
	echo "# files of the failed cases: $logs"
fi
exit $failed
