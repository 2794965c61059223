#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The VMMs' command lines. Usage: test_bench_vmms.py BENCH. A VMM that is not there is a program that records its words."""
import os
import shlex
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

from torc_bench.vmms import VMMS, Machine  # noqa: E402 pylint: disable=wrong-import-position

MACHINE = Machine(kernel='/boot/vmlinuz', cmdline='console=ttyS0 quiet', cpus=4, memory_mib=1024, initramfs='/i.cpio',
                  device='0000:01:00.0')


def recorded(vmm, machine):
    """What a program gets that is started so."""
    with tempfile.TemporaryDirectory() as folder:
        program = f'{folder}/{VMMS[vmm].programs[0]}'
        with open(program, 'w', encoding='ascii') as file:
            file.write('#!/bin/sh\nprintf "%s\\0" "$@"\n')
        os.chmod(program, 0o755)
        done = subprocess.run(VMMS[vmm].command([program], machine), stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.split('\0')[:-1]


class Commands(unittest.TestCase):
    def test_cloud_hypervisor(self):
        self.assertEqual(recorded('cloud-hypervisor', MACHINE), [
            '--kernel', '/boot/vmlinuz', '--cmdline', 'console=ttyS0 quiet', '--cpus', 'boot=4', '--memory', 'size=1024M',
            '--serial', 'tty', '--console', 'off', '--initramfs', '/i.cpio',
            '--device', 'path=/sys/bus/pci/devices/0000:01:00.0/'])

    def test_torc_takes_the_same(self):
        self.assertEqual(recorded('torc', MACHINE),
                         [word.replace('boot=4', '4') for word in recorded('cloud-hypervisor', MACHINE)])

    def test_qemu(self):
        # Else its vCPUs' threads have no names.
        self.assertIn('-name torc-bench,debug-threads=on', shlex.join(recorded('qemu', MACHINE)))
        self.assertIn('-device vfio-pci,host=0000:01:00.0', shlex.join(recorded('qemu', MACHINE)))
        self.assertIn('-smp 4 -m 1024 -kernel /boot/vmlinuz', shlex.join(recorded('qemu', MACHINE)))

    def test_who_moves_the_packets_of_a_tap(self):
        for vhost in False, True:
            machine = Machine('/k', '', 1, 512, net='tap9', mac='52:54:00:00:00:09', vhost=vhost)
            self.assertEqual('vhost=on' in shlex.join(recorded('torc', machine)), vhost)
            self.assertEqual('vhost=on' in shlex.join(recorded('qemu', machine)), vhost)
            self.assertIn('tap=tap9,mac=52:54:00:00:00:09', shlex.join(recorded('cloud-hypervisor', machine)))

    def test_without_a_device_there_is_none(self):
        for vmm in VMMS:
            self.assertNotIn('device', shlex.join(recorded(vmm, Machine('/k', '', 1, 512))), vmm)


if __name__ == '__main__':
    unittest.main()
