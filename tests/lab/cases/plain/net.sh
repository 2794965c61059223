#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtio network device on a TAP interface: every packet of $pings comes back, TCP runs both ways over several queues.
. "$CASES/lib.sh"
pings=${pings:-${TORC_SOAK:+10000}}
pings=${pings:-500} long=${TORC_SOAK:+3}
long=${long:-1}
initramfs=$GUESTS/guest-net.cpio cpus=2
modprobe tun
start commands --net tap=torc0,ip=10.9.0.1,mac=02:00:00:00:00:17,num_queues=4
await serial '^TORC-GUEST-COMMANDS'
ask 'grep -q 02:00:00:00:00:17 /sys/class/net/eth0/address'
ask 'ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up'
ask 'test $(ls -d /sys/class/net/eth0/queues/rx-* | wc -l) -eq 2'
ask "/bin/ping -q -f -c $pings 10.9.0.1 | tee /tmp/ping; grep -q '$pings received, 0% packet loss' /tmp/ping" 240
iperf3 -s -D -I "$PWD/iperf3.pid" >/dev/null
ask "iperf3 -c 10.9.0.1 -t $long -P 2 -f m | grep SUM.*receiver" 60
ask "iperf3 -c 10.9.0.1 -t $long -P 2 -f m -R | grep SUM.*receiver" 60
kill "$(tr -d '\0' <iperf3.pid)"
# What does not fit one buffer, and what the guest has to put together. ping waits for the last one as long as it pauses.
ask '/bin/ping -q -c 10 -s 30000 -i 0.2 10.9.0.1 | tee /tmp/ping; grep -q "10 received, 0% packet loss" /tmp/ping'
# The interface goes with torc.
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
for _ in $(seq 120); do
	[ -e /sys/class/net/torc0 ] || exit 0
	sleep 0.5 # Linux 6.1 closes it up to a second later
done
fail "the interface is still there"
