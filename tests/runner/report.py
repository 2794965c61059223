# SPDX-License-Identifier: Apache-2.0
"""What came out of a run and how long each part of it took: printed as it comes, kept in a file, compared with another.

The file has a row for each case and each part, separated by tabs: what (case, part), seconds, when it began (seconds from
the run's start), result (ok, not ok, skip), name. A part is whatever takes the run's time: set-up, a build, a suite of
it, a boot of the lab, a group of cases there. Parts overlap, as the run does several things at a time.
"""
import os
import shutil
import sys
import threading
import time

import work

SLOWEST = 20
RESULTS = {'ok': 'passed', 'not ok': 'failed', 'skip': 'skipped'}


class Report:
    """Threads may all report; what one reports at once stays together."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.rows = []

    def now(self):
        return time.monotonic() - self.start

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    def result(self, result, name, seconds=None, behind='', output=''):
        """A case has ended: ok, not ok or skip; @behind goes on its line, @output below."""
        if work.is_stopping():
            return
        took = '' if seconds is None else f' ({seconds:.1f} s)'
        with self.lock:
            print(f'{result} {name}{took}{" " if behind else ""}{behind}', flush=True)
            if output:
                print(output.rstrip('\n'), flush=True)
            begin = self.now() - (seconds or 0)
            self.rows.append(('case', seconds or 0, begin, result, name))

    def part(self, name, begin, end=None):
        """@name took from @begin until @end, or now, of now()'s time."""
        with self.lock:
            self.rows.append(('part', (self.now() if end is None else end) - begin, begin, 'ok', name))

    def timed(self, name):
        return Part(self, name)

    def count(self, result):
        with self.lock:
            return sum(row[0] == 'case' and row[3] == result for row in self.rows)

    def save(self):
        """Any thread: that of the signals may while the run comes to its end."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with self.lock:
            with open(self.path + '.new', 'w', encoding='utf-8') as out:
                for what, seconds, begin, result, name in self.rows:
                    print(what, f'{seconds:.2f}', f'{begin:.2f}', result, name, sep='\t', file=out)
            os.replace(self.path + '.new', self.path)

    def finish(self, all_times, is_whole=False):
        """The table and how many of each; the run's exit status. Times of a whole run stay beside those of a part of it."""
        self.part('whole', 0)
        print_times(self.rows, all_times)
        passed, failed, skipped = (self.count(result) for result in RESULTS)
        for row in self.rows:
            if row[3] == 'not ok':
                print(f'not ok {row[4]}')
        try:
            self.save()
            if is_whole:
                shutil.copy(self.path, self.path.replace('.tsv', '-whole.tsv'))
            print(f'times: {os.path.relpath(self.path)}')
        except OSError as error:
            print(f'times: {os.path.relpath(self.path)}: {error.strerror}')
        print(f'{passed} passed, {failed} failed, {skipped} skipped', flush=True)
        return 0 if passed and not failed else 1


class Part:
    """with report.timed(name): what the block takes."""

    def __init__(self, report, name):
        self.report, self.name, self.begin = report, name, 0

    def __enter__(self):
        self.begin = self.report.now()
        return self

    def __exit__(self, *_):
        self.report.part(self.name, self.begin)


def read(path):
    """The rows of a file that save() wrote."""
    rows = []
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            what, seconds, begin, result, name = line.rstrip('\n').split('\t')
            rows.append((what, float(seconds), float(begin), result, name))
    return rows


def print_times(rows, all_times):
    print('\nseconds    from      to  part')
    for what, seconds, begin, _, name in sorted(rows, key=lambda row: row[2]):
        if what == 'part':
            print(f'{seconds:7.1f} {begin:7.1f} {begin + seconds:7.1f}  {name}')
    cases = sorted((row for row in rows if row[0] == 'case'), key=lambda row: -row[1])
    print(f'\nseconds  {"all" if all_times else f"the {SLOWEST} slowest"} cases')
    for row in cases if all_times else cases[:SLOWEST]:
        print(f'{row[1]:7.1f}  {row[4]}')


def compare(old, new):
    """Two files' parts side by side, then the cases that changed most, and those with another result. A status to exit with."""
    rows = []
    for path in (old, new):
        try:
            rows.append({(row[0], row[4]): row for row in read(path)})
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else 'not times of a run'
            print(f'run.sh: {path}: {what}: a run leaves its times in build-test/times.tsv, a whole one in times-whole.tsv too',
                  file=sys.stderr)
            return 2
    print('    old     new  ratio  part')
    for key in list(rows[1]) + [key for key in rows[0] if key not in rows[1]]:
        if key[0] == 'part':
            print(beside(rows, key))
    cases = sorted((key for key in rows[0] if key[0] == 'case' and key in rows[1]),
                   key=lambda key: -abs(rows[0][key][1] - rows[1][key][1]))
    print(f'\n    old     new  ratio  the {SLOWEST} cases that changed most')
    for key in cases[:SLOWEST]:
        print(beside(rows, key))
    for which, other, word in (0, 1, 'no more'), (1, 0, 'new'):
        names = [key[1] for key in rows[which] if key[0] == 'case' and key not in rows[other]]
        if names:
            print(f'\n{word}: {", ".join(names)}')
    for key, row in rows[0].items():
        now = rows[1].get(key, row)[3]
        if now != row[3]:
            print(f'\n{key[1]}: {row[3]}, then {now}')
    return 0


def beside(rows, key):
    old, new = (row[key][1] if key in row else None for row in rows)
    ratio = f'{new / old:6.2f}' if old and new is not None else '     -'
    return ''.join('      - ' if x is None else f'{x:7.1f} ' for x in (old, new)) + f'{ratio}  {key[1]}'
