#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fill the lab's cache: QEMU 11.1 with everything it is linked to, the hosts' and the guest's kernel, the hosts'
# initramfs. Usage: fetch.sh
#
# The machine's own QEMU will not do: Debian 12's 7.2 and 13's 10.0 fail in ways that look like a VMM's bugs (nested
# guests double-fault, MMIO reaches the wrong device). So packages come from Debian 13's backports, from the mirror
# and with the keyring that the machine's own sources name, through an apt state of its own; they are unpacked, never
# installed. The cache is shared by all clones. A fetch that is interrupted leaves nothing that looks complete.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"

# apt's own tree below $apt. Sets nothing outside it; the machine's proxies and the like stay in force.
apt_setup() {
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/state"
	: >"$apt/status"
	lab_mirror >"$apt/mirror"
	[ -s "$apt/mirror" ] || lab_die "no Debian mirror in /etc/apt/sources.list or sources.list.d"
	read -r uri keyring <"$apt/mirror"
	for suite in bookworm trixie trixie-backports; do
		echo "deb [signed-by=$keyring] $uri $suite main"
	done >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State "$apt/state";
		Dir::State::Lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Install-Recommends "0";
		APT::Get::Assume-Yes "1";
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::Check-Date "0";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
}

# quietly COMMAND...: its output only if it fails.
quietly() {
	"$@" >"$apt/log" 2>&1 || { cat "$apt/log" >&2; lab_die "failed: $*"; }
}

