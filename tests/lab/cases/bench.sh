# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases of torc-bench; source lib.sh first. The lab's host becomes a machine on which torc-bench runs as anywhere: its
# kernel's image is where Debian has it.

. "$CASES/bind.sh"
image=/boot/vmlinuz-$(uname -r)
[ -e "$image" ] || cp "$LAB_HOST_BZIMAGE" "$image"
# The interpreter itself, as a wrapper of a version manager takes seconds here.
python=$(python3 -c 'import sys; print(sys.executable)')
PATH=$CASES/../../../bench:${python%/*}:$PATH

# expect_nothing_left BDF DRIVER: of torc-bench, once it has ended however it did.
expect_nothing_left() {
	for _ in $(seq 100); do
		left=$(
			[ "$(driver "$1")" = "$2" ] || echo "$1 has driver $(driver "$1")"
			[ -z "$(ls /var/lib/torc/bind)" ] || echo "in the journal: $(ls /var/lib/torc/bind)"
			[ ! -e /sys/kernel/tracing/instances/torc-bench ] || echo "a trace instance"
			! grep -q torc-bench /proc/self/mountinfo || echo "a mount"
			grep -lxE 'torc|fio|iperf3|sockperf|unshare' /proc/[0-9]*/comm 2>/dev/null | sed 's/^/running: /'
			ip -o link | grep torcbench || :
		)
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	fail "left: $left"
}
