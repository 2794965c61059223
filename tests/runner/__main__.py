#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sh tests/run.sh [quick] [OPTION]... [WORD]...: every test, from nothing.

Installs what is missing, builds three ways, runs unit tests, fuzzers, lint and the lab. With words: only the tests whose
names contain one of them, e.g. gcc/lint lab/device. quick: lint, gcc's unit tests and the lab's most telling cases.

  --list             only say what would run
  --failed           what failed last time, or did not end
  --times            at the end, the time of every case, not of the slowest only
  --compare OLD [NEW]  the times of two runs side by side; of the last one without NEW

A line for each test: "ok", "not ok" (its output follows) or "skip" with the reason; then what took how long, and how many
of each. The exit status is 0 when none failed. Names: BUILD/SUITE/NAME for what runs on this machine, fuzz/NAME,
lab/GROUP/NAME for what runs in the lab, lab-sanitized/GROUP/NAME likewise with the sanitizers. Builds and times stay in
build-test. TORC_SOAK=N lengthens what is short here; tests/HACKING.md has more.
"""
import argparse
import os
import sys
import tempfile
import threading

import host
import lab
import plan
import report as reports
import work

TIMES = os.path.join('build-test', 'times.tsv')


def arguments():
    parser = argparse.ArgumentParser(prog='tests/run.sh', usage=__doc__, add_help=False)
    parser.add_argument('--help', '-h', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--failed', action='store_true')
    parser.add_argument('--times', action='store_true')
    parser.add_argument('--compare', nargs='+', metavar='FILE')
    parser.add_argument('words', nargs='*')
    given = parser.parse_intermixed_args()
    given.quick = given.words[:1] == ['quick']
    given.words = given.words[given.quick:]
    if given.failed and (given.words or given.quick):
        parser.exit(2, 'run.sh: --failed takes no words\n')
    return given


def failed_last_time():
    """Names of tests: a case of a program that prints TAP stands for all of it, a boot of the lab for all that is there."""
    try:
        rows = reports.read(TIMES)
    except FileNotFoundError:
        sys.exit(f'run.sh: no {TIMES}: no run has ended here')
    names = {row[4].split(':')[0] for row in rows if row[0] == 'case' and row[3] == 'not ok'}
    for group in plan.groups():
        if names & {'lab/guests', f'lab/host/{group.host}'}:
            names |= {f'lab/{group.name}/{case}' for case in group.cases}
    return names


class Run:
    """One run: the lab, and beside it this machine's tests with what the lab leaves of the CPUs."""

    def __init__(self, report, wanted, guests):
        self.report, self.wanted, self.guests = report, wanted, guests
        self.boots = plan.boots(wanted)
        self.fuzzers = [name for name in plan.FUZZERS if wanted(f'fuzz/{name}')]
        self.is_built = {row.name: threading.Event() for row in plan.BUILDS}
        self.failed = set()

    def needs(self, name):
        """Whether a build is needed."""
        return (self.wanted.in_build(name) or name == 'gcc' and any(boot.has('lab') for boot in self.boots)
                or name == 'asan' and (self.fuzzers or any(boot.has('lab-sanitized') for boot in self.boots)))

    def build(self, row, prefix):
        if not host.build(self.report, row, prefix):
            self.failed.add(row.name)
        self.is_built[row.name].set()

    def host(self):
        """The builds, their tests and the fuzzers. What the lab waits for comes first, and is not held up by it."""
        beside = work.BESIDE if self.boots else []
        rows = [row for row in plan.BUILDS if self.needs(row.name)]
        for row in rows[:2]:
            self.build(row, beside if row.name != 'gcc' else [])
        for row in rows:
            if not self.is_built[row.name].is_set():
                self.build(row, beside)
            if row.name not in self.failed:
                host.tests(self.report, row, self.wanted, beside)
        for name in self.fuzzers:
            if 'asan' not in self.failed:
                host.fuzz(self.report, plan.BUILDS[1], name, beside)

    def lab(self):
        """Boots wait for each other only where all labs are in use."""
        if not lab.prepare(self.report, self.guests):
            return
        left = list(self.boots)
        for join in [host.thread(self.boots_of, left) for _ in range(plan.LABS)]:
            join()

    def boots_of(self, left):
        """One lab after the other, of those that are left."""
        while left:
            boot = left.pop(0)
            torcs = {prefix: os.path.join('build-test', build, 'torc') for prefix, build in plan.TORC_OF.items()
                     if boot.has(prefix)}
            for prefix in torcs:
                self.is_built[plan.TORC_OF[prefix]].wait()
            if all(os.path.exists(torc) for torc in torcs.values()):
                lab.boot(self.report, boot.host, torcs, self.guests, boot.names)

    def all(self):
        join = host.thread(self.lab) if self.boots else lambda: None
        self.host()
        join()


def say_list(wanted):
    """What would run; a build that is not there has to be set up to tell."""
    for row in plan.BUILDS:
        if wanted.in_build(row.name):
            host.set_up(row)
            for names in host.listed(row).values():
                print(*(f'{row.name}/{name}' for name in names if wanted(f'{row.name}/{name}')), sep='\n')
    print(*(f'fuzz/{name}' for name in plan.FUZZERS if wanted(f'fuzz/{name}')), sep='\n')
    for boot in plan.boots(wanted):
        print(*boot.names, sep='\n')


def main():
    given = arguments()
    if given.help:
        print(__doc__)
        return 0
    if given.compare:
        reports.compare(given.compare[0], (given.compare[1:] or [TIMES])[0])
        return 0
    wanted = plan.Wanted(given.words, failed_last_time() if given.failed else None, given.quick)
    work.end_on_signals()
    report = reports.Report(TIMES)
    report.say('== what the tests need')
    with report.timed('set-up'):
        if work.run(['sh', os.path.join('tests', 'setup.sh')])[0]:
            report.result('not ok', 'setup')
            return report.finish(given.times)
    if given.list:
        say_list(wanted)
        return 0
    with tempfile.TemporaryDirectory(prefix='torc-tests.') as tmp:
        Run(report, wanted, os.path.join(tmp, 'guests')).all()
    return report.finish(given.times)


if __name__ == '__main__':
    sys.exit(main())
