#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each of the drive's queues gets its own MSI-X interrupts, through the guest's driver coming and going five times, and
# what was written before is there after it.
. "$CASES/lib.sh"
cpus=4
start commands --device "$(device "$LAB_BDF_NVME_A")"
await serial '^TORC-GUEST-COMMANDS'
# fired N: interrupts of queue N so far, on all CPUs.
tell 'fired() { awk -v q="nvme0q$1" "\$NF == q { print \$2 + \$3 + \$4 + \$5 }" /proc/interrupts; }'
# Each CPU has a queue of its own, 1 to 4; the reads from it are answered there.
tell 'reads() { taskset -c $1 dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null; }'
tell 'queue() { q=$(($1 + 1)); was=$(fired $q); reads $1; echo "QUEUE $q: $was then $(fired $q)"; test $(fired $q) -ge $((was + 50)); }'
tell 'each() { queue 0 && queue 1 && queue 2 && queue 3; }'
tell 'd=/sys/bus/pci/drivers/nvme'
ask each
read='dd if=/dev/nvme0n1 bs=64k count=16 iflag=direct 2>/dev/null | md5sum'
ask 'dd if=/dev/urandom of=/dev/nvme0n1 bs=64k count=16 oflag=direct 2>/dev/null'
ask "sum=\$($read)"
for _ in 1 2 3 4 5; do
	ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/nvme0n1'
	ask 'echo 0000:00:01.0 >$d/bind && within 200 test -b /dev/nvme0n1'
	ask each
	ask "test \"\$sum\" = \"\$($read)\""
done
ask '! dmesg | grep -iE "nvme.*(timeout|polled|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
# The driver came six times and made a queue after the other: six bursts of one vector each, of two commits at most.
calls=$(sed -n 's/.*KVM_SET_GSI_ROUTING calls: //p' log)
echo "$calls KVM_SET_GSI_ROUTING calls"
[ "$calls" -le $((6 * 6 * 2)) ] || fail "more than two for each burst"
