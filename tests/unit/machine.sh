#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How a machine ends, with guests of a few instructions on this computer's /dev/kvm. Usage: machine.sh TORC; prints TAP.

set -u
here=$(cd "$(dirname "$0")" && pwd)
[ -x "${1-}" ] || { echo "usage: machine.sh TORC" >&2; exit 2; }
torc=$1
if ! (: <>/dev/kvm) 2>/dev/null; then
	echo "1..0 # SKIP /dev/kvm cannot be opened"
	exit 0
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-machine.XXXXXX") || exit 1
pid=''
tracer=''
trap '[ -z "$pid$tracer" ] || kill -9 $pid $tracer 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for guest in halt poweroff fault jump reset off-and-reset reset-and-fault eject; do
	python3 "$here/../lab/cases/tiny.py" $guest "$tmp/$guest" || exit 1
done

# A shell makes what it starts in the background deaf to SIGINT, as nohup does to SIGHUP.
start() {
	guest=$1
	shift
	env --default-signal=INT,HUP "$torc" -v --kernel "$tmp/$guest" --memory 64M "$@" </dev/null >"$tmp/out" 2>"$tmp/log" &
	pid=$!
}

# Until the guest can run; before that a signal ends torc as it would end any program.
ready() {
	tries=0
	until grep -q '^vcpu0$' /proc/"$pid"/task/*/comm 2>/dev/null || [ $((tries += 1)) -gt 200 ]; do
		sleep 0.1
	done
	sleep 0.5
}

# ended_within SECONDS: whether torc has. The shell may have collected it already.
ended_within() {
	python3 - "$1" "$pid" <<-'PYTHON'
		import os, select, sys
		try:
		    pidfd = os.pidfd_open(int(sys.argv[2]))
		except ProcessLookupError:
		    sys.exit(0)
		sys.exit(not select.select([pidfd], [], [], int(sys.argv[1]))[0])
	PYTHON
}

# ends NAME STATUS REGEX [UNWANTED]: within 200 s, with this exit status, and such a line in the log
n=0 failed=0
ends() {
	ended_within 200 || kill -9 "$pid"
	status=0
	wait "$pid" || status=$?
	pid=''
	[ -z "$tracer" ] || wait "$tracer" || :
	tracer=''
	n=$((n + 1))
	if [ $status -eq "$2" ] && grep -Eq -- "$3" "$tmp/log" && [ ! -s "$tmp/out" ] &&
		{ [ -z "${4-}" ] || ! grep -Eq -- "$4" "$tmp/log"; }; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# exit status $status, not $2, or no line '$3' in its log${4:+, or one $4}, or something on standard output:"
		tail -n 20 "$tmp/log" "$tmp/out" | sed 's/^/#   /'
		failed=1
	fi
}

# As many descriptors as it says it needs are enough.
truncate -s 1M "$tmp/disk"
with_descriptors() {
	# shellcheck disable=SC3045 # dash has it
	(ulimit -n "$1" && exec "$torc" -v --kernel "$tmp/poweroff" --memory 64M --cpus 16 --disk "path=$tmp/disk") \
		</dev/null >"$tmp/out" 2>"$tmp/log" &
	pid=$!
}
with_descriptors 64
ends 'too few descriptors' 1 'the limit is 64 open files, and this machine needs [0-9]+$'
with_descriptors "$(sed -n 's/.*ulimit -n \([0-9]*\),.*/\1/p' "$tmp/log")"
ends 'enough descriptors' 0 'guest: power off'

for cpus in 1 4; do
	start poweroff --cpus $cpus
	ends "power-off, $cpus vCPUs" 0 'guest: power off'
	start fault --cpus $cpus
	ends "triple fault, twice, $cpus vCPUs" 3 'triple fault again'
	start jump --cpus $cpus
	ends "a jump to what is no memory, $cpus vCPUs" 3 'KVM internal error .* rip 0xd0000000.*'
	for signal in TERM INT HUP; do
		start halt --cpus $cpus
		ready
		kill -s $signal "$pid"
		ends "SIG$signal, $cpus vCPUs" 0 'signal .*: ending the VM'
	done
	start reset --cpus $cpus
	ready
	kill -s TERM "$pid"
	ends "SIGTERM while the guest resets all the time, $cpus vCPUs" 0 'signal .*: ending the VM'
	start reset-and-fault --cpus $cpus
	ready
	kill -s TERM "$pid"
	ends "a reset ends the instructions, $cpus vCPUs" 0 'guest: reset' 'triple fault'
	start off-and-reset --cpus $cpus
	ends "power-off before a reset, $cpus vCPUs" 0 'guest: power off'
done

# scrape: the metrics, by HTTP.
scrape() {
	python3 - "$tmp/metrics" <<'PYTHON'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
while data := s.recv(65536):
    sys.stdout.write(data.decode())
PYTHON
}

# What torc was started with, and nothing named, is closed; what it opens, a program that it starts would not have.
exec 7</dev/null
start halt --metrics "path=$tmp/metrics" --serial null --console pty
exec 7<&-
ready
n=$((n + 1)) left=''
for info in /proc/"$pid"/fdinfo/*; do
	[ "${info##*/}" -gt 2 ] || continue
	flags=$(sed -n 's/^flags:\t//p' "$info")
	[ $((${flags:-02000000} & 02000000)) -ne 0 ] || left="$left ${info##*/}"
