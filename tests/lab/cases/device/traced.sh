#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drive whose interrupts go through rings: each is seen once and arrives, also when the guest's driver comes back.
. "$CASES/lib.sh"
cpus=2 memory=512M
start commands --device "$(device "$LAB_BDF_NVME_A"),trace=ring"
await serial '^TORC-GUEST-COMMANDS'
tell 'fired() { awk "\$NF ~ /^nvme0q/ { n += \$2 + \$3 } END { print n }" /proc/interrupts; }'
tell 'reads() { was=$(fired); dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null && test $(fired) -ge $((was + 50)); }'
ask reads
tell 'd=/sys/bus/pci/drivers/nvme'
ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/nvme0n1'
ask 'echo 0000:00:01.0 >$d/bind; n=0; until test -b /dev/nvme0n1; do test $((n += 1)) -lt 50; sleep 0.1; done'
ask reads
ask '! dmesg | grep -iE "nvme.*(timeout|polled|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
expect log 'device .*: forwarded [1-9][0-9]* interrupts'
