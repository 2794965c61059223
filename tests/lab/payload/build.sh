#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: build.sh SOURCE OUTPUT CC...: a kernel of 32-bit code without anything below it.
set -eu
source=$1 output=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-payload.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"$@" -m32 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-mgeneral-regs-only -Wall -Wextra -Werror -I"$here/../../.." -c "$source" -o "$tmp/object"
ld -m elf_i386 --no-warn-rwx-segments -T "$here/flat.ld" -o "$tmp/program" "$tmp/object"
objcopy -O binary "$tmp/program" "$tmp/flat"
python3 "$here/../cases/tiny.py" "$tmp/flat" "$output"
