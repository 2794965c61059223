#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record.py SCRIPT TABLES: put what a benchmark measured into its place in RESULTS.md, for --record.

SCRIPT is the benchmark's file name, whose place in RESULTS.md is between <!-- SCRIPT --> and <!-- /SCRIPT -->; TABLES the
Markdown that its report left. When, of which commit and on what machine is written above it.
"""
import datetime
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, 'RESULTS.md')


def commit():
    """The tree's, and whether it has changes beside it; RESULTS.md itself is none, as others record, too."""
    git = ['git', '-C', HERE]
    name = subprocess.run([*git, 'rev-parse', '--short', 'HEAD'], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*git, 'status', '--porcelain', '--', ':/', ':(exclude)RESULTS.md'], capture_output=True,
                             text=True, check=True).stdout
    return f'commit {name}, with changes' if changed else f'commit {name}'


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        model = re.search(r'^model name\s*: (.*)', file.read(), re.MULTILINE)
    return f'{os.cpu_count()} CPUs ({model[1].strip()})' if model else f'{os.cpu_count()} CPUs'


def main():
    script, tables = sys.argv[1:]
    with open(tables, encoding='utf-8') as file:
        body = file.read().strip()
    with open(RESULTS, encoding='utf-8') as file:
        text = file.read()
    begin, end = f'<!-- {script} -->\n', f'<!-- /{script} -->\n'
    if text.count(begin) != 1 or text.count(end) != 1:
        print(f'record.py: {RESULTS} has no place for {script}: {begin.strip()} and {end.strip()}', file=sys.stderr)
        return 1
    before, rest = text.split(begin)
    head = f'Measured on {datetime.date.today()}, {commit()}, on {processor()}.'
    with open(RESULTS, 'w', encoding='utf-8') as file:
        file.write(f'{before}{begin}{head}\n\n{body}\n{end}{rest.split(end)[1]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
