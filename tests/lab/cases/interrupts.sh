# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases with devices of the group interrupts; source lib.sh first. The guest's kernel has their drivers.

# shellcheck disable=SC2034 # lib.sh starts guests with it
kernel=$LAB_HOST_VMLINUX initramfs=$GUESTS/guest-devices.cpio cpus=2

# on_host BDF COMMAND...: run it while the host's own driver has the device.
on_host() {
	bdf=$1
	shift
	sh "$TORC_LAB/bind.sh" --undo "$bdf"
	"$@" || :
	sh "$TORC_LAB/bind.sh" "$bdf" >/dev/null
}

# card_sum: of the SD card's first 2 MiB.
card_sum() {
	n=0
	until [ -b /dev/mmcblk0 ]; do
		[ $((n += 1)) -lt 400 ] || return
		sleep 0.1
	done
	dd if=/dev/mmcblk0 bs=64k count=32 2>/dev/null | md5sum | cut -d ' ' -f 1
}

# wire_up: the host's end of the wire, with a file that it serves.
wire_up() {
	nic=$(ls "/sys/bus/pci/devices/$LAB_BDF_E1000E_HOST/net")
	ip address add 10.9.1.1/24 dev "$nic"
	ip link set "$nic" up
	mkdir www
	bytes=${TORC_SOAK:+8388608}
	: "${bytes:=2097152}"
	head -c "$bytes" /dev/urandom >www/to-guest
	busybox httpd -f -p 10.9.1.1:80 -h www &
	httpd=$!
}

# Ends what wire_up began.
wire_down() {
	[ -n "$httpd" ] || return 0
	kill "$httpd" 2>/dev/null || :
	ip address flush dev "$nic"
	ip link set "$nic" down
}
httpd=''
trap 'cleanup; wire_down' EXIT

# guest_wire_up [INTERFACE]: the guest's end, eth0 or another, once it is there.
guest_wire_up() {
	ask "within 400 test -e /sys/class/net/${1:-eth0}"
	ask "ip address add 10.9.1.2/24 dev ${1:-eth0} && ip link set ${1:-eth0} up"
	ask 'within 80 ping -q -c 1 -W 1 10.9.1.1'
}

# exchange: a file each way over the wire, compared.
exchange() {
	ask "wget -q -O - http://10.9.1.1/to-guest | md5sum | grep $(md5sum <www/to-guest | cut -d ' ' -f 1)"
	ask "mkdir -p /www && head -c $bytes /dev/urandom >/www/to-host && echo \"TO-HOST \$(md5sum </www/to-host)\""
	tell 'httpd -f -p 10.9.1.2:80 -h /www & httpd=$!'
	want=$(sed -n 's/^TO-HOST \([0-9a-f]*\).*/\1/p' serial | tail -n 1)
	n=0
	until busybox wget -q -O from-guest http://10.9.1.2/to-host; do
		[ $((n += 1)) -lt 100 ] || fail "the guest's server does not answer"
		sleep 0.5
	done
	[ "$(md5sum <from-guest | cut -d ' ' -f 1)" = "$want" ] || fail "what the guest sent came otherwise"
	ask 'kill $httpd'
}

# nic_works REGEX: files cross the wire both ways, again after the driver of the guest's only device came and went, and
# after a reboot with the interface up; its interrupts are listed so.
nic_works() {
	guest_wire_up
	ask "grep '$1' /proc/interrupts"
	exchange
	ask 'cd /sys/bus/pci/devices/0000:00:01.0/driver && echo 0000:00:01.0 >unbind && echo 0000:00:01.0 >bind; cd /'
	guest_wire_up
	exchange
	tell 'reboot -f'
	await serial '^TORC-GUEST-COMMANDS' 2
	guest_wire_up
	exchange
	ask '! dmesg | grep -iE "nobody cared|Hang|timed out"'
	tell 'poweroff -f'
	finish
	expect_status 0
	expect_not log 'error:'
}
