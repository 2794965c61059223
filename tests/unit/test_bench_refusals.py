#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torc-bench refuses, and what it says then, on a machine of folders. Usage: test_bench_refusals.py BENCH."""
import fcntl
import json
import os
import subprocess
import sys
import unittest
import unittest.mock

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

from bench_machine import BDF, NIC, PEER, RELEASE, Machine  # noqa: E402 pylint: disable=wrong-import-position
from torc_bench import refusals, workloads  # noqa: E402 pylint: disable=wrong-import-position
from torc_bench.error import Refusal  # noqa: E402 pylint: disable=wrong-import-position


class Refusals(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().__enter__()
        self.addCleanup(self.machine.__exit__)
        patch = unittest.mock.patch('os.geteuid', return_value=0)
        patch.start()
        self.addCleanup(patch.stop)

    def refused(self, what, reason, remedy, command='nvme', **request):
        """All three parts of the message; each is a regular expression."""
        with self.assertRaises(Refusal) as caught:
            refusals.look(self.machine.request(command, **request))
        for part, pattern in (caught.exception.what, what), (caught.exception.reason, reason), \
                (caught.exception.remedy, remedy):
            self.assertRegex(part, pattern)

    def test_nothing_is_in_the_way_of_a_drive(self):
        refusals.look(self.machine.request(peers=('qemu',)))
        refusals.look(self.machine.request(destructive=True))

    def test_nothing_is_in_the_way_of_a_nic(self):
        for peer in PEER, PEER[5:], 'wire1':
            refusals.look(self.machine.request('net', peer=peer))

    def test_unknown_vmm(self):
        self.refused('--vs bhyve', 'no VMM that', 'qemu, cloud-hypervisor', peers=('qemu', 'bhyve'))

    def test_vmm_that_is_not_installed(self):
        self.refused('--vs cloud-hypervisor', 'no program cloud-hypervisor', 'install', peers=('cloud-hypervisor',))

    def test_not_root(self):
        with unittest.mock.patch('os.geteuid', return_value=1000):
            self.refused('torc-bench', 'not root', 'sudo')

    def test_no_torc(self):
        self.machine.remove('bin/torc')
        self.refused('torc$', 'not beside torc-bench', 'PATH=build')

    def test_no_fio(self):
        self.machine.remove('bin/fio')
        self.refused('fio', 'not in PATH', 'install the package fio')

    def test_a_nic_needs_no_fio_but_sockperf(self):
        self.machine.remove('bin/fio')
        refusals.look(self.machine.request('net', peer=PEER))
        self.machine.remove('bin/sockperf')
        self.refused('sockperf', 'not in PATH', 'package sockperf', 'net', peer=PEER)

    def test_no_kernel_image(self):
        self.machine.remove(f'boot/vmlinuz-{RELEASE}')
        self.refused(f'boot/vmlinuz-{RELEASE}', 'no such file', 'install the image')

    def test_no_modules(self):
        self.machine.remove(f'lib/modules/{RELEASE}')
        self.refused('modules.dep', 'no such file', 'install the modules')

    def test_no_macvlan(self):
        self.machine.program('modprobe', '[ "$3" != macvlan ]')
        self.refused('macvlan', 'no such module', 'install', 'net', peer='wire1')
        refusals.look(self.machine.request('net', peer=PEER))

    def test_no_kvm(self):
        self.machine.remove('dev/kvm')
        self.refused('/dev/kvm', 'no such file', 'firmware')

    def test_little_memory(self):
        self.machine.file('proc/meminfo', 'MemAvailable: 1000000 kB\n')
        self.refused('memory', '976 MiB available, 2048 MiB needed', 'end what')

    def test_results_in_the_way(self):
        self.refused('--out', 'no empty folder', 'new one', out=self.machine.bin)

    def test_results_that_cannot_be_written(self):
        access = os.access
        with unittest.mock.patch('os.access', lambda path, mode: path != self.machine.root and access(path, mode)):
            self.refused(f'--out {self.machine.root}/a/b', f'{self.machine.root} cannot be written to', 'can be made',
                         out=f'{self.machine.root}/a/b')

    def test_another_torc_bench(self):
        with unittest.mock.patch.object(refusals, 'WORK', self.machine.bin):
            refusals.look(self.machine.request())
            lock = os.open(self.machine.bin, os.O_RDONLY)
            self.addCleanup(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(self.machine.bin, 'another torc-bench', 'wait')

    def test_no_device(self):
        self.refused('0000:09:00.0', 'no such PCI device', 'torc-vfio list', bdf='09:00.0')

    def test_other_class(self):
        self.refused(NIC, 'class 020000 is no NVMe drive', 'torc-vfio list', bdf=NIC)

    def test_bound_already(self):
        self.machine.remove(f'{self.machine.device(BDF)}/driver')
        self.refused(BDF, 'has no driver', 'drivers_probe')
        self.machine.folder('sys/bus/pci/drivers/vfio-pci')
        self.machine.link(f'{self.machine.device(BDF)}/driver', 'sys/bus/pci/drivers/vfio-pci')
        self.refused(BDF, 'bound to vfio-pci', f'torc-vfio unbind {BDF}')

    def test_no_iommu(self):
        self.machine.remove(f'{self.machine.device(BDF)}/iommu_group')
        self.refused(BDF, 'no IOMMU group', 'intel_iommu=on')

    def test_group_not_viable(self):
        self.machine.pci('0000:01:00.1', '020000', 'igb', 7)
        self.refused(f'{BDF}: IOMMU group 7', 'not viable: 0000:01:00.1 is in it, too, with driver igb', 'another slot')

    def test_bridges_and_what_has_no_driver_are_no_trouble_in_a_group(self):
        self.machine.pci('0000:01:00.1', '060400', 'pcieport', 7)
        self.machine.pci('0000:01:00.2', '020000', '', 7)
        refusals.look(self.machine.request())

    def test_virtual_functions(self):
        self.machine.file(f'{self.machine.device(BDF)}/sriov_numvfs', '4')
        self.refused(BDF, 'the host uses it: it has 4 virtual functions', f'torc-vfio vfs {BDF} 0')

    def test_mounted(self):
        self.machine.partition()
        self.machine.file('proc/self/mountinfo', '36 35 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw\n')
        self.refused(BDF, 'nvme0n1p1 is mounted on /srv', 'umount /srv')

    def test_swap(self):
        self.machine.file('proc/swaps', 'Filename\n/dev/nvme0n1 partition 1\n')
        self.refused(BDF, 'nvme0n1 is swap space', 'swapoff /dev/nvme0n1')

    def test_holder(self):
        self.machine.folder(f'{self.machine.device(BDF)}/nvme/nvme0/nvme0n1/holders/md0')
        self.refused(BDF, 'nvme0n1 is part of md0', 'take it out of md0')

    def test_with_multipath_the_disk_lies_in_its_subsystem(self):
        self.machine.remove('sys/class/block/nvme0n1')
        subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0'
        self.machine.file(f'{subsystem}/nvme0n1/dev', '259:0')
        self.machine.link(f'{subsystem}/nvme0', f'{self.machine.device(BDF)}/nvme/nvme0')
        self.machine.link('sys/class/nvme-subsystem/nvme-subsys0', subsystem)
        self.machine.link('sys/class/block/nvme0n1', f'{subsystem}/nvme0n1')
        self.machine.file('proc/self/mountinfo', '36 35 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n')
        self.refused(BDF, 'nvme0n1 is mounted on /srv', 'umount /srv')

    def test_a_drive_that_another_controller_reaches_too(self):
        subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0'
        self.machine.link('sys/class/nvme-subsystem/nvme-subsys0', subsystem)
        self.machine.link(f'{subsystem}/nvme0', f'{self.machine.device(BDF)}/nvme/nvme0')
        self.machine.folder(f'{subsystem}/nvme0n1')
        refusals.look(self.machine.request())
        self.machine.file('sys/devices/pci0000:00/0000:05:00.0/nvme/nvme3/address', '0000:05:00.0')
        self.machine.link('sys/class/nvme/nvme3', 'sys/devices/pci0000:00/0000:05:00.0/nvme/nvme3')
        self.machine.link(f'{subsystem}/nvme3', 'sys/devices/pci0000:00/0000:05:00.0/nvme/nvme3')
        self.refused(BDF, r'can be reached by nvme3, too \(nvme-subsys0\)', 'torc-vfio bind 0000:05:00.0')

    def test_what_torc_vfio_check_says_is_in_the_way(self):
        self.machine.file('proc/sys/kernel/io_uring_disabled', '2')
        self.refused('host: io_uring', 'io_uring_disabled', 'sysctl')

    def test_partitioned_is_read_but_not_written_to(self):
        self.machine.partition()
        refusals.look(self.machine.request())
        self.refused('nvme0n1', r'has partitions \(nvme0n1p1\)', r'without --destructive(.|\n)*wipefs', destructive=True)

    def test_what_blkid_finds_is_not_written_to(self):
        for found, reason in (('TYPE=ext4', 'a file system'), ('TYPE=linux_raid_member', 'a RAID member'),
                              ('TYPE=LVM2_member', 'an LVM member'), ('PTTYPE=gpt', 'a partition table')):
            self.machine.program('blkid', f'echo {found}')
            self.refused('nvme0n1', reason, 'without --destructive', destructive=True)
            refusals.look(self.machine.request())

    def test_what_blkid_cannot_tell_is_not_written_to(self):
        # It says 2 of a disk that it cannot open or read, too.
        for script in 'exit 8', 'exit 0', 'exit 4', 'echo "error: nvme0n1: Input/output error" >&2; exit 2':
            self.machine.program('blkid', script)
            self.refused('nvme0n1', 'cannot say', 'without --destructive', destructive=True)

    def test_data_without_a_signature_is_not_written_to(self):
        for at in 0, 600, (4 << 20) - 1:
            data = bytearray(4 << 20)
            data[at] = 1
            self.machine.disk(data)
            self.refused('nvme0n1', 'data that blkid does not know',
                         f'(?s)without --destructive.* of=.*/dev/nvme0n1 .*seek={3 << 20}$', destructive=True)
            refusals.look(self.machine.request())

    def test_what_jobs_have_written_and_discarded_blocks_are_no_data(self):
        for data in b'\xff' * (4 << 20), bytes(1 << 20) + b'job' * 699050 + bytes((1 << 20) + 2):
            self.machine.disk(data)
            refusals.look(self.machine.request(destructive=True))
        job = next(job for job in workloads.nvme(True) if job.writes)
        self.assertEqual([word for word in job.fio('d', 4 << 20, 1) if 'offset' in word or '--size' in word],
                         [f'--offset={1 << 20}', f'--size={2 << 20}'])

    def test_what_cannot_be_read_is_not_written_to(self):
        self.machine.disk(bytes(4096))
        self.refused('nvme0n1', 'cannot be read', '^measure without --destructive, which only reads$', destructive=True)
        self.machine.remove('dev/nvme0n1')
        self.refused('nvme0n1', 'cannot be read: No such file', 'without --destructive', destructive=True)

    def test_right_before_it_is_looked_again_for_what_may_have_changed(self):
        request = self.machine.request(destructive=True)
        refusals.look(request)
        self.machine.program('blkid', 'echo TYPE=xfs')
        with self.assertRaises(Refusal):
            refusals.look(request, again=True)

    def test_no_namespace(self):
        self.machine.remove('sys/class/block/nvme0n1')
        self.refused(BDF, 'no namespace', 'nvme create-ns')

    def torc_vfio_says(self, bdf, **found):
        """Of a device; of others that they are fine."""
        fine = {'checks': [], 'use': None, 'assignable': True, 'ready': False, 'reason': None, 'remedy': None}
        self.machine.program('torc-vfio', f"""case "$*" in *{bdf}*) echo '{json.dumps({**fine, **found})}' ;;
*) echo '{json.dumps(fine)}' ;; esac""")

    def test_what_only_torc_vfio_knows(self):
        self.torc_vfio_says(BDF, assignable=False, reason='a bridge', remedy='none')
        self.refused(BDF, 'a bridge', 'none')

    def test_torc_vfio_that_says_nothing(self):
        self.machine.program('torc-vfio', 'echo no memory >&2; exit 1')
        self.refused(BDF, 'no memory', 'torc-vfio list')

    def test_no_peer(self):
        self.refused('--peer', 'not given', 'another NIC', 'net')
        self.refused('--peer wire9', 'neither', 'ip link', 'net', peer='wire9')

    def test_the_peer_is_the_device(self):
        self.refused('--peer wire0', 'the device itself', 'other end', 'net', peer='wire0')

    def test_an_interface_of_the_host_may_be_in_use_but_not_down(self):
        self.torc_vfio_says(PEER, use={'what': 'interface wire1 is up and has address 10.0.0.1', 'remedy': 'ip'})
        refusals.look(self.machine.request('net', peer='wire1'))
        self.machine.file('sys/class/net/wire1/flags', '0x1002')
        self.refused('--peer wire1', 'it is down', 'ip link set wire1 up', 'net', peer='wire1')

    def test_an_interface_that_can_carry_no_macvlan(self):
        self.machine.file('sys/class/net/wire1/type', '772')
        self.refused('--peer wire1', 'no Ethernet', 'wired', 'net', peer='wire1')
        self.machine.folder('sys/devices/virtual/net/br0')
        self.machine.link('sys/class/net/wire1/master', 'sys/devices/virtual/net/br0')
        self.refused('--peer wire1', 'part of br0', 'br0 itself', 'net', peer='wire1')

    def test_addresses_of_all_kinds(self):
        for name in '01:00.0', '0000:0A:1f.7', '10000:01:00.0':
            self.assertTrue(refusals.is_address(name), name)
        self.assertFalse(refusals.is_address('000:01:00.0') or refusals.is_address('eth0'))
        self.machine.pci('10000:0a:00.0', '010802', 'nvme', 5)
        self.assertTrue(self.machine.request(bdf='10000:0A:00.0').device.exists)

    def test_interfaces_in_use(self):
        self.machine.file('proc/net/route', 'Iface\nwire1 00000000 01\n')
        self.refused(f'--peer {PEER}', 'default route', 'another way', 'net', peer=PEER)
        self.machine.file('proc/net/route', 'Iface\nwire0 00000000 01\n')
        self.refused(NIC, 'default route', 'another way', 'net', peer='wire1')

    def test_no_interface(self):
        self.machine.remove(f'{self.machine.device(NIC)}/net')
        self.refused(NIC, 'driver igb has made no network interface', 'dmesg', 'net', peer='wire1')


class CommandLine(unittest.TestCase):
    @staticmethod
    def run_it(*words):
        done = subprocess.run([sys.executable, f'{BENCH}/torc-bench', *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_what_is_wrong_is_said_with_a_remedy_and_status_2(self):
        for words in ((), ('zebra',), ('nvme',), ('nvme', BDF, '--runtime', '0'), ('nvme', BDF, '--runtime', 'inf'),
                      ('nvme', BDF, '--runtime', 'nan'), ('nvme', BDF, '--rounds', 'x'),
                      ('nvme', BDF, '--peer', 'eth0'), ('net', BDF, '--destructive'), ('compare', 'a')):
            status, out, err = self.run_it(*words)
            self.assertEqual((status, out), (2, ''), words)
            self.assertRegex(err, '^torc-bench: .*\n  remedy: torc-bench --help\n$', words)

    def test_help_is_the_same_everywhere(self):
        texts = {self.run_it(*words)[:2] for words in (('--help',), ('-h',), ('nvme', '--help'), ('compare', '-h'))}
        (status, text), = texts
        self.assertEqual(status, 0)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])

    def test_a_refusal_has_status_1_and_no_traceback(self):
        status, out, err = self.run_it('nvme', BDF, '--vs', 'bhyve')
        self.assertEqual((status, out), (1, ''))
        self.assertRegex(err, '^torc-bench: --vs bhyve: .*\n  remedy: ')


if __name__ == '__main__':
    unittest.main()
