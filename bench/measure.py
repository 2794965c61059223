#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run guests on a VFIO host and count what they cost: exits, ioctls, memory, time. As root, normally in the lab.

measure.py numbers STAGE BDF OUT [ROUNDS]   what bench/numbers.sh prints, of torc and of QEMU in turn: A B B A
measure.py starts STAGE BDF OUT [ROUNDS]    the same with --against, of torc and of the other torc
measure.py demo STAGE BDF OUT               what bench/demo.sh reports of one guest of torc
measure.py virtio STAGE none OUT [ROUNDS]   what bench/virtio.sh prints of virtio disks, of torc and of QEMU in turn

STAGE (see stage() in lib.sh) holds the VMMs, a kernel and initramfs; it is copied to a tmpfs, as what lies on a
network file system would be slow to start. BDF is an NVMe drive bound to vfio-pci, or "none". OUT receives the results as JSON.

Everything is counted by the host's kernel and not by the VMM, so that all VMMs are measured alike:
  exits        histogram triggers on kvm:kvm_exit and kvm:kvm_userspace_exit, read before and after a window
  I/Os         what the guest's block layer completed in a window of the same length at the same time
  start        sched:sched_process_exec of the VMM to its first kvm:kvm_entry; the first kvm_exit disables that event
  first line   a thread reads what the guest prints and stamps every line with the clock of the trace
  ioctls       syscalls:sys_enter_ioctl, filtered for a few commands
  system calls of all threads of the VMM: raw_syscalls:sys_enter, counted by thread
  bursts       kvm:kvm_mmio, for the guest's writes to the MSI-X table
  memory       Private_* of /proc/PID/smaps, all mappings but the guest's RAM
A second window without histograms, right after, shows what tracing itself costs.
"""
import os
import shlex
import subprocess
import sys
import time

from guests import BEFORE_WINDOW_S, CMDLINE, WORK, Bench, rates, save
from tracing import say, total_exits, window


def disk_load(bench, guest, depth):
    """Counts while fio reads from a virtio disk; nothing is traced but the system calls."""
    tracer, pid = bench.tracer, guest.process.pid
    tracer.count_system_calls(True)
    guest.wait_for(f'TORC-WINDOW {depth}$', 60)
    time.sleep(BEFORE_WINDOW_S)
    counted = window(2.5, exits=total_exits, calls=lambda: tracer.system_calls(pid))
    tracer.count_system_calls(False)
    # The guest's second window: with nothing counted at all.
    traced, plain = rates(guest, depth)
    ios = traced * counted['seconds']
    return {'iops': plain, 'exits_per_io': counted['exits'] / ios, 'calls_per_io': counted['calls'] / ios}


def disk_run(bench, vmm, disk):
    bench.disk = disk
    with bench.guest(vmm, 'io', False, 1, CMDLINE) as guest:
        result = {'vmm': vmm, 'disk': disk, 'command': shlex.join(guest.process.args)}
        guest.wait_for('TORC-IDLE', 90)
        result['load'] = {depth: disk_load(bench, guest, depth) for depth in ('1', '32')}
        guest.finish()
    return result


def virtio(bench, rounds):
    subprocess.run(['modprobe', 'null_blk', 'gb=1'], check=True)
    file = f'{WORK}/disk'
    with open(file, 'wb') as image:
        for _ in range(64):
            image.write(os.urandom(1 << 20))
    runs = []
    plan = [(vmm, disk) for disk in ('/dev/nullb0', file) for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    for number, (vmm, disk) in enumerate(plan, 1):
        run = disk_run(bench, vmm, disk)
        runs.append(run)
        text = '; '.join(f'QD{depth} {load["iops"]:,.0f} IOPS, {load["calls_per_io"]:.2f} system calls and '
                         f'{load["exits_per_io"]:.2f} exits per I/O' for depth, load in run['load'].items())
        say(f'{number}/{len(plan)} {vmm}, {os.path.basename(disk)}: {text}')
    return {'runs': runs}


def summary(run):
    text = f'first instruction {run["entry_ms"]:.0f} ms, first line {run["line_ms"]:.0f} ms, ' \
           f'{sum(run["user_exits"].values())} userspace exits, {sum(run["private_kib"].values()) / 1024:.1f} MiB'
    for depth, load in run.get('load', {}).items():
        window = load['traced']
        text += f'; QD{depth} {sum(window["exits"].values()) / window["ios"]:.2f} exits per I/O'
    return text


def run_plan(bench, plan):
    """@plan: what Bench.run() wants of each guest. Each VMM is warmed up before."""
    runs = []
    for vmm in dict.fromkeys(vmm for vmm, *_ in plan):
        say(f'warming up {vmm}')
        bench.run(vmm, 'boot', False)
    for number, (vmm, initramfs, device, cpus) in enumerate(plan, 1):
        run = bench.run(vmm, initramfs, device, cpus)
        runs.append(run)
        say(f'{number}/{len(plan)} {vmm}, {cpus} vCPU, {"NVMe" if device else "no device"}: {summary(run)}')
    return {'runs': runs}


def numbers(bench, rounds):
    plan = [(vmm, 'boot', False, 1) for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    plan += [(vmm, 'io', True, 1) for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    plan += [(vmm, 'boot', True, 4) for vmm in ('torc', 'qemu')]
    return run_plan(bench, plan)


def starts(bench, rounds):
    return run_plan(bench, [(vmm, 'boot', device, 1) for device in (False, True)
                            for vmm in ['torc', 'other', 'other', 'torc'] * rounds])


def demo(bench):
    say('torc boots a guest with the drive')
    run = bench.run('torc', 'io', True, 4, f'{CMDLINE} verify=32m')
    say(summary(run))
    return run


def main():
    what, stage, bdf, out, *rest = sys.argv[1:]
    measure = {'demo': demo, 'numbers': numbers, 'starts': starts, 'virtio': virtio}[what]
    return save(out, what, lambda: measure(Bench(stage, bdf), *(int(number) for number in rest)))


if __name__ == '__main__':
    sys.exit(main())
