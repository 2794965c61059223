#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What torc and its tools refuse without a lab: each bad input gets its object, reason, remedy and exit status, and
# nothing boots.
# Usage: bad_input.sh TORC; prints TAP. What needs devices is in tests/lab/cases/refuse.

set -u
here=$(cd "$(dirname "$0")" && pwd)
[ -x "${1-}" ] || { echo "usage: bad_input.sh TORC" >&2; exit 2; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-bad.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# A copy that another user reaches too.
cp "$1" "$tmp/torc" || exit 1
chmod 755 "$tmp" "$tmp/torc"
torc=$tmp/torc
bz=$tmp/bzImage elf=$tmp/vmlinux
PATH=$PATH:/usr/sbin:/sbin

# The smallest files that torc takes for a kernel; neither is ever run.
python3 - "$bz" "$elf" <<'PYTHON' || exit 1
import struct
import sys

image = bytearray(3 * 512 + 64 * 1024)
struct.pack_into('<BHI', image, 0x1f1, 2, 0, 64 * 1024 // 16)   # setup_sects, root_flags, syssize
struct.pack_into('<HBB4sH', image, 0x1fe, 0xaa55, 0xeb, 0x66, b'HdrS', 0x20f)
image[0x211] = 1                                                # loadflags: LOADED_HIGH
struct.pack_into('<IIBBHI', image, 0x22c, 0x7fffffff, 0x200000, 1, 21, 1, 2047)
struct.pack_into('<QI', image, 0x258, 16 << 20, 1 << 20)        # pref_address, init_size
with open(sys.argv[1], 'wb') as out:
    out.write(image)

note = struct.pack('<III4sI', 4, 4, 18, b'Xen\0', 16 << 20)     # XEN_ELFNOTE_PHYS32_ENTRY
payload = bytes([0xf4]) * 4096
start = 64 + 2 * 56
with open(sys.argv[2], 'wb') as out:
    out.write(struct.pack('<4sBBBB8xHHIQQQIHHHHHH', b'\177ELF', 2, 1, 1, 0, 2, 62, 1, 16 << 20, 64, 0, 0, 64, 56, 2, 0, 0, 0))
    out.write(struct.pack('<IIQQQQQQ', 4, 4, start, 0, 0, len(note), len(note), 4))
    out.write(struct.pack('<IIQQQQQQ', 1, 5, start + len(note), 16 << 20, 16 << 20, len(payload), len(payload), 4096))
    out.write(note + payload)
PYTHON

n=0 failed=0
result() {
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || failed=1
}

skip() {
	result ok "$1 # SKIP $2"
}

# refused NAME STATUS OBJECT REASON REMEDY COMMAND...: COMMAND ends at once with this status and says on stderr, and
# there only, "$program: OBJECT: REASON" and the remedy, of which each is a part.
program=torc
refused() {
	name=$1 want=$2 object=$3 reason=$4 remedy=$5
	shift 5
	timeout -k 1 200 "$@" </dev/null >"$tmp/stdout" 2>"$tmp/stderr"
	status=$?
	why=''
	[ $status -eq "$want" ] || why="$why exit status $status, not $want;"
	[ ! -s "$tmp/stdout" ] || why="$why something on stdout;"
	case $(head -n 1 "$tmp/stderr") in
	"$program: "*"$object"*": "*"$reason"*) ;;
	*) why="$why no line '$program: ...$object...: ...$reason...';" ;;
	esac
	case $(sed -n '2,$s/^\( \{2\}remedy: \| \{10\}\)//p' "$tmp/stderr") in
	'') why="$why no remedy at all;" ;;
	*"$remedy"*) ;;
	*) why="$why no remedy '$remedy';" ;;
	esac
	if [ -z "$why" ]; then
		result ok "$name"
		return
	fi
	result 'not ok' "$name"
	echo "#$why"
	head -n 20 "$tmp/stderr" | sed 's/^/#   /'
}