fetch_qemu() {
	lab_say "fetching QEMU (40 MB)"
	quietly apt-get -c "$apt/apt.conf" install --download-only -t trixie-backports \
		qemu-system-x86 seabios ipxe-qemu
	mkdir -p "$new/qemu" "$new/bin"
	for deb in "$apt/cache/archives"/*.deb; do
		dpkg-deb -x "$deb" "$new/qemu"
	done
	# A guest then hangs once in a while, whatever its VMM.
	"$here/fix_qemu.py" "$new/qemu/usr/bin/qemu-system-x86_64" || lab_say "warning: QEMU is as its package has it"
	cat >"$new/bin/qemu-system-x86_64" <<-'END'
		#!/bin/sh
		# QEMU through its own loader: its libraries are newer than the machine's.
		q=${0%/bin/*}/qemu
		lib=$q/usr/lib/x86_64-linux-gnu
		exec "$q/usr/lib64/ld-linux-x86-64.so.2" --library-path "$lib:$lib/pulseaudio" \
			"$q/usr/bin/qemu-system-x86_64" -L "$q/usr/share/qemu" -L "$q/usr/share/seabios" "$@"
	END
	chmod +x "$new/bin/qemu-system-x86_64"
	"$new/bin/qemu-system-x86_64" --version | grep -q ' 11\.' ||
		lab_say "warning: not the QEMU 11 that the lab was tried with"
}

# fetch_kernel NAME METAPACKAGE/SUITE: the image that METAPACKAGE depends on, unpacked to $new/NAME.
fetch_kernel() {
	package=$(apt-cache -c "$apt/apt.conf" show "$2" | sed -n 's/^Depends: \([^ ,]*\).*/\1/p' | head -n 1)
	[ -n "$package" ] || lab_die "the mirror has no $2"
	lab_say "fetching $package"
	mkdir -p "$apt/$1" "$new/$1/lib"
	(cd "$apt/$1" && quietly apt-get -c "$apt/apt.conf" download "$package")
	dpkg-deb -x "$apt/$1"/*.deb "$apt/$1/tree"
	release=$(basename "$apt/$1"/tree/boot/vmlinuz-*)
	release=${release#vmlinuz-}
	echo "$release" >"$new/$1/release"
	mv "$apt/$1/tree/boot/vmlinuz-$release" "$new/$1/bzImage"
	mv "$apt/$1/tree/boot/config-$release" "$new/$1/config"
	# Debian 13 has its modules below usr.
	modules=$apt/$1/tree/lib/modules
	[ -d "$modules" ] || modules=$apt/$1/tree/usr/lib/modules
	mv "$modules" "$new/$1/lib/modules"
	# Unpacked once here rather than at every boot; without what no lab has hardware for.
	modules=$new/$1/lib/modules/$release/kernel
	(cd "$modules" && rm -rf sound drivers/gpu drivers/media drivers/infiniband drivers/iio drivers/staging \
		drivers/comedi drivers/net/wireless)
	find "$modules" -name '*.ko.xz' -exec xz -d {} +
	depmod -b "$new/$1" "$release"
	extract_vmlinux "$new/$1/bzImage" "$new/$1/vmlinux"
}

# field FILE OFFSET SIZE: an unsigned number of a bzImage's set-up header.
field() {
	od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' '
}

# extract_vmlinux BZIMAGE ELF: the payload, unpacked. Offsets: Documentation/arch/x86/boot.rst, payload_offset.
extract_vmlinux() {
	start=$((($(field "$1" 497 1) + 1) * 512 + $(field "$1" 584 4)))
	length=$(($(field "$1" 588 4) - 4)) # the last four bytes are the unpacked size
	tail -c +$((start + 1)) "$1" | head -c "$length" >"$2.packed"
	case $(od -An -tx1 -N4 "$2.packed" | tr -d ' ') in
	28b52ffd) zstd -qdc "$2.packed" >"$2" ;;
	02214c18) lz4 -qdc "$2.packed" >"$2" ;;
	fd377a58) xz -dc "$2.packed" >"$2" ;;
	1f8b*) gzip -dc "$2.packed" >"$2" ;;
	*) lab_die "$1: unknown payload" ;;
	esac
	rm "$2.packed"
}

fetch_all() {
	# Downloads of an interrupted fetch are used again, the rest of it is not.
	rm -rf "$LAB_CACHE"/new.*
	new=$LAB_CACHE/new.$$ apt=$LAB_CACHE/apt
	mkdir -p "$new"
	apt_setup
	lab_say "filling $LAB_ROOT (once; about a minute)"
	quietly apt-get -c "$apt/apt.conf" update
	fetch_qemu
	rm -rf "$apt"/host-* "$apt/guest"
	fetch_kernel host-6.12 linux-image-amd64/trixie
	fetch_kernel host-6.1 linux-image-amd64/bookworm
	fetch_kernel guest linux-image-cloud-amd64/bookworm
	mv "$new" "$LAB_ROOT"
	rm -rf "$apt"
}

# initramfs HOST: where it is.
initramfs() {
	echo "$LAB_ROOT/host-$1/initramfs-$(cksum <"$here/host-stage1.sh" | cut -d' ' -f1)"
}

# build_initramfs HOST: holds only what it takes to reach the machine's own tree; see host-stage1.sh.
build_initramfs() {
	new=$LAB_CACHE/new.$$
	mkdir -p "$new"
	lab_add_busybox "$new"
	lab_add_modules "$new" "$LAB_ROOT/host-$1" virtio_pci 9p 9pnet_virtio overlay
	cp "$here/host-stage1.sh" "$new/init"
	chmod +x "$new/init"
	lab_pack "$new" "$LAB_CACHE/new.$$.cpio"
	mv "$LAB_CACHE/new.$$.cpio" "$(initramfs "$1")"
	rm -rf "$new"
}

is_complete() {
	for host in $LAB_HOSTS; do
		[ -e "$(initramfs "$host")" ] || return
	done
}

if ! is_complete; then
	mkdir -p "$LAB_CACHE"
	exec 9>"$LAB_CACHE/lock"
	flock -n 9 || { lab_say "waiting for another fetch"; flock 9; }
	trap 'rm -rf "$LAB_CACHE/new.$$" "$LAB_CACHE/new.$$.cpio"' EXIT
	trap 'exit 130' INT TERM HUP
	[ -d "$LAB_ROOT" ] || fetch_all
	for host in $LAB_HOSTS; do
		[ -e "$(initramfs "$host")" ] || build_initramfs "$host"
	done
fi
# For run.sh, which needs the name: --print-initramfs HOST.
[ "${1-}" != --print-initramfs ] || initramfs "$2"
