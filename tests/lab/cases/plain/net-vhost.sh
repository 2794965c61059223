#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With vhost=on the kernel moves the packets and torc's rings sleep: every packet of $pings comes back, TCP runs both ways
# over two pairs of queues. The driver comes and goes under traffic, the machine is reset; then a guest without MSI.
. "$CASES/lib.sh"
pings=${pings:-${TORC_SOAK:+10000}}
pings=${pings:-500} long=${TORC_SOAK:+3} times=${TORC_SOAK:+10}
long=${long:-1} times=${times:-5}
initramfs=$GUESTS/guest-net.cpio cpus=2
modprobe tun
modprobe vhost_net

# How often the threads of torc's rings have waited.
sleeps() {
	for task in /proc/"$torc"/task/*; do
		case $(cat "$task/comm") in ring*) cat "$task/status" ;; esac
	done | awk '$1 == "voluntary_ctxt_switches:" { n += $2 } END { print n }'
}

# The kernel's threads for torc, by the number of the thread that asked for them; they are torc's own since 6.4.
workers() {
	cat /proc/[0-9]*/task/*/comm 2>/dev/null | grep -cxE "vhost-($(cd "/proc/$torc/task" && echo * | tr ' ' '|'))" || :
}

up='ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up'
driver=/sys/bus/virtio/drivers/virtio_net
# pings COUNT: a guest's command.
pings() {
	echo "/bin/ping -q -f -c $1 10.9.0.1 | tee /tmp/ping; grep -q '$1 received, 0% packet loss' /tmp/ping"
}

start commands --net tap=torc0,ip=10.9.0.1,num_queues=4,vhost=on
await serial '^TORC-GUEST-COMMANDS'
expect log 'network _net0: .* 2 pairs of queues, vhost'
[ "$(workers)" -eq 2 ] || fail "$(workers) vhost threads, not 2"
ask "$up && test \$(ls -d /sys/class/net/eth0/queues/rx-* | wc -l) -eq 2"
ask 'grep -q "PCI-MSI.*virtio0-input.1" /proc/interrupts'
before=$(sleeps)
ask "$(pings "$pings")" 240
iperf3 -s -D -I "$PWD/iperf3.pid" >/dev/null
ask "iperf3 -c 10.9.0.1 -t $long -P 2 -f m | grep SUM.*receiver" 60
ask "iperf3 -c 10.9.0.1 -t $long -P 2 -f m -R | grep SUM.*receiver" 60
kill "$(tr -d '\0' <iperf3.pid)"
ask '/bin/ping -q -c 10 -s 30000 -i 0.2 10.9.0.1 | tee /tmp/ping; grep -q "10 received, 0% packet loss" /tmp/ping'
slept=$(($(sleeps) - before))
echo "# torc's rings woke up $slept times"
[ "$slept" -lt 100 ] || fail "torc's rings woke up $slept times"
ping -q -f -w 60 10.9.0.2 >/dev/null &
ping=$!
ask "n=0; while [ \$n -lt $times ]; do echo virtio0 >$driver/unbind && echo virtio0 >$driver/bind && $up && /bin/ping -q -c 3 -i 0.1 10.9.0.1 >/dev/null || break; n=\$((n + 1)); done; [ \$n -eq $times ]" 120
tell 'reboot -f'
await serial '^TORC-GUEST-COMMANDS' 2
kill $ping 2>/dev/null || :
wait $ping || :
ask "$up && $(pings 200)" 120
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'

cmdline=pci=nomsi
start commands --net tap=torc0,ip=10.9.0.1,num_queues=4,vhost=on
await serial '^TORC-GUEST-COMMANDS'
ask 'grep -q "IO-APIC.*virtio0" /proc/interrupts'
ask "$up && $(pings 200)" 120
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
[ ! -e /sys/class/net/torc0 ] || fail "the interface is still there"