# usage NAME OBJECT REASON REMEDY OPTION...: a command line that cannot be meant.
usage() {
	name=$1 object=$2 reason=$3 remedy=$4
	shift 4
	refused "$name" 2 "$object" "$reason" "$remedy" "$torc" "$@"
}

# kernel NAME REASON REMEDY FILE: a file that torc does not take for a kernel.
kernel() {
	refused "$1" 1 "kernel $4" "$2" "$3" "$torc" --kernel "$4"
}

usage 'no kernel option' 'option --kernel' 'missing' '--kernel /boot/vmlinuz'
usage 'unknown option' 'option --kernal' 'unknown' 'did you mean --kernel?' --kernal "$bz"
usage 'unknown option with a value' 'option --memroy' 'unknown' 'did you mean --memory?' --kernel "$bz" --memroy=512M
usage 'unknown option unlike any' 'option --zzzzzzzzz' 'unknown' 'torc --help' --zzzzzzzzz
usage 'abbreviated option' 'option --kern' 'unknown' 'did you mean --kernel?' --kern "$bz"
usage 'unknown letter' 'option -k' 'unknown' 'torc --help' -k "$bz"
usage 'stray word' 'word vmlinuz' 'belongs to no option' '--kernel PATH' vmlinuz
usage 'option without value' 'option --kernel' 'has no value' 'for example --kernel' --kernel
usage 'option in place of a value' 'option --kernel' 'has no value' '--kernel=VALUE' --kernel --cpus 2
usage 'option twice' 'option --cpus' 'given twice' 'leave one of them out' --kernel "$bz" --cpus 2 --cpus 3
usage 'unknown key of --memory' 'option --memory: key sise' 'unknown' 'did you mean size?' --kernel "$bz" --memory sise=1G
usage 'unknown key of --device' 'option --device: key paht' 'unknown' 'did you mean path?' --kernel "$bz" --device paht=/sys
usage 'unknown key of --cpus' 'option --cpus: key bood' 'unknown' 'did you mean boot?' --kernel "$bz" --cpus bood=2
usage 'unknown key unlike any' 'option --memory: key zzzzzz' 'unknown' 'it takes size=, shared=' --kernel "$bz" --memory zzzzzz=1
usage 'key that is to come' 'option --memory: key hotplug_size' 'not supported yet' 'leave it out' \
	--kernel "$bz" --memory size=1G,hotplug_size=1G
usage 'huge page size without huge pages' 'option --memory: key hugepage_size' 'without hugepages=on' 'add hugepages=on' \
	--kernel "$bz" --memory size=1G,hugepage_size=2M
usage 'size beside zones' 'option --memory: key size' 'beside --memory-zone' 'write size=0' \
	--kernel "$bz" --memory size=1G --memory-zone id=mem0,size=1G
usage 'two zones of one id' 'option --memory-zone: key id' 'mem0 is taken by the zone of 512 MiB' 'of its own' \
	--kernel "$bz" --memory-zone id=mem0,size=512M id=mem0,size=1G
usage 'node without zones' 'option --numa: value guest_numa_id=0,cpus=0' 'no --memory-zone' 'memory_zones=[mem0]' \
	--kernel "$bz" --numa guest_numa_id=0,cpus=0
usage 'vCPU in no node' 'option --numa: vCPU 1' 'in no node' 'add it to the cpus= of a node' \
	--kernel "$bz" --cpus 2 --memory-zone id=mem0,size=512M --numa guest_numa_id=0,cpus=0,memory_zones=mem0
zones='' nodes='' disks=''
for i in $(seq 0 15); do
	zones="$zones id=mem$i,size=64M" nodes="$nodes guest_numa_id=$i,cpus=$i,memory_zones=mem$i"
done
for i in $(seq 55); do
	disks="$disks path=disk$i"
done
# shellcheck disable=SC2086 # values of options
refused 'more devices than buses beside those of nodes' 1 'devices' 'more than 17 PCI buses' 'hotplug_slots=0' \
	"$torc" --kernel "$elf" --cpus 16 --memory-zone $zones --numa $nodes --disk $disks --dry-run
