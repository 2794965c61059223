#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device with nothing but a memory and an I/O BAR: the guest reads and writes both, and the device counts its accesses;
# again after it was removed and found again and after a reboot; and when the memory BAR is not mapped into the guest.
. "$CASES/lib.sh"
. "$CASES/interrupts.sh"
drivers=virtio_pci

# A test's header: its number, 3 bytes, an offset, data, a count, its name; an access at the offset counts.
accesses() {
	tell 'd=/sys/bus/pci/devices/0000:00:01.0; echo 1 >$d/enable'
	tell 'memory=$(sed -n 1p $d/resource | cut -d " " -f 1) port=$(($(sed -n 2p $d/resource | cut -d " " -f 1)))'
	tell 'port() { dd if=/dev/port bs=1 skip=$(($port + $1)) count=$2 2>/dev/null; }'
	ask 'devmem $memory 8 0 && test $(devmem $(($memory + 16)) 8) = 0x6D && test $(devmem $(($memory + 17)) 8) = 0x6D'
	ask 'before=$(devmem $(($memory + 12)) 32); offset=$(devmem $(($memory + 4)) 32); value=$(devmem $(($memory + 8)) 32)'
	ask 'poke $(($memory + $offset)) $value 3'
	ask 'test $(($(devmem $(($memory + 12)) 32))) -eq $(($before + 3))'
	ask 'head -c 1 /dev/zero | dd of=/dev/port bs=1 seek=$port conv=notrunc 2>/dev/null; test "$(port 16 4)" = port'
}

# boot OPTIONS: a guest with the device.
boot() {
	start commands --device "$(device "$LAB_BDF_TESTDEV")$1"
	await serial '^TORC-GUEST-COMMANDS'
	accesses
}

# off: after as many accesses as nothing else of the guest's makes.
off() {
	ask 'poke $(($memory + $offset)) $value 300'
	tell 'poweroff -f'
	finish
	expect_status 0
	expect_not log 'error:'
}

exits() {
	sed -n 's/.*userspace exits: mmio //p' log
}

boot ''
ask 'echo 1 >$d/remove; test ! -e $d && echo 1 >/sys/bus/pci/rescan && test -e $d'
accesses
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
accesses
off
[ "$(exits)" -lt 300 ] || fail "memory accesses exit to torc"
boot ,x_exclude_mmap_bars=[0]
off
[ "$(exits)" -ge 300 ] || fail "memory accesses do not exit to torc"
