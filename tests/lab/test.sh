#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots the lab, runs a group of cases in its host and prints TAP. Usage: test.sh TORC GROUP [CASE]...
# Groups are the folders in cases, their cases the scripts in these. A last test of each group says whether the lab
# itself was well and its kernel without complaint.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"

if [ $# -lt 2 ] || [ ! -x "$1" ] || [ ! -d "$here/cases/$2" ]; then
	lab_die "usage: test.sh TORC GROUP [CASE]..."
fi
TORC_BIN=$(realpath "$1")
group=$2
shift 2
names=$*
[ -n "$names" ] || names=$(cd "$here/cases/$group" && echo *.sh | sed 's/\.sh\>//g')
total=$(echo "$names" | wc -w)
echo "1..$((total + 1))"

bail() {
	echo "Bail out! $*"
	exit 1
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-test.XXXXXX") || bail "no temporary folder"
run=''
cleanup() {
	[ -z "$run" ] || kill "$run" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
TORC_GUESTS=$tmp
export TORC_BIN TORC_GUESTS
# What the guests run, made out here: in the lab everything takes ten times as long.
"$here/fetch.sh" || bail "the lab's files cannot be fetched"
"$here/mkguest.sh" "$tmp/guest-6.1.cpio" --with fio --init "$here/cases/guest.sh" || bail "no guest"
"$here/mkguest.sh" "$tmp/guest-virtio.cpio" --module virtio_pci --module virtio_blk --module virtio_rng \
	--module virtio_console --with fio --init "$here/cases/guest.sh" || bail "no guest"
"$here/mkguest.sh" "$tmp/guest-net.cpio" --module virtio_pci --module virtio_net --with iperf3 --with ping \
	--init "$here/cases/guest.sh" || bail "no guest"
"$here/mkguest.sh" "$tmp/guest-6.12.cpio" --kernel host --module nvme --module e1000e --with fio \
	--init "$here/cases/guest.sh" || bail "no guest"
"$here/mkguest.sh" "$tmp/guest-devices.cpio" --kernel host --module nvme --module sdhci-pci --module mmc_block --module e1000 \
	--module e1000e --module igb --module igbvf --module xhci-pci \
	--module usb-storage --module sd_mod --module virtio_pci --module virtio_blk --with fio \
	--init "$here/cases/guest.sh" || bail "no guest"
"$here/mkguest.sh" "$tmp/guest-root.cpio" --root --module virtio_pci --module virtio_blk || bail "no guest"
"$here/mkdebian.sh" "$tmp/debian.raw" || bail "no Debian image"
for kernel in halt ready poweroff fault; do
	python3 "$here/cases/tiny.py" $kernel "$tmp/$kernel" || bail "no kernel"
done
for kernel in attach dma edu storm; do
	sh "$here/payload/build.sh" "$here/payload/$kernel.c" "$tmp/$kernel" cc || bail "no kernel"
done
sh "$here/payload/build.sh" "$here/payload/latency.c" "$tmp/latency" cc -m64 || bail "no kernel"
chmod 755 "$tmp"

# group.conf sets options for run.sh, quoted as for a shell: those that the group cannot do without.
lab=''
# shellcheck source=/dev/null
. "$here/cases/$group/group.conf"
mkfifo "$tmp/tap"
eval "set -- --timeout 900 $lab"
# shellcheck disable=SC2086 # a list
"$here/run.sh" --out "$tmp/out" "$@" -- "$here/cases/job.sh" "$group" $names >"$tmp/tap" 2>"$tmp/run.log" &
run=$!
done=0 failed=0
while IFS= read -r line; do
	echo "$line"
	case $line in
	"ok "*) done=$((done + 1)) ;;
	"not ok "*) done=$((done + 1)) failed=1 ;;
	esac
done <"$tmp/tap"
wait $run
status=$?
run=''

# Cases that the lab did not come to have failed.
n=0
for name in $names; do
	n=$((n + 1))
	[ $n -le $done ] || echo "not ok $n - $group/$name # the lab ended before it did"
done
if [ $status -eq 0 ]; then
	echo "ok $((total + 1)) - $group/lab"
else
	echo "not ok $((total + 1)) - $group/lab"
	sed 's/^/#   /' "$tmp/run.log"
	failed=1
fi
if [ -n "$(ls "$tmp/out")" ]; then
	logs=$(mktemp -d "${TMPDIR:-/tmp}/torc-test-logs.XXXXXX")
	mv "$tmp/out"/* "$logs/"
	echo "# files of the failed cases: $logs"
fi
exit $failed
