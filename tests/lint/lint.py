#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lint.py [--root DIRECTORY] [CHECK...]: the rules of the tree that a program can check.

Prints "ok CHECK" or "not ok CHECK" with one indented line per violation. Exit status: 0, 1 with violations, 2 for an
unknown check. Needs git, clang-format, shellcheck, gcc and clang; a tool that is missing is a violation.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import csource

# Leaf folder: the leaves right below it. What is below those is allowed too.
BELOW = {
    'core/base': [],
    'core/trace/record': ['core/base'],
    'core/trace/report': ['core/trace/record'],
    'core/trace': ['core/trace/report'],
    'numa': ['core/base'],
    'core/kvm': ['numa'],
    'core/pci': ['core/kvm'],
    'core/device': ['core/pci', 'core/schema', 'io/ring'],
    'core/boot': ['core/kvm'],
    'core/schema': ['core/base'],
    'core/config': ['core/schema', 'io/disk', 'io/line', 'io/net', 'vfio/pci'],
    'core/acpi': ['core/base'],
    'io/ring': ['core/kvm'],
    'io/line': ['io/ring'],
    'io/serial': ['io/line'],
    'io/virtio': ['core/device'],
    'io/disk': ['io/virtio'],
    'io/net': ['io/virtio'],
    'io/console': ['io/line', 'io/virtio'],
    'io/rng': ['io/virtio'],
    'vfio/bind': ['numa'],
    'vfio/dma': ['core/kvm', 'vfio/bind'],
    'vfio/pci': ['core/device', 'vfio/dma'],
    'vfio/tool': ['vfio/bind'],
    'core/vmm': ['core/acpi', 'core/boot', 'core/config', 'io/console', 'io/disk', 'io/net', 'io/rng', 'io/serial', 'vfio/pci'],
}
# What a device comes by the host with; only a file that has a source for it (core/base/host.h), or serves one, may call them.
DEVICES = ('io/console/', 'io/disk/', 'io/line/', 'io/net/', 'io/rng/', 'io/virtio/', 'vfio/dma/', 'vfio/pci/')
OPENS = ('open', 'openat', 'open64', 'creat', 'fopen', 'fopen64', 'opendir', 'scandir', 'fd_open', 'posix_openpt', 'socket', 'inotify_init1?',
         'readlink', 'realpath', 'l?stat', 'access', 'unlink', 'rename', 'mkdir', 'chmod', r'file_read_\w+', 'listener_open', 'tap_open',
         r'blk_holder_\w+', r'vfio_find_\w+', 'vfio_bind', 'vfio_unbind', r'vfio_host_(find|lookup|members|check)')
SERVE_A_SOURCE = ('io/disk/blk_holder.c',)

# These include everything, and nothing includes them but they themselves.
OUTSIDE = ['bench', 'tests']

MAX_FILE_LINES = 900
MAX_FUNCTION_LINES = 80
USUAL_FUNCTION_LINES = 45
USUAL_PERCENT = 90

# Package registries and mirrors, split so that this file does not hold the names it looks for.
REGISTRIES = [
    ('deb', 'debian', 'org'), ('security', 'debian', 'org'), ('snapshot', 'debian', 'org'),
    (r'ftp\.[a-z.]*debian', 'org'), ('archive', 'ubuntu', 'com'), ('pypi', 'org'), ('pythonhosted', 'org'),
    ('npmjs', 'org'), ('npmjs', 'com'), ('crates', 'io'), ('docker', 'io'), ('docker', 'com'), ('ghcr', 'io'),
    ('quay', 'io'), ('gcr', 'io'), ('mcr', 'microsoft', 'com'), ('proxy', 'golang', 'org'), ('rubygems', 'org'),
    ('maven', 'org'), ('maven', 'apache', 'org'), ('anaconda', 'org'), ('dl-cdn', 'alpinelinux', 'org'),
]

C_FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Wstrict-prototypes',
           '-Wmissing-prototypes', '-Wpointer-arith', '-Wvla', '-Wundef', '-Wwrite-strings',
           '-Wno-unused-parameter', '-Werror', '-fsyntax-only']


