#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count what a VMM does while a guest takes MSI-X vectors, masks one, and reads configuration space.

measure_vfio.py STAGE BDF OUT ROUNDS   what bench/vfio.sh prints, of torc and of QEMU in turn: A B B A

STAGE, BDF and OUT as for measure.py, whose counting this builds on; BDF is an NVMe controller with 65 vectors. The guest is
tests/lab/payload/vectors.c, which tells its phases apart by writes to a port. What counts between two of them:
  calls        raw_syscalls:sys_enter of all threads of the VMM, KVM_RUN aside; of ioctl() by command
  exits        kvm:kvm_userspace_exit, for ports or memory
  host IRQs    lines of /proc/interrupts that VFIO has for MSI-X, once the guest is done
"""
import glob
import os
import re
import shlex
import sys

from guests import Bench, save
from tracing import IOCTLS, Tracer, read, say, write

KVM_RUN = 0xae80
VFIO_TYPE = 0x3b  # of VFIO's commands
PORT_MARK = 0x80
# x86's numbers.
NR_IOCTL = 16
NR_PREAD = 17
# How many vectors the guest uses of those that the controller has.
VECTORS = (64, 8)
# As tests/lab/payload/vectors.c numbers them.
PHASES = ('bring-up', 'mask', 'ports id', 'ecam id', 'ports bar', 'ecam bar', 'ports status', 'ecam status')


class VfioTracer(Tracer):
    recorded = {
        'kvm/kvm_userspace_exit': '',
        'kvm/kvm_pio': f'port=={PORT_MARK}',
        'raw_syscalls/sys_enter': f'id!={NR_IOCTL}',
        'syscalls/sys_enter_ioctl': f'cmd!={KVM_RUN}',
    }

    def __init__(self):
        super().__init__()
        write(f'{self.root}/buffer_size_kb', '8192')

    def start_on(self, pid):
        """Only the threads that the process has now, and nothing before this returns."""
        write(f'{self.root}/tracing_on', '0')
        write(f'{self.root}/set_event_pid', ' '.join(os.listdir(f'/proc/{pid}/task')))
        self.start()
        write(f'{self.root}/tracing_on', '1')

    def lost(self):
        """Records that did not fit."""
        return sum(int(number) for path in glob.glob(f'{self.root}/per_cpu/cpu*/stats')
                   for number in re.findall(r'(?:overrun|dropped events): (\d+)', read(path)))


def count(records):
    """Of one phase: {what: how often}. The exit of the mark before it is none of the guest's work."""
    counts = {'exits': -1, 'calls': 0, 'vfio': 0, 'pread': 0, **dict.fromkeys(IOCTLS.values(), 0)}
    for _, event, rest in records:
        if event == 'kvm_userspace_exit':
            counts['exits'] += bool(re.search(r'KVM_EXIT_(IO|MMIO)\b', rest))
            continue
        counts['calls'] += 1
        if event == 'sys_ioctl':
            command = int(re.search(r'cmd: (?:0x)?([0-9a-f]+)', rest)[1], 16)
            counts['vfio'] += command >> 8 == VFIO_TYPE
            if command in IOCTLS:
                counts[IOCTLS[command]] += 1
        else:
            counts['pread'] += rest.startswith(f'NR {NR_PREAD} ')
    return counts


def phases(records):
    """{phase: counts} of a trace."""
    marks = [(at, int(re.search(r'val 0x([0-9a-f]+)', rest)[1], 16))
             for at, (_, event, rest) in enumerate(records) if event == 'kvm_pio']
    numbers = [number for _, number in marks]
    if numbers != [n for phase in range(1, len(PHASES) + 1) for n in (phase, 0)]:
        raise RuntimeError(f'the guest has not gone through its phases: {numbers}')
    return {PHASES[number - 1]: count(records[begin + 1:end])
            for (begin, number), (end, _) in zip(marks[::2], marks[1::2])}


def armed_interrupts():
    """What the host has set up for the vectors of passed-through devices."""
    return len(re.findall(r' vfio-msix\[', read('/proc/interrupts')))


class VfioBench(Bench):
    def __init__(self, stage, bdf):
        super().__init__(stage, bdf)
        self.kernel = f'{self.stage}/vectors'
        self.tracer = VfioTracer()

    def run_payload(self, vmm, vectors):
        with self.guest(vmm, None, True, 1, f'vectors={vectors}') as guest:
            guest.wait_for('READY', 60)
            self.tracer.start_on(guest.process.pid)
            guest.tell(b'\n')
            guest.wait_for('DONE', 120)
            self.tracer.stop()
            armed = armed_interrupts()
            if self.tracer.lost():
                raise RuntimeError(f'{self.tracer.lost()} records of the trace are lost')
            return {'vmm': vmm, 'vectors': vectors, 'armed': armed, 'command': shlex.join(guest.process.args),
                    'phases': phases(self.tracer.records())}


def summary(run):
    bring_up, mask = run['phases']['bring-up'], run['phases']['mask']
    return f'{run["armed"]} host interrupts, {bring_up["KVM_SET_GSI_ROUTING"]} KVM_SET_GSI_ROUTING, ' \
           f'{bring_up["VFIO_DEVICE_SET_IRQS"]} VFIO_DEVICE_SET_IRQS; 1,000 times masked: {mask["calls"]} system calls'


def measure_all(stage, bdf, rounds):
    bench, runs = VfioBench(stage, bdf), []
    plan = [(vmm, vectors) for vectors in VECTORS for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    for number, (vmm, vectors) in enumerate(plan, 1):
        run = bench.run_payload(vmm, vectors)
        runs.append(run)
        say(f'{number}/{len(plan)} {vmm}, {vectors} vectors: {summary(run)}')
    return {'runs': runs}


def main():
    stage, bdf, out, rounds = sys.argv[1:]
    return save(out, 'vfio', lambda: measure_all(stage, bdf, int(rounds)))


if __name__ == '__main__':
    sys.exit(main())
