#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mergeable, shared, thp, prefault of ordinary memory, seen from outside.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
flags() {
	awk '/^[0-9a-f]+-/ { trace = /torc-trace/ } $1 == "Size:" { size = $2 }
		$1 == "VmFlags:" && size >= 131072 && !trace' "/proc/$torc/smaps"
}
with() {
	memory=size=256M,$1
	run
	flags >seen
	cat seen
}
with mergeable=on
expect seen ' mg'
end
with thp=off
expect seen ' nh'
end
with thp=on
expect seen ' hg'
[ $(($(guest_pages 0) + $(guest_pages 1))) -lt 262144 ] || fail "all is there, and nobody wanted it"
end
with shared=on
expect seen ' sh'
end
with prefault=on
[ $(($(guest_pages 0) + $(guest_pages 1))) -eq 262144 ] || fail "not all is there"
expect log 'guest memory: populated in'
expect log 'guest memory: [0-9]+ MiB are on node'
end
# All of it there, and a disk with direct I/O: the rings use registered memory, without a passed-through device.
initramfs=$GUESTS/guest-virtio.cpio
truncate -s 64M image
memory=256M,prefault=on
start verify-16 --disk path=image,direct=on
finish 120
expect_status 0
expect serial '^VERIFIED 16 /dev/vda'
expect log 'io_uring: guest memory is registered for direct I/O$'
