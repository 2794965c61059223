#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make what the guests of the cases run, and await, in a folder: out here, as in the lab everything takes ten times as long.
# Usage: guests.sh DIR    job.sh and the cases know the names

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"
[ $# -eq 1 ] || lab_die "usage: guests.sh DIR"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
"$here/fetch.sh"

for program in await dial poke; do
	gcc -D_GNU_SOURCE -O2 -static -Wall -Wextra -Werror -o "$dir/$program" "$here/$program.c"
done

# guest NAME OPTION...: the initramfs guest-NAME.cpio.
guest() {
	name=$1
	shift
	"$here/mkguest.sh" "$dir/guest-$name.cpio" --init "$here/cases/guest.sh" "$@"
}
guest 6.1 --with fio
guest virtio --module virtio_pci --module virtio_blk --module virtio_rng --module virtio_console --with fio
guest net --module virtio_pci --module virtio_blk --module virtio_net --with iperf3 --with ping
guest 6.12 --kernel host --module nvme --module e1000e --with fio
guest devices --kernel host --module nvme --module sdhci-pci --module mmc_block --module e1000 --module e1000e \
	--module igb --module igbvf --module xhci-pci --module usb-storage --module sd_mod --module virtio_pci \
	--module virtio_blk --with fio --with "$dir/poke"
"$here/mkguest.sh" "$dir/guest-root.cpio" --root --module virtio_pci --module virtio_blk
"$here/mkdebian.sh" "$dir/debian.raw"
for kernel in halt ready poweroff fault; do
	python3 "$here/cases/tiny.py" $kernel "$dir/$kernel"
done
for kernel in attach dma edu storm; do
	sh "$here/payload/build.sh" "$here/payload/$kernel.c" "$dir/$kernel" cc
done
sh "$here/payload/build.sh" "$here/payload/latency.c" "$dir/latency" cc -m64
chmod 755 "$dir"
