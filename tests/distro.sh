#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build torc in another release of Debian, by gcc and clang, without a warning, and run its unit tests there.
# Usage: distro.sh SUITE, as root: bookworm, trixie, sid. tests/runner calls it; prints what fails.
#
# The release, with what tests/setup.sh installs, is made once, in some minutes, and kept in the lab's cache. Packages come
# from the mirror that the machine's own sources name.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab/env.sh"
. "$here/lab/lib.sh"
[ $# -eq 1 ] || lab_die "usage: distro.sh SUITE"
[ "$(id -u)" -eq 0 ] || lab_die "has to be root, for chroot"
# Mounts of its own, which go with it.
if [ -z "${TORC_DISTRO-}" ]; then
	tree=$(mktemp -d "${TMPDIR:-/var/tmp}/torc-distro.XXXXXX")
	trap 'rm -rf --one-file-system "$tree"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	TORC_DISTRO=$tree unshare --mount --propagation private sh "$0" "$1"
	exit
fi
suite=$1 tree=$TORC_DISTRO

packages=$(sh "$here/setup.sh" --packages | tr -s '[:space:]' , | sed 's/^,//; s/,$//')
tar=$LAB_CACHE/distro-$suite-$(echo "$packages" | cksum | cut -d ' ' -f 1).tar
if [ ! -e "$tar" ]; then
	lab_mirror | {
		read -r uri keyring || lab_die "no Debian mirror in /etc/apt/sources.list or sources.list.d"
		mmdebstrap --mode=root --format=tar --variant=minbase --include="$packages" --aptopt='Acquire::Check-Date "false"' \
			--aptopt='Acquire::Retries "3"' "$suite" "$tar.new" "deb [signed-by=$keyring] $uri $suite main"
	} >"$tree/log" 2>&1 || { cat "$tree/log" >&2; lab_die "mmdebstrap of $suite failed"; }
	mv "$tar.new" "$tar"
fi
tar -x -f "$tar" -C "$tree" --exclude='./dev/*'
for dir in proc sys dev; do
	mount --rbind /$dir "$tree/$dir"
done
mkdir "$tree/torc"
git -C "$here/.." ls-files -z --cached --others --exclude-standard | (cd "$here/.." && cpio -0pdm --quiet "$tree/torc")

# step NAME COMMAND...: in the release; what it says is for who has to mend it.
step() {
	name=$1
	shift
	if chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CC="$cc" "$@" >"$tree/log" 2>&1; then
		return
	fi
	cat "$tree/log"
	echo "distro.sh: $suite, $cc: $name failed"
	exit 1
}
for cc in gcc clang; do
	step 'setting up' meson setup "/torc/build-$cc" /torc -Dwerror=true
	step building ninja -C "/torc/build-$cc"
	if grep -n 'warning:' "$tree/log"; then
		echo "distro.sh: $suite, $cc: warnings"
		exit 1
	fi
	step 'a unit test' meson test -C "/torc/build-$cc" --no-rebuild --suite unit --timeout-multiplier 5 --print-errorlogs
	echo "$suite, $(chroot "$tree" $cc --version | head -n 1): $(grep -E '^Ok:' "$tree/log" | tr -s ' ')"
done
