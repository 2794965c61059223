#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make an initramfs for a guest: busybox, chosen programs with their libraries, chosen modules, and a script to run.
#
#   mkguest.sh OUTPUT [--kernel guest|host] [--init SCRIPT] [--with PROGRAM]... [--module NAME]...
#
#   --kernel   whose modules: guest (Debian's cloud 6.1, default; NVMe is built in) or host (6.12, all are modules)
#   --init     a shell script, run with the console as stdin, stdout and stderr; default: none
#   --with     a program of this machine, by name or path, e.g. fio
#   --module   a module; what it depends on comes along, in the order insmod needs; built in ones are passed over
#
# The guest prints TORC-GUEST-READY, runs the script, prints TORC-GUEST-EXIT and its status, and powers off. It takes
# /dev/console for the console, which is the last console= of its command line. Kernel messages are silenced from
# TORC-GUEST-READY on, as they would mix with the script's; dmesg has them.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/lib.sh"

[ $# -gt 0 ] || lab_die "usage: see the top of $0"
output=$1
shift
kernel=$LAB_GUEST_KERNEL init='' modules=''
dir=$(mktemp -d "${TMPDIR:-/tmp}/torc-guest.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

lab_add_busybox "$dir"
for applet in $(busybox --list); do
	[ -e "$dir/bin/$applet" ] || ln -s busybox "$dir/bin/$applet"
done
while [ $# -gt 0 ]; do
	[ $# -gt 1 ] || lab_die "$1 needs a value"
	case $1 in
	--kernel)
		case $2 in
		guest) kernel=$LAB_GUEST_KERNEL ;;
		host) kernel=$LAB_HOST_KERNEL ;;
		*) lab_die "--kernel: guest or host" ;;
		esac
		;;
	--init) init=$2 ;;
	--with) rm -f "$dir/bin/${2##*/}"; lab_add_program "$dir" "$2" ;;
	--module) modules="$modules $2" ;;
	*) lab_die "unknown option $1" ;;
	esac
	shift 2
done

: >"$dir/lib/modules/order"
# shellcheck disable=SC2086 # a list
[ -z "$modules" ] || lab_add_modules "$dir" "$kernel" $modules
cp "${init:-/dev/null}" "$dir/job"
cat >"$dir/init" <<'END'
#!/bin/sh
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/lib/modules/$module"; done </lib/modules/order
dmesg -n 1
exec </dev/console >/dev/console 2>&1
echo TORC-GUEST-READY
sh /job
echo "TORC-GUEST-EXIT $?"
poweroff -f
END
chmod +x "$dir/init"
lab_pack "$dir" "$dir.cpio"
mv "$dir.cpio" "$output"