class Tree:
    """The files under version control or about to be, and their lines."""

    def __init__(self, root):
        self.root = root
        self.cache = {}
        self.files = sorted(f for f in self.list() if os.path.isfile(self.path(f)))

    def path(self, name):
        return os.path.join(self.root, name)

    def list(self):
        git = subprocess.run(['git', '-C', self.root, 'ls-files', '-z', '-co', '--exclude-standard'],
                             capture_output=True, text=True, check=False)
        if git.returncode == 0:
            return [f for f in git.stdout.split('\0') if f]
        return [os.path.relpath(os.path.join(folder, f), self.root)
                for folder, _, files in os.walk(self.root) for f in files]

    def ending(self, *suffixes):
        return [f for f in self.files if f.endswith(suffixes)]

    def lines(self, name):
        if name not in self.cache:
            with open(self.path(name), encoding='utf-8', errors='replace') as file:
                self.cache[name] = file.read().splitlines()
        return self.cache[name]

    def shell_scripts(self):
        return [f for f in self.files if f.endswith('.sh') or (
            '.' not in os.path.basename(f) and self.lines(f)[:1] and
            re.match(r'#!.*\b(ba|da)?sh\b', self.lines(f)[0]))]


def leaf_of(path):
    """The leaf folder that a path lies in, or None."""
    leaves = [leaf for leaf in list(BELOW) + OUTSIDE if path.startswith(leaf + '/')]
    return max(leaves, key=len, default=None)


def allowed_from(leaf):
    """The leaves whose headers a leaf may include."""
    if leaf in OUTSIDE:
        return set(BELOW) | set(OUTSIDE)
    allowed, todo = {leaf}, list(BELOW[leaf])
    while todo:
        lower = todo.pop()
        allowed.add(lower)
        todo.extend(BELOW[lower])
    return allowed


def run(tree, command, **kwargs):
    """Output of a command that failed, '' of one that did not."""
    if not shutil.which(command[0]):
        return f'{command[0]} is not installed'
    done = subprocess.run(command, cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)
    return '' if done.returncode == 0 else done.stdout.strip() or f'exit status {done.returncode}'


def in_parallel(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, arguments))


def check_includes(tree):
    """Includes go down the table of leaves only."""
    for name in tree.ending('.c', '.h', '.cc'):
        leaf = leaf_of(name)
        if not leaf:
            yield f'{name}: lies in no known leaf folder'
            continue
        for number, quote, path in csource.includes(tree.lines(name)):
            target = leaf_of(path)
            if quote == '"' and not target:
                yield f'{name}:{number}: "{path}" does not start at the root of the tree'
            elif quote == '<' and target and os.path.isfile(tree.path(path)):
                yield f'{name}:{number}: <{path}> is a header of the tree: write "{path}"'
            elif quote == '"' and target not in allowed_from(leaf):
                yield f'{name}:{number}: {leaf} may not include {target} ({path})'


def check_size(tree):
    """Files and functions fit their limits; tables do not count."""
    lengths = []
    for name in tree.ending('.c', '.h', '.cc', '.py', '.sh'):
        if len(tree.lines(name)) > MAX_FILE_LINES:
            yield f'{name}: {len(tree.lines(name))} lines, at most {MAX_FILE_LINES}'
    for name in tree.ending('.c', '.h', '.cc'):
        for number, function, length in csource.functions(tree.lines(name)):
            lengths.append((length, f'{name}:{number}: {function}()'))
    for length, where in lengths:
        if length > MAX_FUNCTION_LINES:
            yield f'{where}: {length} lines, at most {MAX_FUNCTION_LINES}'
    long = sorted((entry for entry in lengths if entry[0] >= USUAL_FUNCTION_LINES), reverse=True)
    if 100 * len(long) > (100 - USUAL_PERCENT) * len(lengths):
        yield f'{len(long)} of {len(lengths)} functions have {USUAL_FUNCTION_LINES} lines or more, at most ' \
              f'{100 - USUAL_PERCENT}% may'
        for length, where in long:
            yield f'{where}: {length} lines'


def check_opens(tree):
    """What devices and lines need of the host they take by host_open(), where something may stand in for this process."""
    for name in tree.ending('.c'):
        lines = tree.lines(name)
        if not name.startswith(DEVICES) or name in SERVE_A_SOURCE or any('const struct host_source ' in s for s in lines):
            continue
        for number, line in enumerate(lines, 1):
            if re.search(rf'(?<![\w.>])({"|".join(OPENS)})\(', line) and not line.lstrip().startswith(('*', '/*')):
                yield f'{name}:{number}: goes to the host by itself: host_open() is for that'


def check_spdx(tree):
    """Every source file names its licence on its first line (second after #!)."""
    for name in tree.files:
        if not name.endswith(('.c', '.h', '.cc', '.py', '.sh', 'meson.build', 'meson_options.txt', 'meson.options',
                              '.yml', '.yaml')) and name not in tree.shell_scripts():
            continue
        lines = tree.lines(name)
        first = lines[1:2] if lines and lines[0].startswith('#!') else lines[:1]
        if not first or 'SPDX-License-Identifier: Apache-2.0' not in first[0]:
            yield f'{name}: no "SPDX-License-Identifier: Apache-2.0" at its start'


