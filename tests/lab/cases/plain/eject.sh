#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest ejects virtio devices while they work: a network with packets on their way, a disk that is read, and then what it
# no longer has is the host's again; what it did not eject works on.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-net.cpio cpus=2
modprobe tun
truncate -s 64M one two
start commands --disk path=one path=two --net tap=torc0,ip=10.9.0.1 tap=torc1,ip=10.9.1.1,num_queues=4
await serial '^TORC-GUEST-COMMANDS'
# ejects DEVICE: by its slot, as ACPI has it.
ask 'ejects() { echo 0 >$(dirname $(grep -l "$(basename $(realpath /sys/class/$1/device/..) .0)" /sys/bus/pci/slots/*/address))/power; }; true'
ask 'ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up && ip address add 10.9.1.2/24 dev eth1 && ip link set eth1 up'
ask '/bin/ping -q -c 1 10.9.0.1 && /bin/ping -q -c 1 10.9.1.1'
tell '/bin/ping -q -f 10.9.1.1 >/dev/null 2>&1 & dd if=/dev/vdb of=/dev/null bs=4k iflag=direct 2>/dev/null &'
ask 'ejects net/eth1'
await log 'network device _net3: given back to the host'
# Linux before 6.13 keeps what was registered with a ring until the reads have ended that it had in flight, here the other
# network's.
ask '/bin/ping -q -c 3 10.9.0.1'
for _ in $(seq 60); do
	[ -e /sys/class/net/torc1 ] || break
	sleep 0.5
done
[ ! -e /sys/class/net/torc1 ] || fail "the interface is still there"
ask 'ejects block/vdb'
await log 'disk _disk1: given back to the host'
[ -z "$(find "/proc/$torc/fd" -lname "$PWD/two")" ] || fail "the ejected disk is still open"
ask '[ ! -e /dev/vdb ] && [ ! -e /sys/class/net/eth1 ]'
ask '/bin/ping -q -c 3 10.9.0.1 && dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
# Nor does the next kernel find it.
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
ask '[ -e /dev/vda ] && [ ! -e /dev/vdb ]'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
