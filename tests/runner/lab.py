# SPDX-License-Identifier: Apache-2.0
"""What runs in the lab: a boot for each of its hosts, and many groups of cases in each."""
import os
import re
import subprocess

import plan
import work

# How often a lab that ended before its time is started again for the cases that it did not come to.
RESTARTS = 2


def prepare(report, guests):
    """Fetches the lab and makes its guests, in @guests, for all boots. Returns whether all is there."""
    with report.timed('lab: guests'):
        status, output = work.run(['sh', os.path.join(plan.LAB, 'guests.sh'), guests])
    if status:
        report.result('not ok', 'lab/guests', output=output)
    return status == 0


def boot(report, host, torcs, guests, names):
    """One boot of @host for the cases of @names, and another for those that it did not come to.
    @torcs: the program to test by prefix of the name, lab or lab-sanitized."""
    for _ in range(1 + RESTARTS):
        names = boot_once(report, host, torcs, guests, names)
        if not names:
            return
    for name in names:
        report.result('not ok', name, output='the lab did not come to it')


def boot_once(report, host, torcs, guests, names):
    """Returns those of the names that are still to be run."""
    words, prefix = ['--host', host], None
    for name in names:
        if name.split('/')[0] != prefix:
            prefix = name.split('/')[0]
            words += ['--torc', torcs[prefix]]
        words.append(name.split('/', 1)[1])
    report.say(f'== lab: starting host {host} for {len(names)} cases')
    process = work.start(['sh', os.path.join(plan.LAB, 'test.sh')] + words, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors='replace', env=dict(os.environ, TORC_GUESTS=guests))
    reader = Tap(report, host, names)
    for line in process.stdout:
        reader.read(line.rstrip('\n'))
    status = work.wait(process)
    reader.end()
    if not reader.verdict:
        report.result('not ok', f'lab/host/{host}', output='\n'.join([f'test.sh: status {status}'] + reader.stray))
    # The one that it died of has failed; what comes behind it may still be run, if there is hope.
    if 0 < reader.done < len(names):
        report.result('not ok', names[reader.done], output='the lab ended before it did')
        return names[reader.done + 1:]
    for name in names[reader.done:]:
        report.result('not ok', name, output='the lab did not come to it')
    return []


class Tap:
    """Reads what test.sh prints."""

    def __init__(self, report, host, names):
        self.report, self.host, self.names = report, host, names
        self.done, self.verdict = 0, False
        self.stray = []
        self.begin = self.group_begin = report.now()
        self.group = self.pending = None

    def read(self, line):
        match = re.match(r'(ok|not ok) \d+ - (\S+)(?: \((\d+\.\d) s\))?(?: # SKIP (.*))?', line)
        if not match:
            if line.startswith('# up after '):
                self.report.part(f'lab: boot of {self.host}', self.begin)
                self.group_begin = self.report.now()
            elif line.startswith('Bail out!'):
                self.flush()
                self.verdict = True
                self.pending = ['not ok', f'lab/host/{self.host}', None, '', [line]]
            elif not re.match(r'\d+\.\.\d+$', line):
                (self.pending[4] if self.pending else self.stray).append(line)
            return
        self.flush()
        result, what, seconds, reason = match.groups()
        if what.startswith('host/'):
            self.end_group()
            self.verdict = True
            self.pending = [result, f'lab/{what}', None, '', []]
            return
        name = self.names[self.done] if self.done < len(self.names) else ''
        if name.split('/', 1)[-1] != what:
            self.pending = ['not ok', f'lab/{what}', None, 'is none of those that are due', []]
            return
        self.done += 1
        group = name.rsplit('/', 1)[0]
        if group != self.group:
            self.end_group(seconds)
            self.group = group
        self.pending = ['skip' if reason else result, name, float(seconds or 0), reason or '', []]

    def flush(self):
        if self.pending:
            result, name, seconds, behind, output = self.pending
            self.report.result(result, name, seconds, behind, '\n'.join(output))
        self.pending = None

    def end_group(self, seconds=None):
        """The case that just ended is the next group's."""
        end = self.report.now() - float(seconds or 0)
        if self.group:
            self.report.part(self.group, self.group_begin, end)
        self.group, self.group_begin = None, end

    def end(self):
        self.flush()
        self.end_group()
