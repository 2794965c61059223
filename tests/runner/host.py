# SPDX-License-Identifier: Apache-2.0
"""What runs on this machine: builds, their tests, fuzzers."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import work

KINDS = {'OK': 'ok', 'EXPECTEDFAIL': 'ok', 'SKIP': 'skip'}

# A program that takes this many times the time that tests/meson.build allows it has hung.
PATIENCE = 5

# A fuzzer is done when so many inputs in a row, and as many as found all before, found no new edge.
FUZZ_LEAST = 5000
FUZZ_SECONDS = 30
FUZZ_SOAK_SECONDS = 600


def set_up(row, prefix=()):
    """Has Meson configure a build, where it is not or was another one. Returns its output if it failed."""
    made_with = os.path.join(row.dir, 'made-with')
    recipe = ' '.join([row.cc] + row.options)
    if os.path.exists(os.path.join(row.dir, 'build.ninja')) and content(made_with) == recipe:
        return None
    shutil.rmtree(row.dir, ignore_errors=True)
    status, output = work.run(list(prefix) + ['meson', 'setup', row.dir] + row.options,
                              env=dict(os.environ, CC=compiler(row.cc)))
    if status:
        return output
    with open(made_with, 'w', encoding='utf-8') as out:
        out.write(recipe)
    return None


def build(report, row, prefix=()):
    """Into build-test/NAME. Returns whether it is there."""
    report.say(f'== {row.name}: building')
    begin = report.now()
    output = set_up(row, prefix)
    if output is not None:
        report.result('not ok', f'{row.name}/setup', output=output)
        return False
    status, output = work.run(list(prefix) + ['ninja', '-C', row.dir])
    report.part(f'{row.name}: build', begin)
    if status:
        noise = re.compile(r'\[\d+/\d+\] (Compiling|Linking|Generating)')
        report.result('not ok', f'{row.name}/build', report.now() - begin,
                      output='\n'.join(line for line in output.splitlines() if not noise.match(line)))
        return False
    report.result('ok', f'{row.name}/build', report.now() - begin)
    return True


# Objects of one clone serve another: only the folder in their debug information differs.
os.environ.setdefault('CCACHE_NOHASHDIR', 'true')


def compiler(cc):
    return f'ccache {cc}' if shutil.which('ccache') else cc


def content(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return None


def listed(row):
    """The tests of its suites: {'unit': ['unit/acpi', ...]}."""
    tests = {suite: [] for suite in row.suites}
    for test in json.loads(content(os.path.join(row.dir, 'meson-info', 'intro-tests.json')) or '[]'):
        for suite in test['suite']:
            if suite.split(':')[-1] in tests:
                tests[suite.split(':')[-1]].append(test['name'])
    return tests


def tests(report, row, wanted, prefix=()):
    """Those that are wanted, a suite after the other."""
    for suite, names in listed(row).items():
        chosen = [name for name in names if wanted(f'{row.name}/{name}')]
        if not chosen:
            continue
        log = os.path.join(row.dir, 'meson-logs', f'{suite}.json')
        if os.path.exists(log):
            os.remove(log)
        report.say(f'== {row.name}: {suite}')
        with report.timed(f'{row.name}: {suite}'):
            status, output = work.run(list(prefix) + [
                'meson', 'test', '-C', row.dir, '--no-rebuild', '--num-processes', str(os.cpu_count()),
                '--timeout-multiplier', str(PATIENCE), '--logbase', suite] + chosen)
        failed = report.count('not ok')
        if not results(report, row, log, chosen) or status and report.count('not ok') == failed:
            report.result('not ok', f'{row.name}/{suite}', output=f'meson test: status {status}\n{output[-4000:]}')


def results(report, row, log, chosen):
    """Reports what Meson logged; returns whether it is all there."""
    there = [json.loads(line) for line in (content(log) or '').splitlines()]
    for test in there:
        name = f'{row.name}/{test["name"].split(" / ")[-1]}'
        output = ((test.get('stdout') or '') + (test.get('stderr') or '')).strip()
        failed = KINDS.get(test['result'], 'not ok') == 'not ok'
        all_parts = list(parts(test, name, output))
        for number, (kind, part, seconds, behind) in enumerate(all_parts):
            last = number == len(all_parts) - 1
            report.result(kind, part, seconds, behind,
                          f'{test["result"]}: {" ".join(test["command"])}\n{output}' if failed and last else '')
    return len(there) == len(chosen)


def parts(test, name, output):
    """(result, name, seconds, what comes behind) of all that is in one program: what prints TAP counts as its parts, too,
    a case of a cmocka program that is skipped as one more test."""
    kind = KINDS.get(test['result'], 'not ok')
    cases = re.findall(r'^(not )?ok +\d+ *-? *([^#\n]*?) *(?:# *SKIP *(.*))?$', test.get('stdout') or '', re.MULTILINE)
    for bad, case, reason in cases:
        yield 'not ok' if bad else 'skip' if reason else 'ok', f'{name}: {case}', None, reason
    reason = (output.splitlines() or ['no reason given'])[-1] if kind == 'skip' else ''
    yield kind, name, test['duration'], reason
    for case in re.findall(r'^\[  SKIPPED \] (\w+)$', output, re.MULTILINE)[:1 if kind == 'ok' else 0]:
        why = re.findall(r'^(skipped: .*)$', output, re.MULTILINE) or ['skipped: no reason given']
        yield 'skip', f'{name}: {case} and the like', None, why[0]


class Edges:
    """Follows what a fuzzer says, and knows when it has found no new edge for long enough."""

    def __init__(self):
        self.inputs = self.found_at = self.edges = 0

    def read(self, line):
        match = re.match(r'#(\d+)\s+\S+\s+.*\bcov: (\d+)', line)
        if match:
            self.inputs = int(match[1])
            if int(match[2]) > self.edges:
                self.edges, self.found_at = int(match[2]), self.inputs

    def is_done(self):
        return self.inputs - self.found_at >= max(FUZZ_LEAST, self.found_at)


def fuzz(report, row, name, prefix=()):
    """From its saved inputs; what makes it fail is kept."""
    seconds = FUZZ_SOAK_SECONDS if os.environ.get('TORC_SOAK') else FUZZ_SECONDS
    begin, edges, said = report.now(), Edges(), []
    keep = os.path.join(tempfile.gettempdir(), f'torc-fuzz-{name}-')
    with tempfile.TemporaryDirectory(prefix='torc-fuzz.') as corpus:
        process = work.start(list(prefix) + [
            os.path.join(row.dir, 'tests', 'fuzz', f'fuzz_{name}'), f'-max_total_time={seconds}', '-timeout=300',
            '-rss_limit_mb=4096', '-print_final_stats=1', f'-artifact_prefix={keep}', corpus,
            os.path.join('tests', 'fuzz', 'corpus', name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors='replace')
        asked = False
        for line in process.stdout:
            said.append(line)
            edges.read(line)
            if edges.is_done() and not asked and not os.environ.get('TORC_SOAK'):
                process.send_signal(signal.SIGUSR1)
                asked = True
        status = work.wait(process)
    report.part(f'fuzz: {name}', begin)
    # What it says when it is asked to end may come in the middle of a line.
    inputs = max([edges.inputs] + [int(n) for n in re.findall(r'number_of_executed_units: *(\d+)', ''.join(said))])
    well = status == 0 and inputs >= 1000
    what = f'{inputs} inputs, {edges.edges} edges, the last one found by input {edges.found_at}'
    report.result('ok' if well else 'not ok', f'fuzz/{name}', report.now() - begin, what,
                  '' if well else f'status {status}, at least 1000 inputs\n' + ''.join(said[-60:]))


def distro(report, suite, prefix=()):
    """Built and tested in another release of Debian."""
    begin = report.now()
    status, output = work.run(list(prefix) + ['sh', os.path.join('tests', 'distro.sh'), suite])
    report.part(f'distro: {suite}', begin)
    report.result('not ok' if status else 'ok', f'distro/{suite}', report.now() - begin,
                  '' if status else '; '.join(output.splitlines()[-2:]), output if status else '')


def thread(function, *arguments):
    """@function beside others; what it raises is the run's."""
    caught = []

    def run():
        try:
            function(*arguments)
        except work.Stopped:
            pass
        except BaseException as error:  # pylint: disable=broad-except
            caught.append(error)
    started = threading.Thread(target=run, daemon=True)
    started.start()

    def join():
        started.join()
        if caught:
            raise caught[0]
    return join
