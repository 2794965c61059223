# SPDX-License-Identifier: Apache-2.0
"""What there is to run, a row for each; everything else reads these."""
import os
import re
from dataclasses import dataclass, field


@dataclass
class Build:
    """One way to build all of it, in build-test/NAME, and the suites of tests/meson.build that run there."""
    name: str
    cc: str
    options: list
    suites: list

    @property
    def dir(self):
        return os.path.join('build-test', self.name)


# What another compiler sees, with the sanitizers; and the fuzzers. Races are found by gcc's. Both need line numbers, and
# neither all optimisations.
SANITIZE = ['-Doptimization=1', '-Dc_args=-g1']
BUILDS = [
    Build('gcc', 'gcc', ['-Dwerror=true'], ['lint', 'unit', 'fuzz']),
    Build('asan', 'clang', SANITIZE + ['-Dwerror=true', '-Dfuzz=true', '-Db_sanitize=address,undefined', '-Db_lundef=false'],
          ['unit', 'fuzz']),
    Build('tsan', 'gcc', SANITIZE + ['-Db_sanitize=thread'], ['unit']),
]

# Those of tests/fuzz with a guest behind them; the others' inputs are only replayed.
FUZZERS = ['virtqueue', 'blk', 'net', 'pci', 'msix', 'vfio', 'schema']

# What only a real guest reaches, with the sanitizers watching torc.
SANITIZED = ['device/verify', 'device/reboot', 'hotplug/request', 'hotplug/reboot', 'soak/mixed', 'soak/rebind']

# Releases of Debian to build in and run unit tests in, by chroot: with TORC_SOAK, or if asked for.
DISTROS = ['bookworm', 'trixie', 'sid']

# So many labs at a time: each keeps one CPU busy.
LABS = 2

# Which build's torc runs in the lab, by the names' first word.
TORC_OF = {'lab': 'gcc', 'lab-sanitized': 'asan'}

# For people at work: `run.sh quick`, with one boot of the host that has everything. What ends in a slash is all below it.
QUICK_HOST = 'devices'
QUICK = [
    'gcc/lint/', 'gcc/unit/', 'gcc/fuzz/',
    'lab/plain/bzimage-4-cpu', 'lab/plain/disk-verify', 'lab/plain/net', 'lab/plain/reset-methods',
    'lab/device/verify', 'lab/device/interrupts', 'lab/interrupts/e1000', 'lab/hotplug/request', 'lab/bind/for-one-run',
    'lab/refuse/own-driver',
]
NOT_QUICK = ['gcc/unit/storm']

LAB = os.path.join('tests', 'lab')


@dataclass
class Group:
    """A folder of the lab's cases; its group.conf names the host, and groups of one host share a boot. With soak= there it is
    run with TORC_SOAK, or if asked for."""
    name: str
    host: str
    cases: list
    is_soak: bool


@dataclass
class Boot:
    """One boot of the lab: names as results have them, lab/GROUP/CASE or lab-sanitized/GROUP/CASE, in their order."""
    host: str
    names: list = field(default_factory=list)

    def has(self, prefix):
        return any(name.startswith(prefix + '/') for name in self.names)


def groups():
    """The lab's, in the order of their names."""
    found = []
    top = os.path.join(LAB, 'cases')
    for name in sorted(os.listdir(top)):
        conf = os.path.join(top, name, 'group.conf')
        if os.path.exists(conf):
            with open(conf, encoding='utf-8') as lines:
                text = lines.read()
            cases = sorted(entry[:-3] for entry in os.listdir(os.path.join(top, name)) if entry.endswith('.sh'))
            found.append(Group(name, re.search(r'^host=(\S+)', text, re.MULTILINE).group(1), cases,
                               bool(re.search(r'^soak=', text, re.MULTILINE))))
    return found


def for_soak(wanted):
    """Whether what takes long is run."""
    return bool(os.environ.get('TORC_SOAK') or wanted.is_asked)


def boots(wanted):
    """The boots that the wanted names need, those with the sanitizers' cases last: their build has to be there."""
    found = {}
    for group in groups():
        if group.is_soak and not for_soak(wanted):
            continue
        for prefix in TORC_OF:
            for case in group.cases:
                name = f'{prefix}/{group.name}/{case}'
                if wanted(name) and (prefix == 'lab' or f'{group.name}/{case}' in SANITIZED):
                    host = QUICK_HOST if wanted.quick else group.host
                    found.setdefault(host, Boot(host)).names.append(name)
    return sorted(found.values(), key=lambda boot: (boot.has('lab-sanitized'), -len(boot.names)))


def distros(wanted):
    """The releases that are to be built in."""
    return [suite for suite in DISTROS if for_soak(wanted) and wanted(f'distro/{suite}')]


def without_tests(words):
    """Those that can be seen to be in no test's name before anything is built: the lab's, fuzzers, releases."""
    names = [f'fuzz/{name}' for name in FUZZERS] + [f'distro/{suite}' for suite in DISTROS]
    names += [f'lab/{group.name}/{case}' for group in groups() for case in group.cases]
    names += [f'lab-sanitized/{case}' for case in SANITIZED]
    tops = {name.split('/')[0] for name in names}
    return [word for word in words if word.split('/')[0] in tops and '/' in word and not any(word in name for name in names)]


class Wanted:
    """Which names are: all, those with one of @words in them, those of @exact, or the quick run's. What ends in a slash in
    the latter two is all below it."""

    def __init__(self, words=(), exact=None, quick=False):
        self.words, self.quick = words, quick
        self.exact = QUICK if quick else exact
        # Not all, or all that are quick.
        self.is_asked = bool(words or exact)
        self.unmatched = set(words) | (set() if quick else set(exact or ()))

    def __call__(self, name):
        if self.exact is not None:
            found = {entry for entry in self.exact if name == entry or entry.endswith('/') and name.startswith(entry)}
            self.unmatched -= found
            return bool(found) and not (self.quick and name in NOT_QUICK)
        found = {word for word in self.words if word in name}
        self.unmatched -= found
        return bool(found) or not self.words

    def in_build(self, build):
        """Whether something of a build may be: its tests are known only when it is there."""
        if self.exact is not None:
            return any(entry.startswith(build + '/') for entry in self.exact)
        tops = [row.name for row in BUILDS] + ['fuzz', 'distro', 'lab', 'lab-sanitized']
        return not self.words or any(word.split('/')[0] == build or word.split('/')[0] not in tops or '/' not in word
                                     for word in self.words)