usage 'more slots than a bus has' 'option --platform: key hotplug_slots' '32 is too large' 'from 0 to 31' \
	--kernel "$bz" --platform hotplug_slots=32
usage 'node of a zone that is not there' 'option --numa: key memory_zones' 'there is no zone "mem1"' 'did you mean mem0?' \
	--kernel "$bz" --memory-zone id=mem0,size=512M --numa guest_numa_id=0,cpus=0,memory_zones=mem1
usage 'affinity of a vCPU that is not there' 'option --cpus: key affinity' '2 is not there' 'boot=3' \
	--kernel "$bz" --cpus 2,affinity=[2@[0]]
usage 'unknown policy' 'option --platform: key numa' '"atuo" is unknown' 'did you mean auto?' \
	--kernel "$bz" --platform numa=atuo
usage '--dry-run with a value' 'option --dry-run' 'takes no value' 'without the =' --kernel "$bz" --dry-run=yes
usage 'device without path=' 'option --device: value /sys/bus/pci' 'not a key=value pair' 'write path=/sys/bus/pci' \
	--kernel "$bz" --device /sys/bus/pci/devices/0000:00:00.0
usage 'device twice by one path' 'option --device: key path' 'given twice' 'name each device once' \
	--kernel "$bz" --device path=/sys/bus/pci/devices/0000:01:00.0 path=/sys/bus/pci/devices/0000:01:00.0/
usage 'no vCPU' 'option --cpus: key boot' 'too small' 'from 1 to 255' --kernel "$bz" --cpus 0
usage 'too many vCPUs' 'option --cpus: key boot' 'too large' 'from 1 to 255' --kernel "$bz" --cpus 256

# Options and keys of Cloud Hypervisor that torc does not have yet.
for option in fs api-socket firmware vsock; do
	usage "--$option" "option --$option" 'not supported yet' 'leave it out' --kernel "$bz" --$option path=/tmp
done

# sizes: what is no number of bytes, and what is none that a guest can have.
size() {
	usage "memory size '$1'" 'option --memory: key size' "$2" "$3" --kernel "$bz" --memory "size=$1"
}
size '' 'has no value' 'write size=VALUE'
size big 'does not start with a number' 'followed by K, M, G or T'
size 1Q 'has an unknown suffix' 'followed by K, M, G or T'
size 1GB 'has an unknown suffix' 'followed by K, M, G or T'
size '512 M' 'has an unknown suffix' 'followed by K, M, G or T'
size 0x1000 'has an unknown suffix' 'followed by K, M, G or T'
size 1.5G 'is not a whole number' 'followed by K, M, G or T'
size -1G 'is negative' 'followed by K, M, G or T'
size 99999999999999999999 'does not fit into 64 bits' 'followed by K, M, G or T'
size 99999999999T 'does not fit into 64 bits' 'followed by K, M, G or T'
size 0 'less than 64 MiB' 'size=64M'
size 1M 'less than 64 MiB' 'size=64M'
size 65M 'not a multiple of 2 MiB' 'size=64M or size=66M'
size 5000T 'more than x86-64 can address' 'less than the host has'
have=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
more=$((have / 2 * 2 + 2))
refused 'more memory than the host' 1 "option --memory: size=${more}M" "the host has $have MiB" 'ask for less' \
	"$torc" --kernel "$bz" --memory "${more}M"
refused 'far more memory than the host' 1 'option --memory: size=4194304M' 'the host has' 'ask for less' \
	"$torc" --kernel "$bz" --memory 4T

usage '--console tty --serial tty' 'option --console: value tty' 'has standard input and output already' '--serial null' \
	--kernel "$bz" --console tty --serial tty
usage '--console and --serial to one socket' "option --console: value socket=$tmp/s" 'has it already' 'another path' \
	--kernel "$bz" --console "socket=$tmp/s" --serial "socket=$tmp/s"
usage '--console ptyy' 'option --console: value ptyy' 'unknown' 'did you mean pty?' --kernel "$bz" --console ptyy
usage '--serial ttyy' 'option --serial: value ttyy' 'unknown' 'did you mean tty?' --kernel "$bz" --serial ttyy

