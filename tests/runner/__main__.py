#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sh tests/run.sh [quick] [OPTION]... [WORD]...: every test, from nothing.

Installs what is missing, builds three ways, runs unit tests, fuzzers, lint and the lab. With words: only the tests whose
names contain one of them, e.g. gcc/lint lab/device. quick: lint, gcc's unit tests but for the storm, and one boot of the lab
for its most telling cases.

  --list               only say what would run, once what is missing is installed
  --failed             what failed last time
  --times              at the end, the time of every case, not of the slowest only
  --compare OLD [NEW]  the times of two runs side by side, of the last one without NEW; below the project's root

A line for each test: "ok", "not ok" (its output follows) or "skip" with the reason; then what took how long, and how many
of each. The exit status is 0 when none failed, 1 when one did or none ran, 2 for wrong options, 128 and the number of a
signal that ended it. Names: BUILD/SUITE/NAME for what runs on this machine, fuzz/NAME, distro/SUITE,
lab/GROUP/NAME for what runs in the lab, lab-sanitized/GROUP/NAME likewise with the sanitizers. Builds and times stay in
build-test. TORC_SOAK=N lengthens what is short here; tests/HACKING.md has more.
"""
import argparse
import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback

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
    if given.words and (given.failed or given.quick) or given.failed and given.quick:
        parser.exit(2, 'run.sh: quick, --failed and words are one or the other\n')
    return given


def failed_last_time():
    """Names, and starts of names that end in a slash."""
    try:
        rows = reports.read(TIMES)
    except FileNotFoundError:
        sys.exit(f'run.sh: no {TIMES}: no run has ended here')
    names = set()
    # A case of a program that prints TAP stands for all of it.
    for name in {row[4].split(':')[0] for row in rows if row[0] == 'case' and row[3] == 'not ok'} - {'runner'}:
        top, *rest = name.split('/')
        row = next((row for row in plan.BUILDS if row.name == top), None)
        if row and rest[:1] in (['build'], ['setup']):
            names |= {f'{top}/'} | {f'{prefix}/' for prefix, build in plan.TORC_OF.items() if build == top}
        elif row and len(rest) < 2:
            names.add(f'{name}/')
        elif name == 'lab/guests':
            names.add('lab/')
        elif name.startswith('lab/host/'):
            # What ran there, as far as it was that group's own host.
            groups = {group.name for group in plan.groups() if group.host == rest[1]}
            names |= {row[4] for row in rows if row[0] == 'case' and row[4].split('/')[0] in plan.TORC_OF
                      and row[4].split('/')[1] in groups}
        else:
            names.add(name)
    if not names:
        sys.exit('run.sh: nothing failed last time')
    return names


class Run:
    """One run: the labs, and beside them this machine's tests with what they leave of the CPUs."""

    def __init__(self, report, wanted, guests):
        self.report, self.wanted, self.guests = report, wanted, guests
        self.boots = plan.boots(wanted)
        self.fuzzers = [name for name in plan.FUZZERS if wanted(f'fuzz/{name}')]
        self.is_built = {row.name: threading.Event() for row in plan.BUILDS}
        self.distros = plan.distros(wanted)
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
            if 'asan' in self.failed:
                self.report.result('not ok', f'fuzz/{name}', output='its build failed')
            else:
                host.fuzz(self.report, plan.BUILDS[1], name, beside)
        for suite in self.distros:
            host.distro(self.report, suite, beside)

    def lab(self):
        """As many labs as this machine has CPUs for; its tests, many of which wait, have what they leave."""
        if not lab.prepare(self.report, self.guests):
            return
        left = queue.SimpleQueue()
        for boot in self.boots:
            left.put(boot)
        for join in [host.thread(self.boots_of, left) for _ in range(plan.LABS)]:
            join()

    def boots_of(self, left):
        """One lab after the other, of those that are left."""
        while True:
            try:
                boot = left.get_nowait()
            except queue.Empty:
                return
            torcs = {}
            for prefix, build in plan.TORC_OF.items():
                if boot.has(prefix):
                    self.is_built[build].wait()
                    torcs[prefix] = os.path.join('build-test', build, 'torc')
            names = []
            for name in boot.names:
                if plan.TORC_OF[name.split('/')[0]] in self.failed:
                    self.report.result('not ok', name, output='its build failed')
                else:
                    names.append(name)
            if names:
                lab.boot(self.report, boot.host, torcs, self.guests, names)

    def all(self):
        join = host.thread(self.lab) if self.boots else lambda: None
        self.host()
        join()
        for word in sorted(self.wanted.unmatched):
            # What a build has is known only once it is there.
            is_known = not self.failed & {word.split('/')[0]} and ('/' in word or not self.failed)
            self.report.result('not ok', word, output='no test has this in its name' if is_known else 'its build failed')


def say_list(wanted):
    """What would run; a build that is not there has to be set up to tell."""
    names = []
    for row in plan.BUILDS:
        if wanted.in_build(row.name):
            output = host.set_up(row)
            if output is not None:
                sys.exit(output)
            names += [f'{row.name}/{name}' for suite in host.listed(row).values() for name in suite]
    names = [name for name in names + [f'fuzz/{name}' for name in plan.FUZZERS] if wanted(name)]
    names += [f'distro/{suite}' for suite in plan.distros(wanted)]
    names += [name for boot in plan.boots(wanted) for name in boot.names]
    for name in names:
        print(name)
    for word in sorted(wanted.unmatched):
        print(f'run.sh: {word}: no test has this in its name', file=sys.stderr)
    return 0 if names and not wanted.unmatched else 1


def only_run():
    """Whoever has build-test, for as long as this process lives."""
    folder = os.path.dirname(TIMES)
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(os.path.join(folder, 'lock'), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        sys.exit(f'run.sh: {folder}: {error.strerror}: builds and times go there; run it where that may be written')
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f'run.sh: {folder}: another run is at work there; wait for it, or use another clone')


def main():
    given = arguments()
    if given.help:
        print(__doc__)
        return 0
    if given.compare:
        return reports.compare(given.compare[0], (given.compare[1:] or [TIMES])[0])
    only_run()
    wanted = plan.Wanted(given.words, failed_last_time() if given.failed else None, given.quick)
    report = reports.Report(TIMES)
    for word in plan.without_tests(given.words):
        sys.exit(f'run.sh: {word}: no test has this in its name; sh tests/run.sh --list says which there are')
    if not given.list:
        report.say('== what the tests need')
    # With the terminal, should sudo ask for a password.
    with report.timed('set-up'):
        try:
            # Not into a list.
            out = sys.stderr if given.list else None
            if subprocess.run(['sh', os.path.join('tests', 'setup.sh')], stdout=out, check=False).returncode:
                sys.exit('run.sh: set-up failed')
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
    if given.list:
        return say_list(wanted)
    with tempfile.TemporaryDirectory(prefix='torc-tests.') as tmp:
        work.end_on_signals(lambda: (shutil.rmtree(tmp, ignore_errors=True), report.save()))
        try:
            Run(report, wanted, os.path.join(tmp, 'guests')).all()
        except Exception:  # pylint: disable=broad-except
            report.result('not ok', 'runner', output=traceback.format_exc())
            work.end_all()
        work.stay_if_stopping()
    return report.finish(given.times, is_whole=not (given.words or given.quick or given.failed))


if __name__ == '__main__':
    sys.exit(main())
