#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two machines on one node do not put their vCPUs on the same CPU; when the first is gone, however it ended, its CPU is
# free again; and who may not know of others does without.
. "$CASES/lib.sh"
. "$CASES/numa.sh"
memory=256M
zone() {
	start "$@" --memory-zone id=a,size=128M,host_numa_node=1 --numa guest_numa_id=0,cpus=0,memory_zones=a
}
memory=0
zone commands
await serial TORC-GUEST-COMMANDS
expect_thread vcpu0 2
first=$torc
try_second() {
	"$PROGRAM" --dry-run --kernel "$kernel" --memory size=0 --memory-zone id=a,size=128M,host_numa_node=1 \
		--numa guest_numa_id=0,cpus=0,memory_zones=a "$@"
}
try_second >second
expect second '^vCPUs: 0 on CPU 3$'
try_second --cpus boot=1,affinity=[0@[2]] >second
expect second '^vCPUs: 0 on CPU 2$'
"$PROGRAM" --dry-run --kernel "$kernel" --cpus 2 --memory size=0 --memory-zone id=a,size=128M,host_numa_node=1 \
	--numa guest_numa_id=0,cpus=0-1,memory_zones=a >second
cat second
expect second '^vCPUs: on CPU 3$'
# Who may not look shares the node with whoever is there.
cp "$GUESTS/poweroff" small
setpriv --reuid=65534 --regid=65534 --clear-groups "$PROGRAM" --dry-run --kernel small --memory size=0 \
	--memory-zone id=a,size=128M,host_numa_node=1 --numa guest_numa_id=0,cpus=0,memory_zones=a >second
cat second
expect second '^vCPUs: 0 on CPUs 2-3$'
expect second '^vCPUs: none has a CPU of its own, .*: /run/torc.cpus: Permission denied'
kill -9 "$first"
wait "$first" || :
torc=''
try_second >second
expect second '^vCPUs: 0 on CPU 2$'
rm /run/torc.cpus
