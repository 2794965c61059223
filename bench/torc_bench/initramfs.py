# SPDX-License-Identifier: Apache-2.0
"""
An initramfs of the host's own programs and modules, for guests that run the host's own kernel.

It is a folder first, in which the bare host runs the same programs (chroot), and is packed from that.
"""
import glob
import gzip
import lzma
import os
import re
import shutil
import subprocess

from torc_bench.error import Refusal

# What the guest's scripts call, beside what measures. The rest is the shell's own.
PROGRAMS = ('sh', 'mount', 'insmod', 'sleep', 'cat', 'stty')
FOLDERS = ('bin', 'dev', 'proc', 'sys', 'tmp', 'run', 'etc', 'lib/modules')
INIT = '''#!/bin/sh
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
while read -r module options; do insmod "/lib/modules/$module" $options; done </lib/modules/order
# Kernel messages would mix with what the host reads.
echo 1 >/proc/sys/kernel/printk
exec </dev/console >/dev/console 2>&1
echo TORC-GUEST-READY
sh /job
echo "TORC-GUEST-EXIT $?"
# To the last byte, or the kernel's own line comes between: a change of the terminal's settings waits for that.
stty opost
echo o >/proc/sysrq-trigger
sleep 100
'''


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(' '.join(command), done.stderr.strip() or f'status {done.returncode}',
                      'the initramfs of the guests needs it')
    return done.stdout


def build(host, folder, programs, modules, job):
    """
    Fill an empty folder. @programs: names beside PROGRAMS; @modules: names or aliases; @job: the guest's script.
    Return: the names of all modules, those included that are part of the kernel.
    """
    for name in FOLDERS:
        os.makedirs(f'{folder}/{name}')
    for name in (*PROGRAMS, *programs):
        add_program(host, folder, name)
    # Programs find those of their libraries by it that lie in no usual folder.
    if os.path.exists(host.path('etc/ld.so.cache')):
        shutil.copy(host.path('etc/ld.so.cache'), f'{folder}/etc')
    used = add_modules(host, folder, modules)
    for name in used:
        add_firmware(host, folder, name)
    write(f'{folder}/init', INIT)
    shutil.copyfile(job, f'{folder}/job')
    return used


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    os.chmod(path, 0o755)


def add_program(host, folder, name):
    path = host.program(name)
    if not path:
        raise Refusal(name, 'not in PATH; the guest needs it', f'install {name}')
    shutil.copy(os.path.realpath(path), f'{folder}/bin/{name}')
    for library in libraries(host, path):
        target = folder + library
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.realpath(library), target)


def libraries(host, path):
    """The shared libraries and the loader of a program, by the paths that it has for them."""
    done = subprocess.run([host.program('ldd'), path], capture_output=True, text=True, check=False)
    # A static program has none, and ldd says so by its status.
    missing = re.search(r'(\S+) => not found', done.stdout)
    if missing:
        raise Refusal(path, f'its library {missing[1]} is not found', 'install the package that it is of')
    # "name => path" and "path"; Arch Linux has the loader as "path => path", and programs ask for the first.
    found = []
    for name, path in re.findall(r'^\s*(?:(\S+) => )?(/\S+) \(0x', done.stdout, re.MULTILINE):
        found += [path] + ([name] if name.startswith('/') else [])
    return found


def add_modules(host, folder, names):
    """
    With all that they depend on, not compressed; lib/modules/order has them as insmod needs them, with the options that
    they have on the host. Return: their names.
    """
    order, used = {}, {}
    for name in names:
        # Without the configuration, which may have commands in the place of a module. It is read for options alone.
        shown = run(host.program('modprobe'), '-S', host.release, '-C', '/dev/null', '--show-depends', name)
        options = module_options(host, name)
        for word, path in re.findall(r'^(insmod|builtin) (\S+)', shown, re.MULTILINE):
            base = re.sub(r'\.(xz|gz|zst)$', '', os.path.basename(path))
            used[base.removesuffix('.ko').replace('-', '_')] = True
            if word == 'insmod' and base not in order:
                unpack(host, path, f'{folder}/lib/modules/{base}')
                order[base] = options.get(path, '')
    write(f'{folder}/lib/modules/order', ''.join(f'{name} {options}'.strip() + '\n' for name, options in order.items()))
    return list(used)


def module_options(host, name):
    """{path: options} of modprobe.d and the kernel's command line."""
    shown = subprocess.run([host.program('modprobe'), '-S', host.release, '--show-depends', name], capture_output=True,
                           text=True, check=False).stdout
    return dict(re.findall(r'^insmod (\S+) +(\S.*?) *$', shown, re.MULTILINE))


def add_firmware(host, folder, module):
    """What it may ask for, as far as it is there; packed as it is, as the kernel that is the host's reads it so."""
    shown = subprocess.run([host.program('modinfo'), '-k', host.release, '-F', 'firmware', module], capture_output=True,
                           text=True, check=False).stdout
    for pattern in shown.split():
        for place in firmware_folders(host):
            paths = [path for suffix in ('', '.xz', '.zst') for path in glob.glob(f'{place}/{pattern}{suffix}')]
            for path in paths:
                target = f'{folder}/lib/firmware/{os.path.relpath(path, place)}'
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
            if paths:
                break


def firmware_folders(host):
    """In the kernel's order; Documentation/driver-api/firmware/fw_search_path.rst."""
    own = host.read('sys/module/firmware_class/parameters/path')
    return ([host.path(own.lstrip('/'))] if own else []) + [host.path('lib/firmware', name).rstrip('/') for name in (
        f'updates/{host.release}', 'updates', host.release, '')]


def unpack(host, path, target):
    if path.endswith('.zst'):
        if not host.program('zstd'):
            raise Refusal(path, 'compressed with zstd, which is not in PATH', 'install the package zstd')
        run(host.program('zstd'), '-q', '-d', path, '-o', target)
        return
    opener = {'.xz': lzma.open, '.gz': gzip.open}.get(os.path.splitext(path)[1], open)
    with opener(path, 'rb') as source, open(target, 'wb') as file:
        shutil.copyfileobj(source, file)


def pack(folder, path):
    """
    An archive of the kernel's format, "newc"; not compressed, as unpacking would cost each guest more than reading.
    Source: Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    with open(path, 'wb') as file:
        number = 0
        for parent, folders, files in sorted(os.walk(folder)):
            for name in sorted(folders + files):
                number += 1
                full = os.path.join(parent, name)
                add_entry(file, number, os.path.relpath(full, folder), full)
        add_entry(file, 0, 'TRAILER!!!', None)


def add_entry(file, number, name, path):
    status = os.lstat(path) if path else None
    link = os.readlink(path).encode() if path and os.path.islink(path) else b''
    size = len(link) if link else status.st_size if path and os.path.isfile(path) else 0
    fields = [number, status.st_mode if path else 0, 0, 0, 2 if path and os.path.isdir(path) else 1, 0, size,
              0, 0, 0, 0, len(name) + 1, 0]
    pad(file, b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0')
    if link:
        pad(file, link)
    elif size:
        with open(path, 'rb') as source:
            shutil.copyfileobj(source, file, 1 << 20)
        pad(file, b'')


def pad(file, data):
    file.write(data)
    file.write(b'\0' * (-file.tell() % 4))