: >"$tmp/empty"
head -c 10 /dev/zero >"$tmp/ten"
head -c 10 /bin/sh >"$tmp/ten-of-elf"
# Random, but the same each time.
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(2).randbytes(100000))' >"$tmp/random"
gzip -c "$elf" >"$tmp/vmlinux.gz"
mkfifo "$tmp/fifo"
kernel 'kernel missing' 'No such file' 'check the path' "$tmp/absent"
kernel 'kernel is a directory' 'Is a directory' 'path of a file' "$tmp"
kernel 'kernel is a FIFO' 'not a regular file' 'copy it into a file' "$tmp/fifo"
kernel 'kernel empty' 'the file is empty' 'give a bzImage' "$tmp/empty"
kernel 'kernel of 10 bytes' 'neither a bzImage nor an ELF' 'give a bzImage' "$tmp/ten"
kernel 'kernel of 10 bytes of an ELF file' 'it ends within its header' 'copy the file again' "$tmp/ten-of-elf"
kernel 'kernel of random bytes' 'neither a bzImage nor an ELF' 'give a bzImage' "$tmp/random"
kernel 'kernel is a program' 'without a PVH entry point' 'CONFIG_PVH=y' "$(realpath /bin/sh)"
kernel 'kernel compressed' 'compressed with gzip' 'unpack it first' "$tmp/vmlinux.gz"

# cut NAME FILE SIZE REASON REMEDY: the first SIZE bytes of a kernel.
cut() {
	head -c "$3" "$2" >"$tmp/cut"
	kernel "$1 cut to $3 bytes" "$4" "$5" "$tmp/cut"
}
size=$(stat -c %s "$bz")
for at in 1 512 517; do
	cut bzImage "$bz" $at 'neither a bzImage nor an ELF' 'give a bzImage'
done
for at in 518 600 611 612 615; do
	cut bzImage "$bz" $at "truncated bzImage: it should have" 'copy the file again'
done
for at in 616 1535 1536 1537 2048 40000 $((size - 1)); do
	cut bzImage "$bz" $at "truncated bzImage: it should have $size bytes, it has $at" 'copy the file again'
done
size=$(stat -c %s "$elf")
cut vmlinux "$elf" 3 'neither a bzImage nor an ELF' 'give a bzImage'
for at in 4 20 63; do
	cut vmlinux "$elf" $at 'damaged ELF file: it ends within its header' 'copy the file again'
done
for at in 64 100 175; do
	cut vmlinux "$elf" $at 'damaged ELF file: its program headers lie outside' 'copy the file again'
done
for at in 176 195; do
	cut vmlinux "$elf" $at 'damaged ELF file: its notes lie outside' 'copy the file again'
done
for at in 196 1000 $((size - 1)); do
	cut vmlinux "$elf" $at 'damaged ELF file: a segment lies outside' 'copy the file again'
done

# A real one too, where the lab has fetched it.
# shellcheck source=tests/lab/env.sh
. "$here/../lab/env.sh"
if [ -r "$LAB_GUEST_BZIMAGE" ]; then
	# Its signature is the last thing in it.
	size=$(stat -L -c %s "$LAB_GUEST_BZIMAGE")
	for at in 700 16384 1000000 $((size / 2)) $((size - 1)); do
		cut 'Debian bzImage' "$LAB_GUEST_BZIMAGE" $at "truncated bzImage: it should have $size bytes, it has $at" \
			'copy the file again'
	done
else
	skip 'Debian bzImage cut' 'the lab is not fetched: tests/lab/fetch.sh'
fi

refused 'initramfs missing' 1 "initramfs $tmp/absent" 'No such file' 'check the path' \
	"$torc" --kernel "$bz" --initramfs "$tmp/absent"
refused 'initramfs is a directory' 1 "initramfs $tmp" 'Is a directory' 'path of a file' \
	"$torc" --kernel "$bz" --initramfs "$tmp"
