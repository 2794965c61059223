#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest without MSI: two disks share one interrupt line, the fifth slot's being the first one's again.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-virtio.cpio cmdline=pci=nomsi
for i in 1 2 3 4 5; do truncate -s 4M image$i; done
head -c 4194304 /dev/urandom >image1
head -c 4194304 /dev/urandom >image5
start commands --disk path=image1 path=image2 path=image3 path=image4 path=image5
await serial '^TORC-GUEST-COMMANDS'
ask 'grep -q "IO-APIC.*virtio0, virtio4" /proc/interrupts || { cat /proc/interrupts; false; }'
ask 'md5sum </dev/vda >/tmp/a & md5sum </dev/vde >/tmp/b; wait; cat /tmp/a /tmp/b'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
for i in 1 5; do expect serial "^$(md5sum <image$i | cut -d ' ' -f 1)"; done
