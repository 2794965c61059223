#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Correct one instruction of the lab's QEMU, in place.

usage: fix_qemu.py QEMU-SYSTEM-X86_64

When the emulated VMRUN injects an interrupt (AMD APM 2, 15.20), QEMU's helper_vmrun() delivers it and leaves its vector
in CPUState.exception_index as well. If the CPU is then called out of the guest for QEMU's own purposes - its RCU
thread does that after each change of the memory map - before the guest exits again, QEMU takes what is left there for
an exception and delivers the interrupt a second time, whether the guest has interrupts enabled or not. A Linux guest
that gets its timer's interrupt within its timer's interrupt then waits for a lock that it holds, for ever. Every VMM
in the lab has guests that hang of it.

The store of the vector becomes one of -1, which means none. The store behind it, of exception_is_int, makes room: who
raises an exception sets that one too.

Ends with 0 if the file is right now, 1 with a message if the instructions were not found.
"""
import re
import struct
import sys

FUNCTION = b'helper_vmrun'
SHT_DYNSYM = 11
# mov %esi, exception_index(%rbx); movl $0, exception_is_int(%rbx); movq $-1, exception_next_eip(%rbx)
WRONG = re.compile(rb'\x89\xb3(....)\xc7\x83..\0\0\0\0\0\0(?=\x48\xc7\x83..\0\0\xff\xff\xff\xff)', re.DOTALL)
# movl $-1, exception_index(%rbx); a nop of six bytes; as above
RIGHT = re.compile(rb'\xc7\x83....\xff\xff\xff\xff\x66\x0f\x1f\x44\0\0\x48\xc7\x83..\0\0\xff\xff\xff\xff', re.DOTALL)


def find_function(elf):
    """Offset in the file and size of FUNCTION, which QEMU exports as all of its functions."""
    at, = struct.unpack_from('<Q', elf, 40)
    size, count = struct.unpack_from('<HH', elf, 58)
    sections = [struct.unpack_from('<IIQQQQIIQQ', elf, at + i * size) for i in range(count)]
    for section in sections:
        if section[1] != SHT_DYNSYM:
            continue
        names = sections[section[6]][4]
        for symbol in range(section[4], section[4] + section[5], section[9]):
            name, _, _, index, value, length = struct.unpack_from('<IBBHQQ', elf, symbol)
            if elf[names + name:names + name + len(FUNCTION) + 1] == FUNCTION + b'\0':
                return value - sections[index][3] + sections[index][4], length
    return 0, 0


def main():
    if len(sys.argv) != 2:
        print(__doc__.split('\n')[2], file=sys.stderr)
        return 2
    with open(sys.argv[1], 'r+b') as file:
        elf = file.read()
        start, size = find_function(elf)
        code = elf[start:start + size]
        if len(RIGHT.findall(code)) == 1:
            return 0
        found = list(WRONG.finditer(code))
        if len(found) != 1:
            print(f'{sys.argv[1]}: {FUNCTION.decode()} is not as expected; guests in the lab may hang now and then',
                  file=sys.stderr)
            return 1
        file.seek(start + found[0].start())
        file.write(b'\xc7\x83' + found[0][1] + b'\xff\xff\xff\xff\x66\x0f\x1f\x44\0\0')
    return 0


if __name__ == '__main__':
    sys.exit(main())
