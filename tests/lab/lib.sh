# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Functions that the lab's scripts share. Source env.sh first, and set `here` to the folder of this file.

PATH=$PATH:/usr/sbin:/sbin

lab_say() {
	echo "${0##*/}: $*" >&2
}

lab_die() {
	lab_say "$@"
	exit 125
}

# lab_quote WORD: WORD as the shell would have to read it.
lab_quote() {
	printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# lab_mirror: the machine's Debian mirror and the keyring for it: "URI KEYRING".
lab_mirror() {
	lab_suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	lab_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk -v RS= -v suite="$lab_suite" -v keyring="$lab_keyring" '
		/(^|\n)Enabled: *no/ { next }
		{
			uri = ""; key = keyring; found = 0; n = split($0, line, "\n")
			for (i = 1; i <= n; i++) {
				m = split(line[i], w, /[ \t]+/)
				if (w[1] == "URIs:") uri = w[2]
				if (w[1] == "Signed-By:" && w[2] ~ /^\//) key = w[2]
				if (w[1] == "Suites:") for (j = 2; j <= m; j++) if (w[j] == suite) found = 1
			}
			if (found && uri != "") { print uri, key; exit }
		}'
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
	awk -v suite="$lab_suite" -v keyring="$lab_keyring" '
		$1 == "deb" {
			key = keyring
			if (match($0, /signed-by=[^] ]*/)) key = substr($0, RSTART + 10, RLENGTH - 10)
			sub(/\[[^]]*\] */, "")
			if ($3 == suite) { print $2, key; exit }
		}'
}

# lab_kernel_said: the kernel's messages since the case began that job.sh runs, in the lab.
lab_kernel_said() {
	dmesg | awk '/torc-lab: case / { said = ""; next } { said = said $0 "\n" } END { printf "%s", said }'
}

# lab_pack DIR OUTPUT: an initramfs of DIR. Not compressed: unpacking costs more than reading under emulation.
lab_pack() {
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$2"
}

# lab_add_busybox DIR: busybox and the folders every initramfs needs.
lab_add_busybox() {
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/tmp" "$1/run" "$1/etc" "$1/lib/modules"
	cp "$(command -v busybox)" "$1/bin/busybox"
	ln -sf busybox "$1/bin/sh"
}

# lab_add_program DIR PROGRAM: a program of the machine, with its shared libraries at their own paths.
lab_add_program() {
	lab_prog=$(command -v "$2") || { lab_say "no program $2"; return 1; }
	cp -L "$lab_prog" "$1/bin/"
	case $2 in fio | */fio) lab_add_fio_libraries "$1" "$lab_prog"; return ;; esac
	ldd "$lab_prog" 2>/dev/null | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' |
	while read -r lab_so; do lab_add_library "$1" "$lab_so"; done
}

lab_add_library() {
	mkdir -p "$1${2%/*}"
	cp -L "$2" "$1$2"
}

# lab_add_fio_libraries DIR FIO: Debian's fio is linked with 80 MB of libraries for Ceph, Gluster and RDMA, which no
# guest here uses and which take a nested guest many seconds to load. Only what local engines need is real; the others
# are replaced by stubs with the same names, symbols and versions.
lab_add_fio_libraries() {
	lab_stub=$1/stub
	mkdir "$lab_stub"
	readelf --dyn-syms -W "$2" | awk '$7 == "UND" && $4 == "FUNC" { print $8 }' | tr '@' ' ' >"$lab_stub/symbols"
	readelf -VW "$2" | awk '/File:/ { for (i = 1; i < NF; i++) if ($i == "File:") file = $(i + 1) }
		/Name:/ && file != "" { for (i = 1; i < NF; i++) if ($i == "Name:") print $(i + 1), file }' >"$lab_stub/versions"
	ldd "$2" | awk '$2 == "=>" { print $1, $3 } $1 ~ /^\// { print "ld.so", $1 }' >"$lab_stub/libraries"
	for lab_so in ld.so $(readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
		case $lab_so in
		ld.so | libc.so* | libm.so* | libaio.so* | libnuma.so* | libz.so* | liburing.so*)
			lab_add_library "$1" "$(awk -v so="$lab_so" '$1 == so { print $2 }' "$lab_stub/libraries")"
			continue
			;;
		esac
		# A library without versions gets every symbol without one; the first definition in link order counts.
		awk -v so="$lab_so" -v map="$lab_stub/map" '
			FILENAME ~ /versions$/ { if ($2 == so) { mine[$1] = 1; any = 1 } next }
			any ? ($2 in mine) : NF == 1 { print "void " $1 "(void) {}"; if (any) nodes[$2] = nodes[$2] " " $1 ";" }
			END { printf "" >map; for (v in mine) print v " {" nodes[v] " };" >map }
			' "$lab_stub/versions" "$lab_stub/symbols" >"$lab_stub/stub.c"
		set -- "$1" "$2"
		[ ! -s "$lab_stub/map" ] || set -- "$1" "$2" "-Wl,--version-script=$lab_stub/map"
		gcc -w -fno-builtin -shared -fPIC -nostdlib -Wl,-soname,"$lab_so" ${3+"$3"} \
			-o "$1/lib/x86_64-linux-gnu/$lab_so" "$lab_stub/stub.c" || return 1
	done
	rm -rf "$lab_stub"
}

# lab_add_modules DIR KERNEL NAME...: modules of the unpacked KERNEL with all they depend on.
# lib/modules/order names them as insmod needs them, order.NAME what one needs; what is built in is passed over.
lab_add_modules() {
	lab_dir=$1/lib/modules lab_kernel=$2
	shift 2
	for lab_mod; do
		lab_list=$(modprobe -d "$lab_kernel" -S "$(cat "$lab_kernel/release")" -C /dev/null \
			--show-depends "$lab_mod") || return
		printf '%s\n' "$lab_list" | sed -n 's/^insmod \([^ ]*\).*/\1/p' >"$lab_dir/needed"
		while read -r lab_ko; do
			[ -e "$lab_dir/${lab_ko##*/}" ] || cp "$lab_ko" "$lab_dir/"
			echo "${lab_ko##*/}"
		done <"$lab_dir/needed" >"$lab_dir/order.$lab_mod"
		cat "$lab_dir/order.$lab_mod" >>"$lab_dir/all"
	done
	awk '!seen[$0]++' "$lab_dir/all" >"$lab_dir/order"
	rm "$lab_dir/needed" "$lab_dir/all"
}
