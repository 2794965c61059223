#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command line of torc(1) is one that torc takes, and is the same VM when JSON has it.

usage: test_manual.py TORC TORC.1
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

# What an example of one option leaves to others.
BESIDE = {'--numa': 'guest_numa_id=1,memory_zones=mem1 --cpus 4 --memory-zone id=mem0,size=1G id=mem1,size=1G'.split()}
# What is no VM, or another one's.
APART = {'--config', '--schema', '--help', '--version', '--print-config'}


def examples(page):
    """Command lines as a shell has them: those of .Dl, and of the blocks."""
    text = page.replace('\\-', '-').replace('\\(dq', '"')
    lines = re.findall(r'^\.Dl (.*)$', text, re.MULTILINE)
    for block in re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed$', text, re.MULTILINE | re.DOTALL):
        lines += block.replace('\\e\n', '').splitlines()
    return lines


def words(line):
    """The options of a VM that a line has, or none."""
    line = re.sub(r'^torc ', '', line)
    if not line.startswith('-'):
        return []
    given = shlex.split(line)
    if APART & set(given):
        return []
    for option, beside in BESIDE.items():
        if option in given and '--memory-zone' not in given:
            given += beside
    return ['--kernel', '/k'] * ('--kernel' not in given) + [word for word in given if word != '--dry-run']


def printed(torc, given):
    done = subprocess.run([torc] + given + ['--print-config'], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else done.stderr


def main():
    torc, page = sys.argv[1], open(sys.argv[2], encoding='utf-8').read()
    lines = [line for line in examples(page) if words(line)]
    failed = 0
    print(f'1..{len(lines) + 1}')
    with tempfile.TemporaryDirectory(prefix='torc-manual.') as folder:
        path = os.path.join(folder, 'vm.json')
        for number, line in enumerate(lines, 1):
            typed = printed(torc, words(line))
            with open(path, 'w', encoding='utf-8') as file:
                file.write(typed)
            read = printed(torc, ['--config', path])
            good = typed.startswith('{') and typed == read
            failed += not good
            print('ok' if good else 'not ok', number, '-', line)
            if not good:
                print(f'# typed: {typed}# read: {read}'.replace('\n', '\n# '))
    enough = len(lines) >= 20
    print('ok' if enough else 'not ok', len(lines) + 1, '- the page has examples')
    return 1 if failed or not enough else 0


if __name__ == '__main__':
    sys.exit(main())