def check_docs(tree):
    """A doc comment that names the function lies directly above every prototype in a header."""
    for name in tree.ending('.h'):
        for statement in csource.statements(tree.lines(name)):
            function = statement.function()
            if not function:
                continue
            if not statement.doc.lstrip().startswith('/**'):
                yield f'{name}:{statement.line}: {function}() has no doc comment directly above it'
            elif not re.search(rf'\b{function} - ', statement.doc):
                yield f'{name}:{statement.line}: the doc comment above {function}() has no "{function} - "'


def check_format(tree):
    """clang-format would change nothing."""
    files = tree.ending('.c', '.h', '.cc')
    output = run(tree, ['clang-format', '--dry-run', '-Werror'] + files) if files else ''
    places = re.findall(r'^([^:\s]+):(\d+):\d+: error:', output, re.MULTILINE)
    if not places:
        yield from output.splitlines()
    for name in sorted({name for name, _ in places}):
        lines = sorted({int(line) for other, line in places if other == name})
        yield f'{name}: lines {", ".join(map(str, lines))}'


def check_hosts(tree):
    """No file names a package registry: where packages come from is the machine's own configuration."""
    pattern = re.compile('|'.join(r'(?<![\w-])' + r'\.'.join(parts) + r'(?![\w-])' for parts in REGISTRIES))
    for name in tree.files:
        for number, line in enumerate(tree.lines(name), 1):
            if pattern.search(line):
                yield f'{name}:{number}: names a package registry'


def check_headers(tree):
    """Every header compiles alone, twice in one unit, with gcc and with clang; its guard is its path."""
    for header in tree.ending('.h'):
        guard = re.sub(r'\W', '_', header).upper()
        if f'#ifndef {guard}' not in tree.lines(header):
            yield f'{header}: no #ifndef {guard}'
    jobs = [(compiler, header) for header in tree.ending('.h') for compiler in ('gcc', 'clang')]

    def compile_alone(job):
        compiler, header = job
        source = f'#include "{header}"\n' * 2
        output = run(tree, [compiler] + C_FLAGS + ['-I.', '-x', 'c', '-'], input=source)
        return [f'{compiler} {header}: {line}' for line in output.splitlines() if line.strip()]

    for messages in in_parallel(compile_alone, jobs):
        yield from messages


def check_shell(tree):
    """shellcheck has no complaint about any shell script."""
    # SC1091: a sourced file that exists only at run time. SC2317 takes what only a trap calls for unreachable.
    options = ['-x', '-P', 'SCRIPTDIR', '-f', 'gcc', '-e', 'SC1091,SC2317']
    for messages in in_parallel(lambda script: run(tree, ['shellcheck'] + options + [script]), tree.shell_scripts()):
        yield from messages.splitlines()


def check_c_includes(tree):
    """Nothing includes a .c file: tests link libraries."""
    for name in tree.ending('.c', '.h', '.cc'):
        for number, _, path in csource.includes(tree.lines(name)):
            if path.endswith(('.c', '.cc')):
                yield f'{name}:{number}: includes {path}'


def check_include_order(tree):
    """Own header, system, cmocka, <linux/...>, project, with a blank line between; each sorted."""
    for name in tree.ending('.c', '.h'):
        first, there, wanted = csource.ordered_includes(tree.lines(name), name)
        if there != wanted:
            at = next((i for i, pair in enumerate(zip(there, wanted)) if pair[0] != pair[1]), len(wanted))
            yield f'{name}:{first + at + 1}: here should be {wanted[at] or "a blank line"}'


CHECKS = {
    'includes': check_includes,
    'size': check_size,
    'spdx': check_spdx,
    'opens': check_opens,
    'docs': check_docs,
    'format': check_format,
    'hosts': check_hosts,
    'headers': check_headers,
    'shell': check_shell,
    'c-includes': check_c_includes,
    'include-order': check_include_order,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--root', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
    parser.add_argument('checks', nargs='*', metavar='CHECK', help=', '.join(CHECKS))
    arguments = parser.parse_args()
    for name in arguments.checks:
        if name not in CHECKS:
            parser.error(f'no check {name}; there are {", ".join(CHECKS)}')
    tree = Tree(os.path.abspath(arguments.root))
    failed = False
    for name in arguments.checks or CHECKS:
        messages = list(CHECKS[name](tree))
        print(f'not ok {name}' if messages else f'ok {name}')
        for message in messages:
            print(f'    {message}')
        failed |= bool(messages)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
