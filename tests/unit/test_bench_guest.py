#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the guests of torc-bench are made of, and what they do, with programs that are made up. Usage: test_bench_guest.py BENCH."""
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

from bench_machine import RELEASE, Machine  # noqa: E402 pylint: disable=wrong-import-position
from guests import Guest, rates  # noqa: E402 pylint: disable=wrong-import-position
from torc_bench import initramfs  # noqa: E402 pylint: disable=wrong-import-position
from torc_bench.error import Refusal  # noqa: E402 pylint: disable=wrong-import-position

JOB = f'{BENCH}/torc_bench/guest.sh'


class Initramfs(unittest.TestCase):
    def setUp(self):
        self.ldd = shutil.which('ldd')
        self.cat = shutil.which('cat')
        self.machine = Machine().__enter__()
        self.addCleanup(self.machine.__exit__)
        self.folder = f'{self.machine.root}/tree'
        os.mkdir(self.folder)
        root = self.machine.root
        with lzma.open(f'{root}/b.ko.xz', 'wb') as file:
            file.write(b'module b')
        self.machine.file('a.ko', 'module a')
        self.machine.program('modprobe', f'echo "builtin crc"; echo "insmod {root}/a.ko "; echo "insmod {root}/b.ko.xz x=1"')

    def build(self, modules=('nvme',)):
        initramfs.build(self.machine.host, self.folder, ('fio',), modules, JOB)

    def read(self, path):
        with open(f'{self.folder}/{path}', 'rb') as file:
            return file.read()

    def test_modules_are_unpacked_in_the_order_that_insmod_needs_once_each(self):
        self.build(('nvme', 'nvme'))
        self.assertEqual(self.read('lib/modules/order'), b'a.ko\nb.ko x=1\n')
        self.assertEqual(self.read('lib/modules/b.ko'), b'module b')

    def test_modules_have_the_options_that_they_have_on_the_host(self):
        root = self.machine.root
        self.machine.program('modprobe', f'''case "$*" in *dev/null*) echo "builtin nvme_core"; echo "insmod {root}/a.ko x=1" ;;
*) echo "insmod {root}/a.ko queues=4 \\"name=a b\\" "; echo "install another" ;; esac''')
        self.build()
        self.assertEqual(self.read('lib/modules/order'), b'a.ko queues=4 "name=a b"\n')

    def test_a_kernels_words_that_guests_need_too(self):
        self.machine.file('proc/cmdline', 'quiet mitigations=off nvme-core.io_timeout=9 root=/dev/x other.y=1 '
                          'igb.name="a b" isolcpus=2-7 spectre_v2=off')
        self.assertEqual(self.machine.host.words_for_guests({'nvme_core', 'igb'}),
                         ['mitigations=off', 'nvme-core.io_timeout=9', 'igb.name="a b"', 'spectre_v2=off'])

    def test_firmware_is_there_as_the_kernel_finds_it_first(self):
        self.machine.program('modinfo', '[ "$5" != a ] || echo "nic/ddp-*.pkg missing.bin old.bin"')
        for path in ('lib/firmware/nic/ddp-1.pkg.zst', 'lib/firmware/nic/ddp-2.pkg.zst', 'lib/firmware/old.bin',
                     f'lib/firmware/updates/{RELEASE}/old.bin', 'lib/firmware/unasked'):
            self.machine.file(path, path)
        self.build()
        found = {os.path.relpath(f'{folder}/{name}', f'{self.folder}/lib/firmware')
                 for folder, _, files in os.walk(f'{self.folder}/lib/firmware') for name in files}
        self.assertEqual(found, {'nic/ddp-1.pkg.zst', 'nic/ddp-2.pkg.zst', 'old.bin'})
        self.assertEqual(self.read('lib/firmware/old.bin').decode(), f'lib/firmware/updates/{RELEASE}/old.bin')

    def test_modules_are_those_of_the_running_kernel(self):
        self.machine.program('modprobe', 'echo "$*" >&2; exit 1')
        with self.assertRaises(Refusal) as caught:
            self.build()
        self.assertIn(f'-S {RELEASE}', str(caught.exception))

    def test_programs_have_their_libraries_at_their_own_paths(self):
        self.machine.program('ldd', f'PATH=/usr/bin:/bin exec {self.ldd} {self.cat}')
        self.build()
        self.assertTrue(any('libc.so' in name for _, _, files in os.walk(self.folder) for name in files))
        self.assertTrue(os.access(f'{self.folder}/bin/fio', os.X_OK))

    def test_a_loader_at_two_paths_is_at_both_and_the_cache_of_libraries_comes_with_them(self):
        root = self.machine.root
        self.machine.file('real/ld.so', 'loader')
        self.machine.file('etc/ld.so.cache', 'cache')
        self.machine.program('ldd', f'''echo "	linux-vdso.so.1 (0x1)"; echo "	libc.so.6 => {root}/etc/ld.so.cache (0x2)"
echo "	{root}/real/ld.so => {root}/bin/sh (0x3)"''')
        self.build()
        for path in f'{root}/real/ld.so', f'{root}/bin/sh', f'{root}/etc/ld.so.cache':
            self.assertTrue(os.path.exists(self.folder + path), path)
        self.assertEqual(self.read('etc/ld.so.cache'), b'cache')

    def test_a_library_that_is_missing_is_named(self):
        self.machine.program('ldd', 'echo "	libzebra.so.1 => not found"')
        with self.assertRaises(Refusal) as caught:
            self.build()
        self.assertIn('libzebra.so.1 is not found', str(caught.exception))

    def test_the_archive_is_what_cpio_reads(self):
        self.build()
        path = f'{self.machine.root}/archive'
        initramfs.pack(self.folder, path)
        out = f'{self.machine.root}/out'
        os.mkdir(out)
        with open(path, 'rb') as archive:
            subprocess.run(['/usr/bin/cpio', '--quiet', '-idm'], stdin=archive, cwd=out, check=True)
        subprocess.run(['/usr/bin/diff', '-r', self.folder, out], check=True)
        self.assertTrue(os.access(f'{out}/init', os.X_OK))


