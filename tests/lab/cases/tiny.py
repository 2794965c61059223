#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kernels of a few instructions, for tests that need a guest rather than Linux: a PVH ELF each.

usage: tiny.py NAME|FILE OUTPUT    FILE: code for ADDRESS, entered at its first byte; it has a / in its name
"""
import struct
import sys

# 32-bit protected mode without paging, as the PVH entry leaves it.
CODE = {
    # cli; 1: hlt; jmp 1b
    'halt': 'fa f4 eb fd',
    # mov $0x3f8,%edx; READY and a newline, each: mov $N,%al; out %al,(%dx); then as halt
    'ready': 'ba f8 03 00 00 b0 52 ee b0 45 ee b0 41 ee b0 44 ee b0 59 ee b0 0a ee fa f4 eb fd',
    # mov $0x600,%dx; mov $0x34,%al (sleep enable, type 5); out %al,(%dx); 1: hlt; jmp 1b
    'poweroff': '66 ba 00 06 b0 34 ee f4 eb fd',
    # push $0; push $0; lidt (%esp); ud2: no handler, and none for the double fault
    'fault': 'bc 00 00 20 00 6a 00 6a 00 0f 01 1c 24 0f 0b',
    # mov $0xd0000000,%eax; jmp *%eax: where there is nothing to run
    'jump': 'b8 00 00 00 d0 ff e0',
    # mov $6,%al; mov $0xcf9,%dx; 1: out %al,(%dx); jmp 1b: resets, as fast as it can
    'reset': 'b0 06 66 ba f9 0c ee eb fd',
    # mov $0x34,%al; mov $0x600,%dx; out %al,(%dx), then as above: it is off, whatever it asks for afterwards
    'off-and-reset': 'b0 34 66 ba 00 06 ee b0 06 66 ba f9 0c ee eb fd',
    # mov $6,%al; mov $0xcf9,%dx; out %al,(%dx), then as fault: a machine that was reset does not get there
    'reset-and-fault': 'b0 06 66 ba f9 0c ee bc 00 00 20 00 6a 00 6a 00 0f 01 1c 24 0f 0b',
    # xor %edx,%edx; mov $0x620,%dx; 1: or $-1,%eax; out and in of %eax, %ax and %al; inc %edx; cmp $0x740,%dx; jne 1b;
    # then as poweroff: ejects everything, by all ports of PCI hotplug and those behind them
    'eject': '31 d2 66 ba 20 06 83 c8 ff ef 66 ef ee ed 66 ed ec 42 66 81 fa 40 07 75 ed 66 ba 00 06 b0 34 ee f4 eb fd',
}
ADDRESS = 0x100000
PHYS32_ENTRY = 18


def kernel(code):
    """ELF header, a note segment that names the entry point, and a segment to load."""
    note = struct.pack('<III4sI', 4, 4, PHYS32_ENTRY, b'Xen\0', ADDRESS)
    at_note = 64 + 2 * 56
    at_code = at_note + len(note)
    header = struct.pack('<4sBBBB8xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, 2, 62, 1, ADDRESS, 64, 0, 0, 64, 56, 2,
                         0, 0, 0)
    notes = struct.pack('<IIQQQQQQ', 4, 4, at_note, 0, 0, len(note), len(note), 4)
    load = struct.pack('<IIQQQQQQ', 1, 7, at_code, ADDRESS, ADDRESS, len(code), len(code), 1)
    return header + notes + load + note + code


def main():
    if len(sys.argv) != 3 or '/' not in sys.argv[1] and sys.argv[1] not in CODE:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if '/' in sys.argv[1]:
        with open(sys.argv[1], 'rb') as file:
            code = file.read()
    else:
        code = bytes.fromhex(CODE[sys.argv[1]])
    with open(sys.argv[2], 'wb') as file:
        file.write(kernel(code))
    return 0


if __name__ == '__main__':
    sys.exit(main())
