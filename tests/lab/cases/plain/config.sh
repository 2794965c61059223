#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What options mean, written as JSON and read again, makes the same machine: the guest sees the same devices and memory, and torc
# logs the same of it.
. "$CASES/lib.sh"
truncate -s 4M disk
cpus=2
modprobe tun
# told FOLDER: what torc said of the machine, without times.
told() {
	sed -n 's/^\[[ 0-9.]*\] info: \(disk\|network\|console\)/\1/p' "$1/log"
	grep -E '^(E820|CPUS|MEMORY-KIB|PCI)' "$1/serial" | tr -d '\r'
}
disk=$PWD/disk
options() {
	echo --disk path="$disk",serial=one,queue_size=64 --rng src=/dev/urandom --console null --net tap=cfg0,mac=02:00:00:00:00:07
}
mkdir typed read
# shellcheck disable=SC2046 # words
(cd typed && start facts $(options) && finish && expect_status 0)
# shellcheck disable=SC2046 # words
"$PROGRAM" --kernel "$kernel" --initramfs "$initramfs" --cpus "$cpus" --memory "$memory" $(options) \
	--cmdline "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests $brisk script=facts" --print-config >vm.json
(cd read && launch -v --config ../vm.json --log-format text && finish && expect_status 0)
told typed >typed.told
told read >read.told
[ "$(wc -l <read.told)" -ge 4 ] || { cat read/log read/serial; fail "hardly anything told"; }
diff typed.told read.told || fail "not the same machine"
