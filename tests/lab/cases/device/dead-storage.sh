#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Storage that does not answer any more, with writes of the guest on it: torc waits for it after one signal, and after a
# second one releases all that it can while its requests are still there: sockets, the device, guest memory pinned for it,
# other disks.
# The process goes when the storage answers.
. "$CASES/lib.sh"
. "$CASES/frozen.sh"
freeze --disk path=disk/image path=other --console socket=console --device "$(device "$LAB_BDF_NVME_A")" --metrics path=metrics
kill -s TERM "$torc"
await log '_disk0: its requests do not end; waiting.*another signal'
[ -S metrics ] || fail "not waited for"
begin=$(seconds)
kill -s TERM "$torc"
await log '_disk0: its requests do not end: given up'
expect_not log '(_disk1|__console): its'
n=0
until [ ! -e metrics ] && [ ! -e console ] && (: <>"/dev/vfio/$(group "$LAB_BDF_NVME_A")") 2>/dev/null; do
	[ $((n += 1)) -lt 600 ] || fail "not released"
	sleep 0.1
done
echo "# released $(($(seconds) - begin)) s after the second signal"
[ -e "/proc/$torc" ] || fail "ended, with requests that had not"
thaw
finish
expect_status 1
expect_error storage 'does not answer' 'names the disk'
