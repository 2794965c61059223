#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torc-bench counts on the host and foretells, on a machine of folders. Usage: test_bench_counters.py BENCH."""
import os
import sys
import unittest
import unittest.mock

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
import tracing  # noqa: E402
from bench_machine import BDF, Machine  # noqa: E402
from torc_bench import command, counters, nvme, refusals, session, workloads  # noqa: E402
from torc_bench.host import Namespace, numbers  # noqa: E402

INTERRUPTS = '''            CPU0       CPU1
  11:          1          0   IO-APIC  11-fasteoi   acpi
  40:       1000        200   PCI-MSIX-0000:01:00.0  0-edge      nvme0q0
  41:          5          6   PCI-MSIX-0000:01:00.0  1-edge      nvme0q1
  99:       7777       7777   PCI-MSIX-0000:02:00.0  0-edge      wire0
 PIN:         10         20   Posted-interrupt notification event
 NPI:        500        500   Nested posted-interrupt event
 PIW:          3          4   Posted-interrupt wakeup event
'''


class Counters(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().__enter__()
        self.addCleanup(self.machine.__exit__)
        self.host = self.machine.host

    def test_interrupts_are_the_devices_whoever_has_them(self):
        self.machine.file('proc/interrupts', INTERRUPTS)
        for number in 40, 41:
            self.machine.file(f'{self.machine.device(BDF)}/msi_irqs/{number}', 'msix')
        self.assertEqual(counters.device_interrupts(self.host.device(BDF)), 1000 + 200 + 5 + 6)
        for number in 40, 41:
            self.machine.remove(f'{self.machine.device(BDF)}/msi_irqs/{number}')
        # INTx.
        self.assertEqual(counters.device_interrupts(self.host.device(BDF)), 1)

    def test_notices_of_posted_interrupts_are_intels(self):
        self.machine.file('proc/interrupts', INTERRUPTS)
        self.assertEqual(counters.notices(self.host), 37)
        self.machine.file('proc/cpuinfo', 'vendor_id : AuthenticAMD\n')
        self.assertIsNone(counters.notices(self.host))

    def test_exits_are_those_of_the_vmm_alone(self):
        kvm = f'{self.machine.root}/kvm'
        self.machine.file(f'kvm/{os.getpid()}-7/exits', '100')
        self.machine.file('kvm/1-9/exits', '5000')
        self.machine.file('kvm/exits', '5100')
        with unittest.mock.patch.object(tracing, 'KVM', kvm):
            self.assertEqual(tracing.exits_of(os.getpid()), 100)
            self.assertEqual([tracing.is_of(each, os.getpid()) for each in sorted(tracing.machines())],
                             [each.endswith('-7') for each in sorted(tracing.machines())])
            os.unlink(f'{kvm}/{os.getpid()}-7/exits')
            os.symlink('/nowhere', f'{kvm}/{os.getpid()}-7/exits')
            self.assertIsNone(tracing.exits_of(os.getpid()))
            self.assertEqual(tracing.window(0, exits=lambda: tracing.exits_of(os.getpid()))['exits'], None)

    def test_exits_by_reason_are_of_certain_threads(self):
        tracer, said = unittest.mock.Mock(), []
        tracer.event = '{}/{}'.format
        with unittest.mock.patch.object(tracing, 'write', lambda path, text: said.append(text)):
            for enabled in True, False:
                tracing.Tracer.histograms(tracer, enabled, names=['kvm/kvm_exit'], threads=[11, 12])
        self.assertEqual(said, [f'{end}hist:keys=exit_reason:size=512 if common_pid==11||common_pid==12' for end in ('', '!')])

    def test_busy_time_is_that_of_the_cpus_asked_for_without_idle_and_twice_counted(self):
        self.machine.file('proc/stat', 'cpu 0 0 0\ncpu0 100 20 30 4000 50 6 7 8 90 10\ncpu1 1 0 0 0 0 0 0 0 0 0\n')
        self.assertAlmostEqual(counters.busy_seconds(self.host, [0]), (100 + 20 + 30 + 6 + 7) * counters.TICK_S)

    def posted(self):
        return command.posts_interrupts(self.host.torc_vfio('check')[0])

    def test_posted_interrupts_are_what_torc_vfio_check_says(self):
        self.assertEqual(self.posted(), 'no: without an IOMMU there are none')
        self.machine.file('proc/cpuinfo', 'vendor_id : GenuineIntel\n')
        self.machine.file('sys/module/kvm_intel/parameters/enable_apicv', 'Y')
        self.machine.file('sys/class/iommu/dmar0/intel-iommu/cap', 'd2008c40660462')
        self.assertRegex(self.posted(), '^no: this IOMMU has none')
        self.machine.file('sys/class/iommu/dmar0/intel-iommu/cap', f'{1 << 59 | 5:x}')
        self.assertEqual(self.posted(), 'yes')
        self.machine.program('torc-vfio', 'exit 1')
        self.assertRegex(self.posted(), 'not known')

    def test_cpus_near_the_device_one_of_each_core_first(self):
        with unittest.mock.patch('os.sched_getaffinity', return_value={0, 1, 2, 3, 9}):
            for cpu, siblings in enumerate(('0,2', '1,3', '0,2', '1,3')):
                self.machine.file(f'sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list', siblings)
            self.assertEqual(self.host.device(BDF).cpus(), [0, 1, 2, 3])
        self.assertEqual(numbers('0-2,5\n'), {0, 1, 2, 5})

    def with_isolated(self, cpus, allowed):
        """A session where a login shell has CPUs 0 and 1 and the cpuset has what is allowed."""
        mine = {0, 1}
        self.machine.file('sys/devices/system/cpu/isolated', cpus)

        def move(_pid, wanted):
            mine.clear()
            mine.update(wanted & allowed)
        with unittest.mock.patch('os.sched_getaffinity', lambda _pid: set(mine)), \
                unittest.mock.patch('os.sched_setaffinity', move):
            made = session.Session(self.machine.request(), '/out', (), ())
            self.assertEqual(mine, {0, 1})
        return made

    def test_isolated_cpus_come_first_although_no_shell_has_them(self):
        made = self.with_isolated('2-7', {0, 1, 2, 3, 4})
        self.assertEqual((made.cpus, made.others, made.housekeeping), ([2, 3, 4, 0], [1], [0, 1]))
        self.assertTrue(made.are_isolated)
        made = self.with_isolated('', {0, 1})
        self.assertEqual((made.cpus, made.others, made.housekeeping, made.are_isolated), ([0], [1], [0, 1], False))

    def test_fio_has_its_jobs_on_isolated_cpus_apart_on_the_host(self):
        made = self.with_isolated('2-7', {0, 1, 2, 3, 4})
        measurement = nvme.Measurement(made, 1, 'io_uring', None)
        for system, spread in ('host', True), ('torc', False):
            guest = unittest.mock.Mock()
            with unittest.mock.patch.object(nvme, 'expect', side_effect=RuntimeError), self.assertRaises(RuntimeError):
                measurement.timed(guest, system, workloads.ROWS[0])
            self.assertEqual(b'--cpus_allowed=2,3,4,0 --cpus_allowed_policy=split' in guest.tell.call_args[0][0], spread)

    def test_vcpus_are_on_a_cpu_each_or_it_is_an_error(self):
        names = {'10': 'qemu-system-x86', '12': 'CPU 1/KVM', '11': 'CPU 0/KVM'}
        with unittest.mock.patch('os.listdir', return_value=list(names)), unittest.mock.patch('os.sched_setaffinity') as move, \
                unittest.mock.patch.object(session, 'read', lambda path: names[path.split('/')[-2]] + '\n'):
            session.pin_vcpus(10, [5, 7])
            self.assertEqual(sorted(call[0] for call in move.call_args_list), [(11, {5}), (12, {7})])
            with self.assertRaisesRegex(RuntimeError, 'not those of 3 vCPUs.*CPU 0/KVM, CPU 1/KVM, qemu'):
                session.pin_vcpus(10, [5, 7, 9])

    def test_statistics_of_a_multipath_disk_are_its_paths(self):
        self.machine.file('sys/class/block/nvme0c0n1/stat', '')
        self.assertTrue(self.host.device(BDF).statistics('nvme0n1').endswith('nvme0c0n1/stat'))


    def test_of_several_namespaces_the_first_is_measured_by_its_number(self):
        drive = f'{self.machine.device(BDF)}/nvme/nvme0'
        self.machine.file(f'{drive}/nvme0n1/nsid', '7')
        for name, nsid in ('nvme0n2', 3), ('nvme0n3', 12):
            self.machine.file(f'{drive}/{name}/nsid', str(nsid))
            self.machine.file(f'{drive}/{name}/size', '8')
            self.machine.link(f'sys/class/block/{name}', f'{drive}/{name}')
        device = self.host.device(BDF)
        self.assertEqual(device.namespace(), Namespace(3, 'nvme0n2', 4096))
        self.assertEqual(device.namespace(7).disk, 'nvme0n1')
        with self.assertRaisesRegex(RuntimeError, 'namespace 4 is gone'):
            device.namespace(4)


class Plan(unittest.TestCase):
    def test_what_only_reads_tells_fio_so(self):
        for job in workloads.nvme(True):
            self.assertEqual('--readonly' in job.fio('disk', 1 << 30, 1), not job.writes)

    def test_fio_is_told_parts_of_seconds_as_it_takes_them(self):
        words = workloads.ROWS[0].fio('disk', 1 << 30, 2.5, ramp=0)
        self.assertTrue({'--runtime=2500ms', '--ramp_time=0ms'} <= set(words), words)

    def test_the_order_is_there_and_back(self):
        request = refusals.Request(None, 'nvme', None, ('qemu',))
        self.assertEqual(nvme.order(request, 2), ['host', 'torc', 'qemu', 'qemu', 'torc', 'host'] * 2)

    def test_writes_are_last_and_only_when_asked_for(self):
        self.assertFalse(any(job.writes for job in workloads.nvme(False)))
        names = [job.writes for job in workloads.nvme(True)]
        self.assertEqual(names, sorted(names))

    def test_the_estimate_is_corrected_by_what_runs_took(self):
        clock = [100.0]
        with unittest.mock.patch.object(session, 'now', lambda: clock[0]):
            progress = session.Progress([('host', 10), ('torc', 50), ('torc', 50), ('host', 10)])
            self.assertEqual(progress.left(), 120)
            progress.next_run()
            clock[0] += 20
            progress.next_run()
            self.assertEqual(progress.left(), 50 + 50 + 20)
            clock[0] += 90
            progress.next_run()
            self.assertEqual(progress.left(), 90 + 20)

    def test_what_it_will_do_is_said_first(self):
        with Machine() as machine:
            request = machine.request(destructive=True)
            measured = session.Session(request, '/out', (), ())
            order = nvme.order(request, 1)
            lines = dict(command.plan(request, measured, nvme.jobs(request), order, 3, '/out'))
        self.assertIn(f'{BDF}, Fast Drive, driver nvme, IOMMU group 7', lines['device'])
        self.assertRegex(lines['drive'], r'namespace 1 \(nvme0n1\); WRITES')
        self.assertIn('torc-vfio unbind', lines['device goes'])
        self.assertRegex(lines['takes'], r'about \d+ (s|min)')


if __name__ == '__main__':
    unittest.main()
