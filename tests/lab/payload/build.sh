#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: build.sh SOURCE OUTPUT CC...: a kernel without anything below it, of 32-bit code unless -m64 is last.
set -eu
source=$1 output=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
machine=elf_x86_64
case "$*" in
*' -m64') set -- "$@" -mno-red-zone ;;
*) machine=elf_i386; set -- "$@" -m32 ;;
esac
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-payload.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
# An interrupt handler may call what uses the general registers only, and nothing here uses others; clang does not see that,
# and says so by another name in each release.
"$@" -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-mgeneral-regs-only -Wall -Wextra -Wno-unused-parameter \
	-Wno-unknown-warning-option -Wno-interrupt-service-routine -Wno-excessive-regsave -Werror -I"$here/../../.." -c "$source" -o "$tmp/object"
ld -m $machine --no-warn-rwx-segments -T "$here/flat.ld" -o "$tmp/program" "$tmp/object"
objcopy -O binary "$tmp/program" "$tmp/flat"
python3 "$here/../cases/tiny.py" "$tmp/flat" "$output"
