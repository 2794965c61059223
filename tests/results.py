#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a line for each test that Meson ran, a failed one's output, and counts them for tests/run.sh.

results.py BUILD RESULTS [LOG]: reads BUILD/meson-logs/LOG.json (testlog), appends passed, failed or skipped to RESULTS.
A test that prints TAP counts as its parts, a case of a cmocka program that is skipped counts as one more test.
"""
import json
import os
import re
import sys

KINDS = {'OK': 'passed', 'EXPECTEDFAIL': 'passed', 'SKIP': 'skipped'}
WORDS = {'passed': 'ok', 'failed': 'not ok', 'skipped': 'skip'}


def parts(test, name, output):
    """(kind, name, what comes behind it) of all that is in one program."""
    kind = KINDS.get(test['result'], 'failed')
    seconds = f' ({test["duration"]:.1f} s)'
    cases = re.findall(r'^(not )?ok +\d+ *-? *([^#\n]*?) *(?:# *SKIP *(.*))?$', test.get('stdout') or '', re.MULTILINE)
    for bad, case, reason in cases:
        yield 'failed' if bad else 'skipped' if reason else 'passed', f'{name}: {case}', f' {reason}' if reason else ''
    if not cases or kind == 'failed':
        reason = ' ' + (output.splitlines() or ['no reason given'])[-1] if kind == 'skipped' else ''
        yield kind, name, seconds + reason
    for case in re.findall(r'^\[  SKIPPED \] (\w+)$', output, re.MULTILINE)[:1 if kind == 'passed' else 0]:
        why = re.findall(r'^(skipped: .*)$', output, re.MULTILINE) or ['skipped: no reason given']
        yield 'skipped', f'{name}: {case} and the like', ' ' + why[0]


def main():
    build, results, *rest = sys.argv[1:]
    with open(os.path.join(build, 'meson-logs', f'{(rest or ["testlog"])[0]}.json'), encoding='utf-8') as log, \
            open(results, 'a', encoding='utf-8') as counts:
        for line in log:
            test = json.loads(line)
            name = os.path.basename(build) + '/' + test['name'].split(' / ')[-1]
            output = ((test.get('stdout') or '') + (test.get('stderr') or '')).strip()
            for kind, part, behind in parts(test, name, output):
                print(f'{WORDS[kind]} {part}{behind}')
                counts.write(kind + '\n')
            if KINDS.get(test['result'], 'failed') == 'failed':
                print(f'{test["result"]}: {" ".join(test["command"])}\n{output}')


if __name__ == '__main__':
    main()