done
if [ -z "$left" ]; then
	echo "ok $n - no descriptor is left open for others"
else
	echo "not ok $n - no descriptor is left open for others"
	echo "# without O_CLOEXEC:$left"
	failed=1
fi
kill -s TERM "$pid"
ends "SIGTERM with a console" 0 'signal .*: ending the VM'

# A tool finds the trace, and whoever asks the figures, while the guest runs.
start halt --metrics "path=$tmp/metrics"
ready
n=$((n + 1))
if scrape >"$tmp/text" && readlink /proc/"$pid"/fd/* | grep -q 'memfd:torc-trace' &&
	grep -Eq '^torc_ring_turns_total\{ring="main"\} [1-9]' "$tmp/text" &&
	grep -Eq '^torc_ring_busy_seconds\{ring="main",quantile="0.5"\} [0-9.e-]+$' "$tmp/text" &&
	grep -Eq '^torc_vcpu_exits_total\{vcpu="vcpu0",reason="hlt"\} 0$' "$tmp/text"; then
	echo "ok $n - metrics"
else
	echo "not ok $n - metrics"
	sed 's/^/#   /' "$tmp/text"
	failed=1
fi
# The same by torc-trace: live, and a recording from the first report to the last. As root also KVM's events, if it has any.
tool=${torc%/*}/torc-trace
n=$((n + 1))
# Something to record, however late the recorder is.
(while :; do scrape >/dev/null; done) &
scraper=$!
if "$tool" live --count 1 --interval 0.1 "$pid" >"$tmp/live" && grep -q '^vcpu0:' "$tmp/live" &&
	"$tool" record --seconds 4 -o "$tmp/trace" "$pid" 2>"$tmp/said" &&
	grep -Eq ' [1-9][0-9]* events, 0 dropped' "$tmp/said" &&
	"$tool" report --json "$tmp/trace" | jq -e '.whole and (.objects | map(.name) | index("main"))' >/dev/null &&
	"$tool" report "$tmp/trace" | tail -n 1 | grep -q '</html>' &&
	"$tool" report --perfetto "$tmp/trace" | jq -e '.traceEvents | length > 0' >/dev/null &&
	"$tool" report --hgrm "$tmp/trace" | grep -q '^# main busy (us)' &&
	"$tool" report --csv "$tmp/trace" | head -n 1 | grep -q '^queue,head'; then
	echo "ok $n - torc-trace live, record, report"
else
	echo "not ok $n - torc-trace live, record, report"
	sed 's/^/#   /' "$tmp/live" "$tmp/said"
	failed=1
fi
kill $scraper
wait $scraper
n=$((n + 1))
if "$tool" record "$pid" 2>"$tmp/said" || [ $? -ne 2 ] || "$tool" report --count 1 "$tmp/trace" 2>>"$tmp/said" || [ $? -ne 2 ] ||
	"$tool" report "$0" 2>>"$tmp/said" || [ $? -ne 1 ] || "$tool" live $$ 2>>"$tmp/said" || [ $? -ne 1 ] ||
	[ "$(grep -c '^torc-trace: ' "$tmp/said")" -ne 4 ]; then
	echo "not ok $n - torc-trace refuses what it cannot do"
	sed 's/^/#   /' "$tmp/said"
	failed=1
else
	echo "ok $n - torc-trace refuses what it cannot do"
fi
# Its memory is another process's, and may be gone when it is looked at: what the kernel says then ends it in order.
n=$((n + 1))
"$tool" record --seconds 100 -o "$tmp/cut" "$pid" 2>"$tmp/said" &
recorder=$! tries=0
until grep -qs memfd:torc-trace "/proc/$recorder/maps" || [ $((tries += 1)) -gt 200 ]; do
	sleep 0.1
done
kill -s BUS $recorder
status=0
wait $recorder || status=$?
if [ $status -eq 1 ] && grep -q 'its memory cannot be read any more' "$tmp/said" &&
	[ ! -e "/sys/kernel/tracing/instances/torc-trace-$recorder" ]; then
	echo "ok $n - torc-trace survives SIGBUS"
else
	echo "not ok $n - torc-trace survives SIGBUS"
	echo "# exit status $status"
	sed 's/^/#   /' "$tmp/said"
	failed=1
fi
kill -s TERM "$pid"
ends "SIGTERM with metrics" 0 'signal .*: ending the VM'
truncate -s 1M "$tmp/image"
start eject --cpus 2 --disk "path=$tmp/image"
ends "a guest that ejects everything" 0 'userspace exits: pio 17[0-9][0-9]$' '(warning|error):'
start halt --cpus 2 --metrics "path=$tmp/last.prom,interval=3600" --disk "path=$tmp/image,queue_affinity=[1@[0],0@[1]]"
ready
allowed=$(for task in /proc/"$pid"/task/*; do
	sed -n 's/^Name:[[:blank:]]*\(ring.\)$/\1/p; s/^Cpus_allowed_list:[[:blank:]]*//p' "$task/status" | paste -s -d ' '
