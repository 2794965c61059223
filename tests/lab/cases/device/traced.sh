#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drive whose interrupts go through rings: all arrive, also when the guest's driver comes back. torc-trace follows
# each of them from the host to the guest, those of a NIC that go past torc, too, and requests of virtio disks.
#
# What the stages of a disk's requests add up to is held against what the guest itself measures: its tracepoints
# block_rq_issue and block_rq_complete, stamped with its own TSC. torc-trace says how that follows from the host's, so
# each request's stages must lie within the guest's two stamps. Before them is the guest's driver up to its doorbell,
# behind them its interrupt handler: no part of the VMM, 0.2 to 0.5 ms here, whatever the disk. A disk that takes 50 ms
# leaves them less than the 5% that may be missing; the figures of each part are printed. Now and then a busy machine
# takes the guest its CPU in these parts, for longer than the request: the median request has to be within 5%. One that
# the ring found without a doorbell counts from when the ring began its turn, which may be before the guest's stamp.
. "$CASES/lib.sh"
disk=/sys/kernel/config/nullb/spans
release() {
	cleanup
	rmdir $disk 2>/dev/null || :
}
trap release EXIT
modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
mkdir $disk
for setting in size=16 irqmode=2 completion_nsec=50000000 power=1; do
	echo "${setting#*=}" >"$disk/${setting%%=*}"
done

cpus=2 kernel=$LAB_HOST_VMLINUX initramfs=$GUESTS/guest-devices.cpio
drivers=nvme,e1000e,virtio_pci,virtio_blk brisk=''
truncate -s 16M image
start commands --device "$(device "$LAB_BDF_NVME_A"),trace=ring" "$(device "$LAB_BDF_E1000E")" \
	--disk path=image path=/dev/spans,direct=on
await serial '^TORC-GUEST-COMMANDS'
tell 'fired() { awk "\$NF ~ /^nvme0q/ { n += \$2 + \$3 } END { print n }" /proc/interrupts; }'
tell 'reads() { was=$(fired); dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null && test $(fired) -ge $((was + 50)); }'
ask reads
tell 'd=/sys/bus/pci/drivers/nvme'
ask 'echo 0000:00:01.0 >$d/unbind && test ! -e /dev/nvme0n1'
ask 'echo 0000:00:01.0 >$d/bind && within 200 test -b /dev/nvme0n1'
ask reads
ask 'mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing && echo x86-tsc >trace_clock'
ask 'for e in issue complete; do echo 1 >events/block/block_rq_$e/enable || break; done'
torc-trace record -o trace "$torc" 2>said &
recorder=$!
await said 'recording process'
ask reads
ask 'dd if=/dev/vda of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null'
ask 'ip link set eth0 up && within 200 grep -q 1 /sys/class/net/eth0/carrier'
ask 'echo >trace; fio --name=spans --filename=/dev/vdb --rw=randread --bs=4k --number_ios=60 --direct=1 --ioengine=libaio --iodepth=1 --cpus_allowed=0 --output-format=terse >/tmp/fio'
ask 'echo 0 >tracing_on; n=$(cat /sys/block/vdb/dev | tr : ,)'
kill -s INT $recorder
wait $recorder
ask 'awk -v dev=$n "{ for (i = 2; i < NF; i++) if (\$i ~ /^block_rq_/ && \$(i + 1) == dev) print \"GUEST\", \$i, \$(i - 1) + 0 }" trace; echo "FIO $(cut -d";" -f40 /tmp/fio)"'
ask '! dmesg | grep -iE "nvme.*(timeout|polled|abort)"'
tell 'poweroff -f'
finish
expect_status 0
expect_not log '(warning|error):'
expect log 'device .*: forwarded [1-9][0-9]* interrupts'

