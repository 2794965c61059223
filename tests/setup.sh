#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what `sh bench/demo.sh`, `sh bench/trace.sh` and `sh tests/run.sh` need on a minimal Debian 12; Debian 13 has the same packages.
# Usage: tests/setup.sh [--packages]. Does nothing, in no time, where everything is there; asks apt-get (through sudo, if not
# root) for what is missing. --packages: only say which they are.

set -eu
PATH=$PATH:/usr/sbin:/sbin

packages='
	gcc g++ libc6-dev meson ninja-build pkg-config ccache
	liburing-dev libnuma-dev libjemalloc-dev libjansson-dev zlib1g-dev systemtap-sdt-dev
	libbenchmark-dev libcmocka-dev
	clang clang-format libclang-rt-dev shellcheck
	acpica-tools fio strace jq python3 chromium-headless-shell binutils bpftrace
	pciutils iproute2 procps kmod iperf3 sockperf iputils-ping
	busybox-static cpio lz4 xz-utils zstd
	mmdebstrap uidmap fakeroot fdisk e2fsprogs dmsetup
'
# In the order of the lines: building torc; its libraries; unit tests and benchmarks; fuzzers, sanitizers and lint;
# checks and measurements; looking at devices and processes; the lab's kernels and initramfs; its disks.

if [ "${1-}" = --packages ]; then
	echo "$packages"
	exit
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	. /etc/os-release 2>/dev/null || :
	echo "setup.sh: ${PRETTY_NAME:-this system} has no apt-get, so nothing is installed or looked for; the table in README.md" \
		"names the packages elsewhere. Going on with what there is." >&2
	exit 0
fi

# shellcheck disable=SC2086 # a list
missing=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null |
	awk '
		BEGIN { for (i = 1; i < ARGC; i++) want[ARGV[i]] = 1; ARGC = 1 }
		$1 == "installed" { delete want[$2] }
		END { for (package in want) print package }' $packages)
[ -n "$missing" ] || exit 0

. /etc/os-release 2>/dev/null || :
[ "${ID-}" = debian ] ||
	echo "setup.sh: ${PRETTY_NAME:-this system} is not Debian; where it has no package of a name, the table in README.md has" \
		"what it is for" >&2
# shellcheck disable=SC2086 # a list
echo "setup.sh: installing" $missing
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
failed() {
	cat "$log" >&2
	echo "setup.sh: $1 failed" >&2
	exit 1
}

# Another program may be at it, as a fresh system does by itself: ten minutes of patience.
tries=0
until $sudo apt-get update >"$log" 2>&1 </dev/null; do
	if ! grep -q 'Could not get lock' "$log" || [ $((tries += 1)) -ge 120 ]; then
		failed 'apt-get update'
	fi
	sleep 5
done
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
	install -y --no-install-recommends $missing >"$log" 2>&1 </dev/null || failed 'apt-get install'