done | grep ring | sort | paste -s -d ' ')
kill -s TERM "$pid"
n=$((n + 1))
if [ "$allowed" = 'ring0 1 ring1 0' ]; then
	echo "ok $n - rings of queues run where they are told to"
else
	echo "not ok $n - rings of queues run where they are told to"
	echo "# allowed: $allowed"
	failed=1
fi
ends "SIGTERM with a disk" 0 'signal .*: ending the VM'
# At the start there was no vCPU, and the main ring has only heard of the signal since.
n=$((n + 1))
if grep -Eq '^torc_vcpu_exits_total\{vcpu="vcpu1",reason="signal"\} [1-9]' "$tmp/last.prom" &&
	grep -Eq '^torc_ring_completions_total\{ring="main"\} [1-9]' "$tmp/last.prom" &&
	[ "$(echo "$tmp"/last.prom*)" = "$tmp/last.prom" ]; then
	echo "ok $n - the last metrics are in their file"
else
	echo "not ok $n - the last metrics are in their file"
	grep -E '_exits_|_completions_' "$tmp"/last.prom* | sed 's/^/#   /'
	failed=1
fi

# A signal that comes when all is over changes nothing of how torc ends: here, when it has told its error.
# (LeakSanitizer does not work beside strace.)
# shellcheck disable=SC2094 # strace only names it
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -qq -o "$tmp/strace" -P "$tmp/log" -e trace=write -e inject=write:delay_exit=1000000 \
	"$torc" --kernel "$tmp/jump" --memory 64M </dev/null >"$tmp/out" 2>"$tmp/log" &
pid=$!
tries=0
until grep -q '^torc: ' "$tmp/log" || [ $((tries += 1)) -gt 200 ]; do
	sleep 0.1
done
kill -s TERM "$(pgrep -P "$pid")"
ends 'a signal behind the end' 3 'KVM internal error .* rip 0xd0000000.*'

# What a thread of the start finds, the machine ends of: here the one that populates memory.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}use_madv_dontdump=0" \
	strace -f -qq -o "$tmp/strace" -e trace=madvise -e inject=madvise:error=EFAULT \
	"$torc" -v --kernel "$tmp/halt" --memory size=64M,prefault=on </dev/null >"$tmp/out" 2>"$tmp/log" &
pid=$!
ends 'memory that the kernel does not populate' 1 'populate 64 MiB of guest memory'

# refuse TID ERROR WHICH: io_uring_enter(2) of a thread ends so, the calls that strace counts thus from now on.
refuse() {
	: >"$tmp/strace"
	strace -qq -o "$tmp/strace" -p "$1" -e trace=io_uring_enter -e inject="io_uring_enter:error=$2:when=$3" &
	tracer=$!
	tries=0
	# A thread that waits begins its call again when it is traced. That it is traced is not enough: strace may not go on yet.
	while ! grep -q INJECTED "$tmp/strace" && [ $((tries += 1)) -lt 200 ]; do
		sleep 0.1
	done
}

ring0() {
	grep -lx ring0 /proc/"$pid"/task/*/comm | sed 's|/comm$||; s|.*/||'
}

# A ring that its kernel refuses for good ends the machine in order, and by the sockets' names that is seen.
speak() {
	python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b"x")' "$tmp/socket"
}
start halt --serial null --console "socket=$tmp/socket" --disk "path=$tmp/image"
ready
refuse "$(ring0)" ENOMEM 1..200
speak
kill -s TERM "$pid"
ends "a kernel that has no memory for a while" 0 'signal .*: ending the VM' '(warning|error):'
for error in EBADR ENOMEM; do
	start halt --serial null --console "socket=$tmp/socket" --disk "path=$tmp/image"
	ready
	refuse "$(ring0)" $error 1+
	speak
	ends "a ring that is refused for good by $error" 1 'ring0: io_uring_enter: '
	n=$((n + 1))
	if [ -e "$tmp/socket" ]; then
		echo "not ok $n - the console's socket is gone after $error"
		failed=1
	else
		echo "ok $n - the console's socket is gone after $error"
	fi
	start halt --serial null --console "socket=$tmp/socket"
	ready
	refuse "$pid" $error 1+
	# By EBADR it has ended already.
	kill -s TERM "$pid" 2>/dev/null || :
	ends "the main ring refused for good by $error" 1 'io_uring_enter: '
done
echo "1..$n"
exit $failed