class Job(unittest.TestCase):
    """guest.sh, as the bare host runs it, with a disk that is a file of counters."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.stat(1000)

    def stat(self, reads):
        with open(f'{self.folder}/stat.new', 'w', encoding='ascii') as file:
            file.write(f' {reads} 0 0 0 500 0 0 0 0 0 0\n')
        os.rename(f'{self.folder}/stat.new', f'{self.folder}/stat')

    def guest(self):
        environ = dict(os.environ, TMPDIR=self.folder, TORC_SYS=self.folder, TORC_DEV=self.folder)
        guest = Guest(['sh', '-c', f'sh {JOB}; echo TORC-GUEST-EXIT $?'], f'{self.folder}/log', environ)
        guest.wait_for('TORC-IDLE', 20)
        guest.tell(f'stat={self.folder}/stat\n'.encode())
        return guest

    def test_ios_of_the_window_and_the_result_in_a_line(self):
        with self.guest() as guest:
            fio = f'sh -c "echo \' 3000 0 0 0 500\' >{self.folder}/stat; sleep 2; echo {{; echo \'  1\'; echo }}"'
            guest.tell(f'measure job 0.3 {fio} || exit 1\n'.encode())
            guest.wait_for('TORC-WINDOW job$', 20)
            self.stat(3000)
            _, match = guest.wait_for('TORC-FIO job (.*)', 20)
            self.assertEqual(match[1].strip(), '{ 1 }')
            with self.assertRaisesRegex(RuntimeError, 'no I/O within a window'):
                rates(guest, 'job')
            guest.tell(b'exit 0\n')
            guest.finish()

    def test_a_namespace_is_found_by_its_number(self):
        for name, nsid in ('nvme0n1', 7), ('nvme0c0n2', 3), ('nvme0n2', 3):
            os.makedirs(f'{self.folder}/block/{name}')
            for file, text in ('nsid', nsid), ('stat', ''):
                with open(f'{self.folder}/block/{name}/{file}', 'w', encoding='ascii') as out:
                    print(text, file=out)
        for name in 'nvme0n1', 'nvme0n2':
            os.mkdir(f'{self.folder}/{name}')
        with self.guest() as guest:
            for nsid, disk, path in (3, 'nvme0n2', 'nvme0c0n2'), (7, 'nvme0n1', 'nvme0n1'):
                guest.tell(f'find_disk {nsid} && echo "FOUND $disk $stat"\n'.encode())
                guest.wait_for(f'FOUND /dev/{disk} {self.folder}/block/{path}/stat', 20)
            guest.tell(b'exit 0\n')
            guest.finish()

    def test_a_job_that_fails_is_told_at_once_with_what_it_said(self):
        with self.guest() as guest:
            guest.tell(b'measure job 1 sh -c "echo no such engine >&2; exit 3" || exit 1\n')
            guest.wait_for('TORC-FAILED', 20)
            guest.wait_for('TORC-GUEST-EXIT 1', 20)
        self.assertTrue(guest.matching('no such engine'))


if __name__ == '__main__':
    unittest.main()