refused 'initramfs empty' 1 "initramfs $tmp/empty" 'the file is empty' 'leave the option out' \
	"$torc" --kernel "$bz" --initramfs "$tmp/empty"
# disk NAME REASON REMEDY VALUE
disk() {
	refused "$1" 1 "disk ${4%%,*}" "$2" "$3" "$torc" --kernel "$bz" --disk "path=$4"
}
disk 'disk missing' 'No such file' 'check the path' "$tmp/absent"
disk 'disk is a directory' 'Is a directory' '' "$tmp"
disk 'disk is a FIFO' 'neither a regular file nor a block device' 'give a raw image' "$tmp/fifo"
disk 'disk is a character device' 'neither a regular file nor a block device' 'give a raw image' /dev/zero
disk 'disk empty' 'smaller than a block of 512 bytes' 'make it larger' "$tmp/empty"
truncate -s 1M "$tmp/image"
refused 'nodes too large for APIC ids' 1 'option --numa: cpus' 'APIC ids go up to 320' 'each of the 3 nodes 64 vCPUs at most' \
	"$torc" --kernel "$bz" --cpus 195 --memory-zone id=a,size=64M id=b,size=64M id=c,size=64M \
	--numa guest_numa_id=0,cpus=0-64,memory_zones=a guest_numa_id=1,cpus=65-129,memory_zones=b \
	guest_numa_id=2,cpus=130-194,memory_zones=c
refused 'queue on a CPU that is not there' 1 "disk $tmp/image: queue_affinity: CPU 1023" 'not there' 'choose from' \
	"$torc" --kernel "$bz" --disk "path=$tmp/image,queue_affinity=[0@[1023]]"
refused 'queue that is not there' 1 "disk $tmp/image: queue_affinity: queue 1" 'the disk has 1' 'num_queues=' \
	"$torc" --kernel "$bz" --disk "path=$tmp/image,queue_affinity=[1@[0]]"
refused 'queues of a ring at odds' 1 "disk $tmp/image: queue_affinity: ring 0" 'other CPUs were given' 'the same CPUs' \
	"$torc" --kernel "$bz" --disk "path=$tmp/image,num_queues=2,queue_affinity=[0@[0],1@[1]]"
refused 'disk twice' 1 "disk $tmp/image" 'in use' 'readonly=on all may share' \
	"$torc" --kernel "$bz" --disk "path=$tmp/image" "path=$tmp/image"
refused 'entropy source missing' 1 "entropy source $tmp/absent" 'No such file' 'check the path' \
	"$torc" --kernel "$bz" --rng "src=$tmp/absent"
refused 'entropy source is a directory' 1 "entropy source $tmp" 'neither a regular file' 'give /dev/urandom' \
	"$torc" --kernel "$bz" --rng "src=$tmp"
# line NAME REASON REMEDY OPTION VALUE
line() {
	refused "$1" 1 "${4#--} $5" "$2" "$3" "$torc" --kernel "$bz" --memory 64M "$4" "$5"
}
line 'serial file in no folder' 'No such file' '' --serial "file=$tmp/no/file"
line 'serial socket in no folder' 'No such file' '' --serial "socket=$tmp/no/socket"
line 'serial socket is a file' 'is no socket' 'name another path' --serial "socket=$tmp/image"
# metrics NAME REASON REMEDY PATH
metrics() {
	refused "$1" 1 "option --metrics: path=$4" "$2" "$3" "$torc" --kernel "$bz" --memory 64M --metrics "path=$4"
}
mkdir "$tmp/folder.prom"
metrics 'metrics file in no folder' 'No such file' 'a folder that exists' "$tmp/no/torc.prom"
metrics 'metrics file below a file' 'Not a directory' 'a folder that exists' "$tmp/image/torc.prom"
metrics 'metrics file is a folder' 'is no regular file' 'name another path' "$tmp/folder.prom"
metrics 'metrics file where none can be made' '' 'make and replace files' /proc/torc.prom
metrics 'metrics socket is a file' 'is no socket' 'name another path' "$tmp/image"
usage 'interval of a metrics socket' 'option --metrics: key interval' "a socket's" "path=$tmp/m.prom" \
	--kernel "$bz" --metrics "path=$tmp/m,interval=5"
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print(flush=True)
time.sleep(60)' "$tmp/socket" >"$tmp/ready" &
listener=$!
until [ -s "$tmp/ready" ]; do sleep 0.1; done
line 'console socket in use' 'a process listens on it' 'end that process' --console "socket=$tmp/socket"
line 'serial socket in use' 'a process listens on it' 'end that process' --serial "socket=$tmp/socket"
kill $listener
wait $listener 2>/dev/null
long=$(head -c 100 /dev/zero | tr '\0' x)
usage '--serial socket= too long' 'option --serial: value socket=/tmp' 'at most 107 bytes' 'closer to the root' \
	--kernel "$bz" --serial "socket=/tmp/somewhere/$long"
