#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# More devices than a PCI bus has slots: the guest finds all of them on several root buses, uses the last disk and ejects it.
# TORC_SOAK has 128 disks and 16 networks, which are found again after a reboot.
. "$CASES/lib.sh"
initramfs=$GUESTS/guest-net.cpio cpus=4 memory=512M
disks=${TORC_SOAK:+128} nets=${TORC_SOAK:+16}
disks=${disks:-36} nets=${nets:-3}
passed="$LAB_BDF_NVME_B $LAB_BDF_E1000E $LAB_BDF_E1000 $LAB_BDF_EDU $LAB_BDF_SD $LAB_BDF_XHCI $LAB_BDF_XHCI_MSI $LAB_BDF_TESTDEV"
modprobe tun
set --
for bdf in $passed; do
	set -- "$@" --device "$(device "$bdf"),bind=on"
done
for i in $(seq "$disks"); do
	truncate -s 64K "disk$i"
	echo "number-$i" | dd of="disk$i" conv=notrunc 2>/dev/null
	set -- "$@" --disk "path=disk$i"
done
for i in $(seq "$nets"); do
	set -- "$@" --net "tap=torc$i,ip=10.9.$i.1"
done
start commands "$@"
await serial '^TORC-GUEST-COMMANDS' 1 240

# found DISKS: all functions are there, that many disks, and the last one is itself.
found() {
	ask "[ \$(grep -l 0x1af4 /sys/bus/pci/devices/*/vendor | wc -l) -eq $(($1 + nets)) ]"
	ask "[ \$(ls -d /sys/bus/pci/devices/* | wc -l) -eq \$(($1 + $nets + 8 + \$(ls -d /sys/devices/pci0000:* | wc -l))) ]"
	ask "[ \$(ls -d /sys/block/vd* | wc -l) -eq $1 ] && [ \$(ls -d /sys/class/net/eth* | wc -l) -ge $nets ]"
	ask "d=\$(grep -lx _disk$(($1 - 1)) /sys/block/vd*/serial) && d=/dev/\$(basename \$(dirname \$d)) && head -n 1 \$d | grep -x number-$1"
}

found "$disks"
expect log "_disk$((disks - 1)):.*guest 0000:0[1-9]:"
expect log "_net$((disks + nets - 1)):.*guest 0000:0[1-9]:"
# By its slot, as ACPI has it.
ask 'echo 0 >$(dirname $(grep -l "$(basename $(realpath /sys/block/$(basename $d)/device/..) .0)" /sys/bus/pci/slots/*/address))/power'
await log "disk _disk$((disks - 1)): given back to the host"
if [ "${TORC_SOAK:-}" ]; then
	tell 'reboot -f'
	await serial '^TORC-GUEST-COMMANDS' 2 240
	found $((disks - 1))
fi
tell 'poweroff -f'
finish
expect_status 0
expect_not log 'error:'
