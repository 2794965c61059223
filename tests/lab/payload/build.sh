#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: build.sh SOURCE LINKER-SCRIPT OUTPUT CC...: a kernel of 32-bit code without anything below it.
set -eu
source=$1 script=$2 output=$3
shift 3
tmp=$(mktemp -d "${TMPDIR:-/tmp}/torc-payload.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"$@" -m32 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-mgeneral-regs-only -Wall -Wextra -Werror -c "$source" -o "$tmp/object"
ld -m elf_i386 --no-warn-rwx-segments -T "$script" -o "$tmp/program" "$tmp/object"
objcopy -O binary "$tmp/program" "$tmp/flat"
python3 "$(dirname "$0")/../cases/tiny.py" "$tmp/flat" "$output"