usage '--serial socket' 'option --serial: value socket' 'names no socket' 'socket=PATH' --kernel "$bz" --serial socket
long=$(head -c 2048 /dev/zero | tr '\0' x)
refused 'command line too long for a bzImage' 1 "kernel $bz" 'a command line of 2047 bytes, this one has 2048' \
	'shorten --cmdline' "$torc" --kernel "$bz" --cmdline "$long"
long=$(head -c 65536 /dev/zero | tr '\0' x)
refused 'command line too long for a vmlinux' 1 "kernel $elf" 'a command line of 65535 bytes, this one has 65536' \
	'shorten --cmdline' "$torc" --kernel "$elf" --cmdline "$long"

# device NAME REASON REMEDY PATH
device() {
	refused "$1" 1 "device $4" "$2" "$3" "$torc" --kernel "$bz" --device "path=$4"
}
device 'device absent' 'No such file' '/sys/bus/pci/devices/' /sys/bus/pci/devices/ffff:ff:1f.7
for path in /sys/devices/system/cpu/cpu0 /sys/class/net/lo /sys/bus/pci/devices "$tmp" "$bz" /dev/null; do
	device "device is not PCI: $path" 'not a PCI device' '/sys/bus/pci/devices/' "$path"
done

if (: <>/dev/kvm) 2>/dev/null; then
	truncate -s 1M "$tmp/disk"
	# shellcheck disable=SC2016 # of the shell within
	refused 'few descriptors' 1 'disk ' 'the limit is 64 open files, and this machine needs 1' 'ulimit -n 1' \
		sh -c 'ulimit -n 64; exec "$@"' sh "$torc" --kernel "$bz" --memory 64M --cpus 16 --disk "path=$tmp/disk"
else
	skip 'few descriptors' '/dev/kvm cannot be opened'
fi

empty_dev='mount -t tmpfs none /dev && exec "$@"'
name='no /dev/kvm'
unshare='unshare -m'
[ "$(id -u)" -eq 0 ] || unshare='unshare -r -m'
# shellcheck disable=SC2086 # a command and its options
if $unshare sh -c "$empty_dev" sh true 2>/dev/null; then
	refused "$name" 1 '/dev/kvm' 'No such file' 'modprobe kvm_intel (or kvm_amd)' \
		$unshare sh -c "$empty_dev" sh "$torc" --kernel "$bz"
else
	skip "$name" 'mount namespaces are not permitted here'
fi

name='no permission for /dev/kvm'
if [ ! -e /dev/kvm ]; then
	skip "$name" 'there is no /dev/kvm'
elif [ "$(id -u)" -ne 0 ]; then
	skip "$name" 'not root, who could become nobody'
elif nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all' &&
	$nobody sh -c ': <>/dev/kvm' 2>/dev/null; then
	skip "$name" 'everybody may open /dev/kvm'
else
	chmod 644 "$bz"
	# shellcheck disable=SC2086 # a command and its options
	refused "$name" 1 '/dev/kvm' 'Permission denied' 'usermod -aG kvm' $nobody "$torc" --kernel "$bz"
fi

