#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure guest memory on a VFIO host with two NUMA nodes: where it is, how fast it is there, how it is mapped for DMA.

measure_numa.py STAGE BDF OUT ROUNDS   what bench/numa.sh prints, of torc and of QEMU in turn: A B B A

STAGE, BDF (of a drive on node 1; "none" where there is none, and then nothing is mapped for DMA) and OUT as for measure.py,
whose counting this builds on. Of a guest only the first instruction counts, so that it need not be able to go on. Beside
that:
  populating   the first madvise(MADV_POPULATE_WRITE) of the VMM to the end of its last; all VMMs are held to the same CPUs
  DMA map      each VFIO_IOMMU_MAP_DMA from the system call's start to its end, added up
  where        move_pages(2) without a target for every page of guest memory; numa_maps; the CPUs of every thread
"""
import contextlib
import ctypes
import glob
import os
import re
import sys
import time

from guests import CMDLINE, WORK, Bench, Guest, save
from tracing import Tracer, now, read, say, write

NODE = '/sys/devices/system/node'
POPULATE_WRITE = 23  # linux/mman.h
MAP_DMA = 0x3b71
KVM_RUN = 0xae80


def events(trace):
    """(thread, seconds, event, rest) of each line."""
    matches = (re.match(r'.*?-(\d+) .*?\s(\d+\.\d+): (\w+)(?:: |\(| -> )(.*)', line) for line in trace.splitlines())
    return [(int(match[1]), float(match[2]), match[3], match[4]) for match in matches if match]


class MemoryTracer(Tracer):
    recorded = {
        'sched/sched_process_exec': '',
        'kvm/kvm_entry': '',
        'syscalls/sys_enter_madvise': f'behavior=={POPULATE_WRITE}',
        'syscalls/sys_exit_madvise': '',
        'syscalls/sys_enter_ioctl': f'cmd=={MAP_DMA}||cmd=={KVM_RUN}',
        'syscalls/sys_exit_ioctl': '',
    }


def first_entry(trace, begin):
    """When the guest was entered; where KVM tells nothing (some that is emulated), when KVM_RUN was called."""
    runs = [(stamp, event) for _, stamp, event, rest in events(trace)
            if stamp >= begin and (event == 'kvm_entry' or event == 'sys_ioctl' and re.search(rf'cmd: (0x)?{KVM_RUN:x}\b', rest))]
    entries = [stamp for stamp, event in runs if event == 'kvm_entry']
    return min(entries or [stamp for stamp, _ in runs], default=None)


def entry_and_exit(trace, name, command=''):
    """[(start, end)] of a system call: an entry has its arguments in brackets, an exit its result behind an arrow."""
    begun, spans = {}, []
    for line in trace.splitlines():
        match = re.match(rf'.*?-(\d+) .*?\s(\d+\.\d+): sys_{name}(\(| -> )', line)
        if not match:
            continue
        thread, stamp = int(match[1]), float(match[2])
        if match[3] == '(':
            if re.search(command, line):
                begun[thread] = stamp
        elif thread in begun:
            spans.append((begun.pop(thread), stamp))
    return spans


class MemoryBench(Bench):
    def __init__(self, stage, bdf):
        super().__init__(stage, bdf)
        self.tracer = MemoryTracer()
        self.pools = {}

    def reserve(self, pages, nodes=None):
        """So many free pages of 2 MiB, in equal parts on these nodes; on all that there are if none is said."""
        nodes = nodes or [int(name.rsplit('node', 1)[1]) for name in glob.glob(f'{NODE}/node[0-9]*')]
        for node in nodes:
            path = f'{NODE}/node{node}/hugepages/hugepages-2048kB/nr_hugepages'
            self.pools.setdefault(path, read(path))
            want = int(self.pools[path]) + pages // len(nodes)
            write('/proc/sys/vm/compact_memory', '1')
            write(path, str(want))
            if int(read(path)) < want:
                raise RuntimeError(f'node {node} has no {want} pages of 2 MiB')

    def give_back(self):
        for path, pages in self.pools.items():
            write(path, pages)
        self.pools = {}

    def torc(self, mib, pages, device, options=''):
        memory = f'size={mib}M' + {'4k': ',thp=off', 'thp': '', '2m': ',hugepages=on,hugepage_size=2M',
                                   '1g': ',hugepages=on,hugepage_size=1G'}[pages] + options
        command = [f'{self.stage}/torc/torc', '-v', '--kernel', f'{self.stage}/kernel', '--initramfs',
                   f'{self.stage}/boot.cpio', '--cmdline', CMDLINE, '--memory', memory, '--serial', 'tty',
                   '--console', 'off']
        return command + (['--device', f'path=/sys/bus/pci/devices/{self.bdf}/'] if device else [])

    def qemu(self, mib, pages, device, options=',prealloc=on'):
        kind = 'memory-backend-ram' if pages in ('4k', 'thp') else \
            f'memory-backend-memfd,hugetlb=on,hugetlbsize={pages.upper()}'
        stage = f'{self.stage}/qemu'
        command = [f'{stage}/ld.so', '--library-path', f'{stage}/lib', f'{stage}/qemu-system-x86_64', '-L',
                   f'{stage}/share', '-M', 'q35,memory-backend=ram', '-accel', 'kvm', '-cpu', 'host', '-nodefaults',
                   '-nographic', '-serial', 'stdio', '-no-reboot', '-m', str(mib), '-object',
                   f'{kind},id=ram,size={mib}M{options}', '-kernel', f'{self.stage}/kernel', '-initrd',
                   f'{self.stage}/boot.cpio', '-append', CMDLINE]
        return command + (['-device', f'vfio-pci,host={self.bdf}'] if device else [])

    def start(self, vmm, command, cpus=None, until=None):
        """Run a VMM until its guest runs (or a line tells more); what the trace says of the way there."""
        self.runs += 1
        environ = dict(os.environ, LD_LIBRARY_PATH=f'{self.stage}/torc') if vmm == 'torc' else os.environ
        if cpus:
            command = ['taskset', '-c', cpus] + command
        self.tracer.start()
        with Guest(command, f'{WORK}/{self.runs:02}-{vmm}.log', environ) as guest:
            self.wait_for_entry(guest)
            if until:
                guest.wait_for(until, 60)
            trace = read(f'{self.tracer.root}/trace')
            self.tracer.stop()
            where = self.where(guest.process.pid) if until else None
            guest.process.kill()
            guest.process.wait()
        return self.result(guest.process.pid, trace, where)

    def wait_for_entry(self, guest):
        end = now() + 120
        # Reading the trace would take a CPU from the VMM's threads.
        time.sleep(1)
        while first_entry(read(f'{self.tracer.root}/trace'), 0) is None:
            if now() > end or guest.process.poll() is not None:
                raise RuntimeError(f'{guest.log}: the guest does not start')
            time.sleep(0.3)

    @staticmethod
    def result(pid, trace, where):
        begin = [stamp for thread, stamp, event, rest in events(trace)
                 if event == 'sched_process_exec' and f' pid={pid} ' in rest][-1]
        entry = first_entry(trace, begin)
        populate = [span for span in entry_and_exit(trace, 'madvise') if span[0] >= begin]
        maps = [span for span in entry_and_exit(trace, 'ioctl', rf'cmd: (0x)?{MAP_DMA:x}\b') if span[0] >= begin]
        return {
            'entry_ms': (entry - begin) * 1000,
            'populate_ms': (max(end for _, end in populate) - min(start for start, _ in populate)) * 1000
            if populate else 0,
            'map_calls': len(maps),
            'map_ms': sum(end - start for start, end in maps) * 1000,
            'where': where,
        }

    @staticmethod
    def where(pid):
        """Pages of guest memory by node, by move_pages(2), and the CPUs of the threads."""
        libc = ctypes.CDLL(None, use_errno=True)
        counts = {}
        for line in read(f'/proc/{pid}/maps').splitlines():
            start, end, mode = re.match(r'([0-9a-f]+)-([0-9a-f]+) (\S+)', line).groups()
            start, end = int(start, 16), int(end, 16)
            # The trace is mostly holes.
            if not mode.startswith('rw') or end - start < 256 << 20 or 'torc-trace' in line:
                continue
            for at in range(start, end, 4096 << 12):
                nr = min(4096, (end - at) >> 12)
                pages = (ctypes.c_void_p * nr)(*range(at, at + (nr << 12), 4096))
                status = (ctypes.c_int * nr)()
                if libc.syscall(279, pid, ctypes.c_ulong(nr), pages, None, status, 0):
                    raise RuntimeError(f'move_pages: {os.strerror(ctypes.get_errno())}')
                for node in status:
                    counts[node] = counts.get(node, 0) + 1
        threads = {}
        for task in glob.glob(f'/proc/{pid}/task/*'):
            threads[read(f'{task}/comm').strip()] = \
                re.search(r'Cpus_allowed_list:\s*(\S+)', read(f'{task}/status'))[1]
        return {'pages': counts, 'threads': threads, 'local_cpus': read(f'{NODE}/node1/cpulist').strip()}


def run_pair(bench, runs, rounds, name, commands, **how):
    """torc and QEMU in turn, A B B A."""
    for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds:
        run = bench.start(vmm, commands[vmm], **{key: value[vmm] if isinstance(value, dict) else value
                                                for key, value in how.items()})
        runs.append({'vmm': vmm, 'name': name, **run})
        say(f'{name} {vmm}: first instruction {run["entry_ms"]:.0f} ms, populated in {run["populate_ms"]:.0f} ms, '
            f'DMA map {run["map_calls"]} calls {run["map_ms"]:.1f} ms')


def start_up(bench, runs, rounds):
    bench.reserve(1024)
    run_pair(bench, runs, rounds, 'start 2 GiB of 2 MiB pages',
             {'torc': bench.torc(2048, '2m', False, ',prefault=on'), 'qemu': bench.qemu(2048, '2m', False)})
    bench.give_back()


def populating(bench, runs, rounds):
    bench.reserve(512, [0])
    for pages in '2m', 'thp', '4k':
        with huge_pages(pages):
            # A machine that is virtual itself may have to be given its memory first.
            bench.start('torc', bench.torc(1024, pages, False, ',prefault=on'))
            for threads in 1, 2, 4:
                if threads > os.cpu_count():
                    continue
                run_pair(bench, runs, rounds, f'populate {pages} {threads}',
                         {'torc': bench.torc(1024, pages, False, ',prefault=on'),
                          'qemu': bench.qemu(1024, pages, False, f',prealloc=on,prealloc-threads={threads}')},
                         cpus=f'0-{threads - 1}')
    bench.give_back()


def mapping(bench, runs, rounds):
    if bench.bdf == 'none':
        return
    bench.reserve(512, [1])
    for pages in '4k', 'thp', '2m', '1g':
        with huge_pages(pages):
            run_pair(bench, runs, rounds, f'map {pages}',
                     {'torc': bench.torc(1024, pages, True), 'qemu': bench.qemu(1024, pages, True)},
                     until={'torc': 'mapped for DMA', 'qemu': None})
    bench.give_back()


@contextlib.contextmanager
def huge_pages(pages):
    """No transparent ones for anybody where ordinary pages are meant: QEMU has no option for that."""
    path = '/sys/kernel/mm/transparent_hugepage/enabled'
    before = re.search(r'\[(\w+)\]', read(path))[1]
    write(path, 'never' if pages == '4k' else 'always')
    try:
        yield
    finally:
        write(path, before)


def measure_all(stage, bdf, rounds):
    runs, bench = [], MemoryBench(stage, bdf)
    try:
        for part in start_up, mapping, populating:
            part(bench, runs, rounds)
    finally:
        bench.give_back()
    return {'runs': runs}


def main():
    stage, bdf, out, rounds = sys.argv[1:]
    return save(out, 'numa', lambda: measure_all(stage, bdf, int(rounds)))


if __name__ == '__main__':
    sys.exit(main())
