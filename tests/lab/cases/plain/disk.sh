#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtio disk: what the guest sees of it, and that what it wrote and flushed is in the image, even after kill -9.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cpus=2
truncate -s 64M image
truncate -s 1M small
start commands --disk path=image,serial=torc-test path=small,readonly=on,num_queues=1
await serial '^TORC-GUEST-COMMANDS'
ask 'test $(blockdev --getsize64 /dev/vda) -eq 67108864'
ask 'test $(cat /sys/block/vda/serial) = torc-test'
ask 'test $(cat /sys/block/vdb/ro) -eq 1'
ask 'test $(ls /sys/block/vda/mq | wc -l) -eq 2'
ask 'test $(ls /sys/block/vdb/mq | wc -l) -eq 1'
ask 'test $(cat /sys/block/vda/queue/discard_max_bytes) -gt 0'
ask 'test "$(cat /sys/block/vda/queue/write_cache)" = "write back"'
ask 'grep -q virtio.*req /proc/interrupts'
# Another one cannot have it meanwhile.
"$PROGRAM" --kernel "$kernel" --disk path=image --serial null 2>second </dev/null && fail "the image was given twice"
grep -q 'disk image: in use' second || fail "$(cat second)"
ask 'head -c 100000 /dev/urandom >/tmp/random; dd if=/tmp/random of=/dev/vda bs=1M conv=fsync 2>/dev/null'
ask 'head -c 65536 /dev/vdb | cmp - /dev/zero -n 65536'
ask 'echo SUM $(md5sum </tmp/random)'
kill -9 "$torc"
wait "$torc" || :
sum=$(tr -d '\r' <serial | sed -n 's/^SUM \([0-9a-f]*\).*/\1/p')
[ "$(head -c 100000 image | md5sum | cut -d ' ' -f 1)" = "$sum" ] || fail "the image does not have what was flushed"
