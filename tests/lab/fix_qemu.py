#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Correct two instructions of the lab's QEMU, in place. With either of them guests hang or die now and then, whatever
their VMM.

usage: fix_qemu.py QEMU-SYSTEM-X86_64

helper_vmrun: when the emulated VMRUN injects an interrupt (AMD APM 2, 15.20), it delivers it and leaves its vector
in CPUState.exception_index as well. If the CPU is then called out of the guest for QEMU's own purposes - its RCU
thread does that after each change of the memory map - before the guest exits again, QEMU takes what is left there for
an exception and delivers the interrupt a second time, whether the guest has interrupts enabled or not. A Linux guest
that gets its timer's interrupt within its timer's interrupt then waits for a lock that it holds, for ever. The store of
the vector becomes one of -1, which means none. The store behind it, of exception_is_int, makes room: who raises an
exception sets that one too.

cpu_clear_ignne: whenever any CPU restores FPU state it clears a flag in CPUX86State.hflags2 of CPU 0, by an instruction
that is not atomic, while CPU 0 changes its own flags there. If what CPU 0 wrote is lost in a #VMEXIT, nested paging
stays on in the host, whose next instruction is then not found; QEMU takes that for another #VMEXIT, and the host's
registers go into the guest's VMCB. The guest, or the host, goes on with the state of the other. The instruction becomes
an atomic one, on the byte that has the flag.

Ends with 0 if the file is right now, 1 with a message if the instructions were not found.
"""
import re
import struct
import sys

SHT_DYNSYM = 11

# Function; what is wrong in it; what to put there, with the groups of the former.
FIXES = [
    # mov %esi, exception_index(%rbx); movl $0, exception_is_int(%rbx); before movq $-1, exception_next_eip(%rbx)
    # movl $-1, exception_index(%rbx); a nop of six bytes
    (b'helper_vmrun',
     rb'\x89\xb3(....)\xc7\x83..\0\0\0\0\0\0(?=\x48\xc7\x83..\0\0\xff\xff\xff\xff)',
     rb'\xc7\x83(....)\xff\xff\xff\xff\x66\x0f\x1f\x44\0\0(?=\x48\xc7\x83..\0\0\xff\xff\xff\xff)',
     lambda offset: b'\xc7\x83' + offset + b'\xff\xff\xff\xff\x66\x0f\x1f\x44\0\0'),
    # andl $~0x80, hflags2(%rax)
    # lock andb $~0x80, hflags2(%rax); a nop of two bytes
    (b'cpu_clear_ignne',
     rb'\x81\xa0(....)\x7f\xff\xff\xff',
     rb'\xf0\x80\xa0(....)\x7f\x66\x90',
     lambda offset: b'\xf0\x80\xa0' + offset + b'\x7f\x66\x90'),
]


def find_function(elf, function):
    """Offset in the file and size of a function; QEMU exports all of its own."""
    at, = struct.unpack_from('<Q', elf, 40)
    size, count = struct.unpack_from('<HH', elf, 58)
    sections = [struct.unpack_from('<IIQQQQIIQQ', elf, at + i * size) for i in range(count)]
    for section in sections:
        if section[1] != SHT_DYNSYM:
            continue
        names = sections[section[6]][4]
        for symbol in range(section[4], section[4] + section[5], section[9]):
            name, _, _, index, value, length = struct.unpack_from('<IBBHQQ', elf, symbol)
            if elf[names + name:names + name + len(function) + 1] == function + b'\0':
                return value - sections[index][3] + sections[index][4], length
    return 0, 0


def correct(file, elf, function, wrong, right, replacement):
    """Whether the function is right now."""
    start, size = find_function(elf, function)
    code = elf[start:start + size]
    if len(re.findall(right, code, re.DOTALL)) == 1:
        return True
    found = list(re.finditer(wrong, code, re.DOTALL))
    if len(found) != 1:
        return False
    file.seek(start + found[0].start())
    file.write(replacement(found[0][1]))
    return True


def main():
    if len(sys.argv) != 2:
        print('usage: fix_qemu.py QEMU-SYSTEM-X86_64', file=sys.stderr)
        return 2
    status = 0
    with open(sys.argv[1], 'r+b') as file:
        elf = file.read()
        for fix in FIXES:
            if not correct(file, elf, *fix):
                print(f'{sys.argv[1]}: {fix[0].decode()} is not as expected; guests in the lab may hang now and then',
                      file=sys.stderr)
                status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
