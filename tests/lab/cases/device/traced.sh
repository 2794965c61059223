#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drive whose interrupts go through rings: all arrive, also when the guest's driver comes back. torc-trace sees each
# of them, and what KVM makes of it; of a virtio disk, requests with all their stages.
. "$CASES/lib.sh"
cpus=2 memory=512M initramfs=$GUESTS/guest-virtio.cpio
truncate -s 16M image
start commands --device "$(device "$LAB_BDF_NVME_A"),trace=ring" --disk path=image
await serial '^TORC-GUEST-COMMANDS'
tell 'fired() { awk "\$NF ~ /^nvme0q/ { n += \$2 + \$3 } END { print n }" /proc/interrupts; }'
tell 'reads() { was=$(fired); dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null && test $(fired) -ge $((was + 50)); }'
ask reads
tell 'd=/sys/bus/pci/drivers/nvme'
ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/nvme0n1'
ask 'echo 0000:00:01.0 >$d/bind && within 50 test -b /dev/nvme0n1'
ask reads
torc-trace record -o trace "$torc" 2>said &
recorder=$!
await said 'recording process'
ask reads
ask 'dd if=/dev/vda of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null'
kill -s INT $recorder
wait $recorder
cat said
expect said ' [1-9][0-9]* events, 0 dropped'
torc-trace report --json trace >report.json
# Every request of the disk, its stages as long as all of it; as many interrupts of the drive as reads, at least.
jq -e '.whole and .kvm_events > 0 and .requests.complete >= 50 and
	([.objects[] | select(.kind == "vector") | .counters.interrupts] | add) >= 50 and
	([.requests.slowest[] | select((.stages_us | add) / .total_us | . < 0.999 or . > 1.001)] | length) == 0 and
	([.requests.slowest[] | select(.stages_us.eoi)] | length) > 0' report.json >verdict || { cat report.json; fail "the report"; }
ask '! dmesg | grep -iE "nvme.*(timeout|polled|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
expect log 'device .*: forwarded [1-9][0-9]* interrupts'
