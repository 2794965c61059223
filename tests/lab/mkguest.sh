#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make an initramfs for a guest: busybox, chosen programs with their libraries, chosen modules, and a script to run.
#
#   mkguest.sh OUTPUT [--kernel guest|host] [--init SCRIPT | --root] [--with PROGRAM]... [--module NAME]...
#
#   --kernel   whose modules: guest (Debian's cloud 6.1, default; NVMe is built in) or host (6.12, all are modules)
#   --init     a shell script, run with the console as stdin, stdout and stderr; default: none
#   --root     no script: mounts root= as a distribution's initramfs does, ro unless rw is given, and hands over to init=
#   --with     a program of this machine, by name or path, e.g. fio
#   --module   a module; what it depends on comes along, in the order insmod needs; built in ones are passed over.
#              drivers=NAME,... on the kernel's command line: only these and what they need are loaded
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
kernel=$LAB_GUEST_KERNEL init='' root='' modules=''
dir=$(mktemp -d "${TMPDIR:-/tmp}/torc-guest.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

lab_add_busybox "$dir"
for applet in $(busybox --list); do
	[ -e "$dir/bin/$applet" ] || ln -s busybox "$dir/bin/$applet"
done
while [ $# -gt 0 ]; do
	if [ "$1" = --root ]; then
		root=1
		shift
		continue
	fi
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
cat >"$dir/init" <<'END'
#!/bin/sh
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
cd /lib/modules
for name in $(echo "${drivers-}" | tr , ' '); do cat "order.$name"; done | awk '!seen[$0]++' >/tmp/order
[ -s /tmp/order ] || cp order /tmp/order
while read -r module; do insmod "$module"; done </tmp/order
cd /
END
if [ -n "$root" ]; then
	cat >>"$dir/init" <<-'END'
		mode=ro init=/sbin/init
		for word in $(cat /proc/cmdline); do
			case $word in
			ro | rw) mode=$word ;;
			root=* | init=*) eval "${word%%=*}='${word#*=}'" ;;
			esac
		done
		mkdir /root
		mount -t ext4 -o "$mode" "$root" /root || { cat /proc/partitions; poweroff -f; }
		for dir in dev proc sys; do mount --move "/$dir" "/root/$dir"; done
		exec switch_root -c /dev/console /root "$init"
	END
else
	cp "${init:-/dev/null}" "$dir/job"
	cat >>"$dir/init" <<-'END'
		dmesg -n 1
		exec </dev/console >/dev/console 2>&1
		echo TORC-GUEST-READY
		sh /job
		echo "TORC-GUEST-EXIT $?"
		poweroff -f
	END
fi
chmod +x "$dir/init"
lab_pack "$dir" "$dir.cpio"
mv "$dir.cpio" "$output"
