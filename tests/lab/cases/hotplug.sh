# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases of devices that leave a guest; after lib.sh.

# start_with_drive: a guest that has one, and its driver.
# shellcheck disable=SC2034 # lib.sh starts guests with it
start_with_drive() {
	cpus=2
	start commands --device "$(device "$LAB_BDF_NVME_A")"
	await serial '^TORC-GUEST-COMMANDS'
	ask '[ -e /dev/nvme0n1 ]'
}

# unbind BDF: in the background; the host waits until torc has let go of it. `unbound BDF` is there when that is so.
unbind() {
	{
		echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind
		: >"unbound-$1"
	} 9>&- &
}

# await_unbound BDF [SECONDS]: and give it back to vfio-pci, as it was.
await_unbound() {
	limit=$(($(seconds) + 4 * ${2:-15}))
	until [ -e "unbound-$1" ]; do
		running || fail "torc ended"
		[ "$(seconds)" -lt $limit ] || fail "$1 is still bound after $((4 * ${2:-15})) s"
		sleep 0.2
	done
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || fail "$1 has a driver"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(driver "$1")" = vfio-pci ] || fail "$1 did not come back to vfio-pci"
	expect_released "$1"
}

# still_well: the guest goes on, without the drive, and powers off as usual.
still_well() {
	ask '[ ! -e /dev/nvme0n1 ] && [ $(nproc) -ge 1 ] && usleep 100000'
	ask '! dmesg | grep -E "WARNING|BUG|Call Trace|blocked for more|stall"'
	tell 'poweroff -f'
	finish
	expect_status 0
}
