#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The part of trace.sh that runs on the lab's host, as root: what a user would do there. Usage: trace-host.sh STAGE SECONDS
# Leaves the recording in $TORC_LAB_OUT, and what fio in the guest says.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tests/lab/env.sh"
stage=$1 seconds=$2
drive=/sys/bus/pci/devices/$LAB_BDF_NVME_A
torc='' recorder=''
cleanup() {
	for pid in $torc $recorder; do
		kill "$pid" 2>/dev/null || :
	done
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

# await FILE REGEX: until there is such a line
await() {
	until grep -qE "$2" "$1"; do
		kill -0 "$torc" 2>/dev/null || { cat serial log; echo "bench: torc ended; no '$2' in its $1"; exit 1; }
		sleep 0.1
	done
}

cp -r "$stage/torc" /run/torc
cd /run
export LD_LIBRARY_PATH=/run/torc
truncate -s 16M disk
mkfifo input
exec 9<>input
: >serial
echo "bench: the drive goes to vfio-pci and to a guest of torc"
torc/torc --kernel "$stage/kernel" --initramfs "$stage/io.cpio" --cpus 2 --memory 512M \
	--cmdline 'console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests' \
	--device "path=$drive,bind=on,trace=ring" --disk path=disk <input >serial 2>log 9>&- &
torc=$!
await serial ^TORC-READY
torc/torc-trace record -o recording $torc 2>said &
recorder=$!
await said 'recording process'
echo "bench: fio in the guest, on the NVMe drive and on the virtio disk, while torc-trace records"
echo "$seconds" >&9
wait $torc || { cat serial log; exit 1; }
torc=''
wait $recorder
recorder=''
cat log said
grep -q '^TORC-GUEST-EXIT 0' serial || { cat serial; exit 1; }
tr -d '\r' <serial | while read -r word name json; do
	[ "$word" != TORC-FIO ] || echo "$json" >"$TORC_LAB_OUT/fio-$name.json"
done
cp recording "$TORC_LAB_OUT/"
