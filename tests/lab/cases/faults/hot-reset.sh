#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two functions of one device that can only be reset together: with both in one machine a hot reset does, and the guest
# uses both, in slots of their own, again after a reboot, beside devices that have more groups than they. One alone takes the other along as long as nobody has it; when
# that has no driver that would let it be reset, torc says that the reset failed and starts.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=e1000
. "$CASES/faults.sh"

# crosses INTERFACE: a file does, over this one alone, by its interrupts.
crosses() {
	guest_wire_up "$1"
	ask "wget -q -O - http://10.9.1.1/small | md5sum | grep $(md5sum <www/small | cut -d ' ' -f 1)"
	ask "grep 'IO-APIC.*fasteoi.*$1' /proc/interrupts"
	ask "ip address flush dev $1 && ip link set $1 down"
}

wire_up
head -c 262144 /dev/urandom >www/small
cpus=1
start commands -v --device "$(device "$LAB_BDF_NVME_A"),bind=on" "$(device "$LAB_BDF_NVME_B"),bind=on" "$(device "$twin_a")" "$(device "$twin_b")"
await serial '^TORC-GUEST-COMMANDS'
ask '[ -e /sys/bus/pci/devices/0000:00:03.0/net/eth0 ] && [ -e /sys/bus/pci/devices/0000:00:04.0/net/eth1 ]'
crosses eth1
ask 'ip link set eth0 up && ip link set eth1 up'
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
crosses eth0
crosses eth1
tell 'poweroff -f'
finish
expect_status 0
expect log "host $twin_a,.* reset: hot reset of 2 functions"
sed '1,/guest: reset/d' log >log.reboot
for bdf in "$twin_a" "$twin_b"; do expect log.reboot "$bdf\\): reset: hot reset of 2 functions"; done
expect_not log '(warning|error):'

kernel=$GUESTS/poweroff
start none -v --device "$(device "$twin_a")"
finish
expect_status 0
expect log "$twin_a\\): reset: hot reset of 2 functions"

echo "$twin_b" >/sys/bus/pci/drivers/vfio-pci/unbind
start none -v --device "$(device "$twin_a")"
finish
echo "$twin_b" >/sys/bus/pci/drivers_probe
expect_status 0
expect log "warning: .*$twin_a.*reset"
expect log "host $twin_a,.* reset: none"