cat said
expect said ' [1-9][0-9]* events, 0 dropped'
torc-trace report --json trace >report.json
torc-trace report --csv trace >report.csv
# Every request of the disk; as many interrupts of the drive as reads, at least, with all stages, and so the NIC's. An
# interrupt of a vCPU that is not in the guest has no entry of its own, so a vector with few may have none.
jq -e --arg nic "$LAB_BDF_E1000E" 'def entered: (map(.stages.entry.count // 0) | add) > 0;
	.whole and .kvm_events > 0 and .requests.complete >= 110 and
	([.objects[] | select(.kind == "vector") | .counters.interrupts] | add) >= 50 and
	([.vectors[] | select(.ring) | select(.interrupts > 0)] | (map(.ring_cost.count) | add) >= 50 and entered and
		all(.stages | has("ring") and .forward.count > 0 and .msi.count > 0)) and
	([.vectors[] | select(.name | startswith($nic)) | select(.interrupts > 0)] | length > 0 and entered and
		all((.ring | not) and (.stages | .msi.count > 0 and .accept.count > 0 and .inject.count > 0))) and
	([.vectors[] | .stages.eoi.count // 0, .pv_eoi] | add) > 0 and
	(.requests.stages | has("kick") and has("inject"))' report.json >verdict || {
	cat report.json
	jq -c '{whole, kvm_events}, (.requests | {complete, incomplete}), (.objects[] | {kind, name, counters})' report.json
	fail "the report"
}
# Stages of requests and of interrupts add up to all of it, to the digit printed.
tr -d '"' <report.csv | awk -F, 'NR == 1 { columns = NF; next }
	{ sum = 0; for (i = 7; i <= columns; i++) if ($i ~ /^[0-9.]+$/) sum += $i }
	sum - $6 > 1 || $6 - sum > 1 { print "stages of", $0; bad = 1 }
	END { exit bad || NR < 160 }' || fail "stages do not add up"
# Nanoseconds of the host since tsc_base, like begin_ns.
jq -r '"CLOCK \(.guest_tsc_offset) \(.tsc_base) \(.tsc_hz)"' report.json >clock
tr -d '\r' <serial | grep -E '^(GUEST|FIO) ' | cat clock - report.csv | tr -d '"' | awk '
	function host(tsc) { return (tsc - clock[2] - clock[3]) / clock[4] * 1e9 }
	$1 == "CLOCK" { for (i = 2; i <= 4; i++) clock[i] = $i }
	$1 == "FIO" { fio = $2 }
	$1 == "GUEST" && $2 == "block_rq_issue:" { issue[++issues] = host($3) }
	$1 == "GUEST" && $2 == "block_rq_complete:" { complete[++completes] = host($3) }
	/^_disk1 queue/ {
		split($0, field, ","); begin[++n] = field[5]; total[n] = field[6]; rang[n] = field[7] != ""; nr_rang += rang[n] }
	END {
		if (n < 60 || nr_rang < 30 || n != issues || n != completes) {
			print n, "requests,", nr_rang, "by doorbell, in the guest", issues, "and", completes; exit 1 }
		for (i = 1; i <= n; i++) {
			end = begin[i] + total[i]
			if (rang[i] && begin[i] < issue[i] || end > complete[i]) {
				printf "request %d: %.0f to %.0f, in the guest %.0f to %.0f\n", i, begin[i], end, issue[i], complete[i]
				bad++
			}
			share = total[i] / (complete[i] - issue[i])
			for (at = i; at > 1 && sorted[at - 1] > share; at--) sorted[at] = sorted[at - 1]
			sorted[at] = share
			before += begin[i] - issue[i]; stages += total[i]; after += complete[i] - end; guest += complete[i] - issue[i]
		}
		printf "# of %d requests, mean us: guest until its doorbell %.1f, stages %.1f, guest from its interrupt %.1f, in all %.1f; fio %.1f; stages of the median request: %.1f%%\n",
			n, before / n / 1e3, stages / n / 1e3, after / n / 1e3, guest / n / 1e3, fio, sorted[int((n + 1) / 2)] * 100
		exit bad || sorted[int((n + 1) / 2)] < 0.95 || sorted[int((n + 1) / 2)] > 1.05
	}' || fail "stages are not what the guest sees"