# tool NAME STATUS OBJECT REASON REMEDY PROGRAM ARGUMENT...: the same of a tool beside torc.
tools=${1%/*}
tool() {
	name=$1 want=$2 object=$3 reason=$4 remedy=$5 program=$6
	shift 6
	refused "$program: $name" "$want" "$object" "$reason" "$remedy" "$tools/$program" "$@"
	program=torc
}
tool 'no command' 2 'command' 'missing' 'torc-trace --help' torc-trace
tool 'a command misspelt' 2 'command recrod' 'unknown' 'did you mean record?' torc-trace recrod 1
tool 'no number of a process' 2 'process torc' "not a process's number" 'torc-trace --help' torc-trace live torc
tool 'no such process' 1 'process 4194305' 'No such process' 'pgrep -x torc' torc-trace live 4194305
tool 'a process that is no torc' 1 "process $$" 'shares no trace' 'pgrep -x torc' torc-trace live $$
tool 'a recording that is not there' 1 "$tmp/none" 'No such file' 'name one that is there' torc-trace report "$tmp/none"
tool 'a folder for a recording' 1 "$tmp" 'not a recording' 'torc-trace record' torc-trace report "$tmp"
tool 'no recording' 1 "$bz" 'not a recording' 'torc-trace record' torc-trace report "$bz"
tool 'an unknown option' 2 'option --bogus' 'unknown' 'torc-trace --help' torc-trace --bogus
tool 'an option misspelt' 2 'option --secnods' 'unknown' 'did you mean --seconds?' torc-trace record --secnods=1 -o "$tmp/r" 1
tool 'an abbreviated option' 2 'option --sec' 'unknown' 'did you mean --seconds?' torc-trace record --sec 1 -o "$tmp/r" 1
tool 'an option without value' 2 'option --seconds' 'has no value' 'torc-trace --help' torc-trace record --seconds
tool 'a letter without value' 2 'option -o' 'has no value' 'torc-trace --help' torc-trace record -o
tool 'a value that is not taken' 2 'option --json' 'takes no value' 'torc-trace --help' torc-trace report --json=1 "$bz"
tool 'an unknown letter' 2 'option -x' 'unknown' 'torc-vfio --help' torc-vfio -x
tool 'an unknown letter among others' 2 'option -x' 'unknown' 'torc-vfio --help' torc-vfio list --json -xh
tool 'an option misspelt' 2 'option --jsno' 'unknown' 'did you mean --json?' torc-vfio list --jsno
tool 'an ambiguous option' 2 'option --' 'unknown' 'torc-vfio --help' torc-vfio list --=1
tool 'no command' 2 'command' 'missing' 'torc-vfio --help' torc-vfio
tool 'a command misspelt' 2 'command bnid' 'unknown' 'did you mean bind?' torc-vfio bnid 01:00.0
tool 'no device' 2 'command bind' 'too few operands' 'torc-vfio --help' torc-vfio bind
tool 'a device that is not there' 1 'ffff:ff:1f.7' 'No such file' 'lspci -D' torc-vfio bind ffff:ff:1f.7
tool 'no device to check' 1 'ffff:ff:1f.7' 'No such file' 'lspci -D' torc-vfio check ffff:ff:1f.7
tool 'an option of another command' 2 'option --sys' 'recover has no such option' 'torc-vfio --help' torc-vfio recover --sys /sys
tool 'no address' 1 'device zebra' 'not an address' 'torc-vfio list' torc-vfio bind zebra
# Where nothing can be written, in a name space of its own.
if unshare -m true 2>/dev/null; then
	name='a journal that cannot be written' program=torc-vfio
	# shellcheck disable=SC2016 # that shell's
	refused "torc-vfio: $name" 1 'journal /var/lib/torc/bind' 'Read-only file system' 'mount -t tmpfs' \
		unshare -m sh -c 'mount -t tmpfs -o ro tmpfs /var/lib && exec "$0" recover' "$tools/torc-vfio"
	program=torc
else
	skip 'torc-vfio: a journal that cannot be written' 'no name space may be made'
fi

echo "1..$n"
exit $failed
