#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run guests on a VFIO host and count what they cost: exits, ioctls, memory, time. As root, normally in the lab.

measure.py numbers STAGE BDF OUT [ROUNDS]   what bench/numbers.sh prints, of torc and of QEMU in turn: A B B A
measure.py demo STAGE BDF OUT               what bench/demo.sh reports of one guest of torc
measure.py virtio STAGE none OUT [ROUNDS]   what bench/virtio.sh prints of virtio disks, of torc and of QEMU in turn

STAGE (see stage() in lib.sh) holds the VMMs, a kernel and initramfs; it is copied to a tmpfs, as what lies on a
network file system would be slow to start. BDF is an NVMe drive bound to vfio-pci, or "none". OUT receives the results as JSON.

Everything is counted by the host's kernel and not by the VMM, so that all VMMs are measured alike:
  exits        histogram triggers on kvm:kvm_exit and kvm:kvm_userspace_exit, read before and after a window
  I/Os         the reads that the guest's block layer completed in a window of the same length at the same time
  start        sched:sched_process_exec of the VMM to its first kvm:kvm_entry; the first kvm_exit disables that event
  first line   a thread reads what the guest prints and stamps every line with the clock of the trace
  ioctls       syscalls:sys_enter_ioctl, filtered for a few commands
  system calls of all threads of the VMM: raw_syscalls:sys_enter, counted by thread
  bursts       kvm:kvm_mmio, for the guest's writes to the MSI-X table
  memory       Private_* of /proc/PID/smaps, all mappings but the guest's RAM
A second window without histograms, right after, shows what tracing itself costs.
"""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time

TRACING = '/sys/kernel/tracing'
WORK = '/run/torc-bench'
RAM_MIB = 512
CMDLINE = 'console=ttyS0 quiet panic=-1'

# linux/kvm.h, linux/vfio.h
IOCTLS = {
    0x4008ae6a: 'KVM_SET_GSI_ROUTING',
    0x4020ae76: 'KVM_IRQFD',
    0x4020ae46: 'KVM_SET_USER_MEMORY_REGION',
    0x3b6e: 'VFIO_DEVICE_SET_IRQS',
    0x3b71: 'VFIO_IOMMU_MAP_DMA',
}
RECORDED = {
    'sched/sched_process_exec': '',
    'kvm/kvm_entry': '',
    'kvm/kvm_mmio': 'type==2',  # writes
    'syscalls/sys_enter_ioctl': '||'.join(f'cmd=={number}' for number in IOCTLS),
}
HISTOGRAMS = {'kvm/kvm_exit': 'exit_reason', 'kvm/kvm_userspace_exit': 'reason,errno'}

# Unmasks that are further apart belong to different bursts: BATCH_QUIET_NS of vfio/batch.c.
BURST_S = 0.010


def say(text):
    print(f'bench: {text}', flush=True)


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def read(path):
    with open(path, encoding='ascii', errors='replace') as file:
        return file.read()


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def total_exits():
    """KVM's own counter of all exits: there without any tracing."""
    return int(read('/sys/kernel/debug/kvm/exits'))


def device_interrupts():
    """Interrupts of passed-through devices that the host took."""
    return sum(int(word) for line in read('/proc/interrupts').splitlines() if ' vfio-' in line
               for word in line.split()[1:] if word.isdigit())


def cpu_list(text):
    """The CPUs that "0-2,5" means."""
    bounds = [[int(word) for word in part.split('-')] for part in text.strip().split(',') if part]
    return {cpu for bound in bounds for cpu in range(bound[0], bound[-1] + 1)}


def difference(after, before):
    counts = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count}


class Tracer:
    """A trace instance of our own: histograms of exits, and a buffer of rare events."""

    recorded = RECORDED

    def __init__(self):
        self.root = f'{TRACING}/instances/torc-bench'
        if os.path.isdir(self.root):
            os.rmdir(self.root)
        os.mkdir(self.root)
        write(f'{self.root}/trace_clock', 'mono')
        # The print format has two tables of exit reasons: Intel's and AMD's.
        vmx, svm = read(self.event('kvm/kvm_exit', 'format')).split(') : __print_symbolic', 1)
        self.exit_names = self.symbols(svm if re.search(r'\bsvm\b', read('/proc/cpuinfo')) else vmx)
        self.user_names = self.symbols(read(self.event('kvm/kvm_userspace_exit', 'format')))

    def event(self, name, file):
        return f'{self.root}/events/{name}/{file}'

    @staticmethod
    def symbols(text):
        """{number: name} of a print format: { 0x078, "hlt" }, { 2, "KVM_EXIT_" "IO" }."""
        pairs = re.findall(r'\{ ([0-9a-fx+ ]+), ((?:"[^"]*" ?)+)\}', text)
        return {sum(int(part, 0) for part in number.split('+')): re.sub(r'[" ]|KVM_EXIT_', '', name)
                for number, name in pairs}

    def histograms(self, enabled):
        for name, keys in HISTOGRAMS.items():
            write(self.event(name, 'trigger'), f'{"" if enabled else "!"}hist:keys={keys}:size=512')

    def count_system_calls(self, enabled):
        write(self.event('raw_syscalls/sys_enter', 'trigger'),
              f'{"" if enabled else "!"}hist:keys=common_pid:size=4096')

    def system_calls(self, pid):
        """Of all threads of a process that live, since count_system_calls(True)."""
        text = read(self.event('raw_syscalls/sys_enter', 'hist'))
        counts = {int(thread): int(hits)
                  for thread, hits in re.findall(r'common_pid: *(\d+) *\} hitcount: *(\d+)', text)}
        return sum(counts.get(int(os.path.basename(task)), 0) for task in glob.glob(f'/proc/{pid}/task/*'))

    def start(self):
        write(f'{self.root}/trace', '')
        write(self.event('kvm/kvm_exit', 'trigger'), 'disable_event:kvm:kvm_entry:1')
        for name, condition in self.recorded.items():
            write(self.event(name, 'filter'), condition or '0')
            write(self.event(name, 'enable'), '1')

    def stop(self):
        for name in self.recorded:
            write(self.event(name, 'enable'), '0')
        write(self.event('kvm/kvm_exit', 'trigger'), '!disable_event:kvm:kvm_entry')

    def records(self):
        """(seconds, event, rest) of what start() to stop() recorded."""
        matches = (re.match(r'.*?\s(\d+\.\d+): (\w+)(?:: |\()(.*)', line)
                   for line in read(f'{self.root}/trace').splitlines())
        return [(float(match[1]), match[2], match[3]) for match in matches if match]

    def exits(self):
        """{reason: count} since histograms(True)."""
        text = read(self.event('kvm/kvm_exit', 'hist'))
        return {self.exit_names.get(int(key), key): int(hits)
                for key, hits in re.findall(r'exit_reason: *(\d+) *\} hitcount: *(\d+)', text)}

    def user_exits(self):
        counts = {}
        text = read(self.event('kvm/kvm_userspace_exit', 'hist'))
        for key, errno, hits in re.findall(r'reason: *(\d+), errno: *(-?\d+) *\} hitcount: *(\d+)', text):
            signal = int(errno) & 1 << 31
            name = 'signal' if signal else self.user_names.get(int(key), key)
            counts[name] = counts.get(name, 0) + int(hits)
        return counts


class Guest:
    """A VMM that runs, and the lines that its guest prints. Killed on the way out if it has not ended."""

    def __init__(self, command, log, environ):
        self.lines = []
        self.changed = threading.Condition()
        self.closed = False
        self.log = log
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environ)
        self.reader = threading.Thread(target=self.collect)
        self.reader.start()

    def collect(self):
        with open(self.log, 'wb', buffering=0) as log:
            for line in self.process.stdout:
                stamp = now()
                log.write(line)
                with self.changed:
                    self.lines.append((stamp, line.decode(errors='replace').strip()))
                    self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wait_for(self, pattern, timeout):
        """(time, match) of the first line that has the pattern."""
        end, seen = now() + timeout, 0
        with self.changed:
            while True:
                for stamp, line in self.lines[seen:]:
                    match = re.search(pattern, line)
                    if match:
                        return stamp, match
                seen = len(self.lines)
                if self.closed or now() > end:
                    why = 'the VMM ended' if self.closed else f'nothing for {timeout} s'
                    last = '\n'.join(line for _, line in self.lines[-8:])
                    raise RuntimeError(f'waiting for "{pattern}" from {os.path.basename(self.log)}: {why}\n{last}')
                self.changed.wait(0.5)

    def tell(self, data):
        """Type it on the serial line."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def matching(self, pattern):
        return [match for match in (re.match(pattern, line) for _, line in self.lines) if match]

    def finish(self):
        """Wait for the guest to power off. Raises if that fails."""
        _, match = self.wait_for(r'TORC-GUEST-EXIT (\d+)', 60)
        status = self.process.wait(15)
        if match[1] != '0' or status != 0:
            raise RuntimeError(f'{os.path.basename(self.log)}: the guest\'s status is {match[1]}, the VMM\'s {status}')

    def threads(self):
        """What a VMM that hangs is at: each thread's name, state, CPU ticks and where it waits."""
        lines = []
        for task in glob.glob(f'/proc/{self.process.pid}/task/*'):
            state = read(f'{task}/stat').rsplit(') ', 1)[1].split()
            lines.append(' '.join([read(f'{task}/comm').strip(), state[0], *state[11:13], read(f'{task}/wchan')]))
        return '\n'.join(lines)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind:
                exits = total_exits()
                time.sleep(1)
                say(f'threads, with {total_exits() - exits} exits in a second:\n{self.threads()}')
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def private_memory(pid):
    """KiB of private memory beside the guest's RAM, by what it is."""
    parts = {}
    size, name, ram = 0, '', RAM_MIB * 1024
    for line in read(f'/proc/{pid}/smaps').splitlines():
        head = re.match(r'([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)', line)
        if head:
            size = (int(head[2], 16) - int(head[1], 16)) // 1024
            name = os.path.basename(head[3]) or 'anonymous'
        elif re.match('Private_(Clean|Dirty|Hugetlb):', line):
            kib = int(line.split()[1])
            # The kernel joins neighbours: what a mapping has beyond the size of the RAM is something else.
            kib = kib if size < ram * 0.9 else min(kib, max(0, size - ram))
            parts[name] = parts.get(name, 0) + kib
    return {name: kib for name, kib in sorted(parts.items(), key=lambda part: -part[1]) if kib}


def msix_table(bdf):
    """(BAR, offset, bytes) of the device's MSI-X table, from its configuration space."""
    with open(f'/sys/bus/pci/devices/{bdf}/config', 'rb') as file:
        config = file.read()
    position = config[0x34] & 0xfc
    while position:
        if config[position] == 0x11:
            table = int.from_bytes(config[position + 4:position + 8], 'little')
            vectors = (int.from_bytes(config[position + 2:position + 4], 'little') & 0x7ff) + 1
            return table & 7, table & ~7, vectors * 16
        position = config[position + 1] & 0xfc
    raise RuntimeError(f'{bdf} has no MSI-X')


class Bench:
    def __init__(self, stage, bdf):
        say('copying VMMs, kernel and initramfs to a tmpfs')
        shutil.rmtree(WORK, ignore_errors=True)
        os.makedirs(WORK)
        self.stage = f'{WORK}/stage'
        shutil.copytree(stage, self.stage)
        self.bdf = bdf
        self.table = msix_table(bdf) if bdf != 'none' else None
        self.disk = None
        self.kernel = f'{self.stage}/kernel'
        self.tracer = Tracer()
        self.runs = 0

    def command(self, vmm, initramfs, device, cpus, cmdline):
        qemu = f'{self.stage}/qemu'
        if vmm == 'torc':
            command = [f'{self.stage}/torc/torc', '--kernel', self.kernel, '--cmdline', cmdline, '--cpus', str(cpus),
                       '--memory', f'size={RAM_MIB}M', '--serial', 'tty', '--console', 'off']
            if initramfs:
                command += ['--initramfs', f'{self.stage}/{initramfs}.cpio']
            if self.disk:
                command += ['--disk', f'path={self.disk}' + (',direct=on' if self.disk.startswith('/dev') else '')]
            return command + (['--device', f'path=/sys/bus/pci/devices/{self.bdf}/'] if device else [])
        command = [f'{qemu}/ld.so', '--library-path', f'{qemu}/lib', f'{qemu}/qemu-system-x86_64',
                   '-L', f'{qemu}/share', '-M', 'q35', '-accel', 'kvm', '-cpu', 'host', '-nodefaults', '-nographic',
                   '-serial', 'stdio', '-no-reboot', '-smp', str(cpus), '-m', str(RAM_MIB),
                   '-kernel', self.kernel, '-append', cmdline]
        if initramfs:
            command += ['-initrd', f'{self.stage}/{initramfs}.cpio']
        if self.disk:
            driver, direct = ('host_device', 'on') if self.disk.startswith('/dev') else ('file', 'off')
            command += ['-object', 'iothread,id=io0', '-blockdev',
                        f'driver={driver},filename={self.disk},node-name=disk,aio=io_uring,cache.direct={direct}',
                        '-device', 'virtio-blk-pci,drive=disk,iothread=io0']
        return command + (['-device', f'vfio-pci,host={self.bdf}'] if device else [])

    def guest(self, vmm, *args):
        self.runs += 1
        # torc's libraries, as QEMU's, from the tmpfs.
        environ = dict(os.environ, LD_LIBRARY_PATH=f'{self.stage}/torc') if vmm == 'torc' else os.environ
        return Guest(self.command(vmm, *args), f'{WORK}/{self.runs:02}-{vmm}.log', environ)

    def run(self, vmm, initramfs, device, cpus=1, cmdline=CMDLINE):
        """One guest from exec to power-off. What it measures follows from what the guest has to say."""
        tracer = self.tracer
        result = {'vmm': vmm, 'device': device, 'cpus': cpus}
        tracer.histograms(True)
        tracer.start()
        with self.guest(vmm, initramfs, device, cpus, cmdline) as guest:
            result['command'] = shlex.join(guest.process.args)
            first, _ = guest.wait_for('TORC-GUEST-READY', 90)
            result['user_exits'], result['exits'] = tracer.user_exits(), tracer.exits()
            guest.wait_for('TORC-IDLE', 60)
            tracer.stop()
            tracer.histograms(False)
            time.sleep(0.7)
            result['private_kib'] = private_memory(guest.process.pid)
            result.update(self.start_up(guest, first, device))
            if initramfs == 'io':
                if 'verify' in cmdline:
                    say('fio writes and verifies in the guest')
                    guest.wait_for('TORC-FIO verify', 90)
                self.pin(guest)
                result['load'] = {depth: self.load(guest, depth) for depth in ('1', '32')}
            guest.finish()
            result['fio'] = {match[1]: json.loads(match[2])
                             for match in guest.matching(r'TORC-FIO (\w+) (\{.*)')}
            for when in 'before', 'after':
                result[f'irq_{when}'] = [match[1] for match in guest.matching(rf'TORC-IRQ {when} (.*)')]
        return result

    def start_up(self, guest, first, device):
        """What the trace buffer says about the way to the idle guest."""
        records = self.tracer.records()
        start = next(stamp for stamp, event, rest in records
                     if event == 'sched_process_exec' and f' pid={guest.process.pid} ' in rest)
        entry = next(stamp for stamp, event, _ in records if event == 'kvm_entry' and stamp >= start)
        calls = dict.fromkeys(IOCTLS.values(), 0)
        for stamp, event, rest in records:
            match = re.search(r'cmd: (?:0x)?([0-9a-f]+)', rest)
            if event == 'sys_ioctl' and match and stamp >= start:
                calls[IOCTLS[int(match[1], 16)]] += 1
        result = {'entry_ms': (entry - start) * 1000, 'line_ms': (first - start) * 1000, 'ioctls': calls}
        if device:
            unmasks = self.unmasks(guest, records)
            result['unmasks'] = len(unmasks)
            result['bursts'] = sum(1 for i, stamp in enumerate(unmasks)
                                   if i == 0 or stamp - unmasks[i - 1] > BURST_S)
            result['vectors'] = len(guest.matching('TORC-IRQ before'))
        return result

    def unmasks(self, guest, records):
        """When the guest unmasked an MSI-X vector."""
        bar, offset, size = self.table
        base = int(guest.matching('TORC-RESOURCE (0x[0-9a-f]+)')[bar][1], 16) + offset
        stamps = []
        for stamp, event, rest in records:
            match = re.search(r'gpa 0x([0-9a-f]+) val 0x([0-9a-f]+)', rest)
            if event != 'kvm_mmio' or not match:
                continue
            gpa, value = int(match[1], 16), int(match[2], 16)
            if 0 <= gpa - base < size and (gpa - base) % 16 == 12 and not value & 1:
                stamps.append(stamp)
        return stamps

    def pin(self, guest):
        """
        The vCPU on one CPU of the drive's node, the drive's interrupts on another, whichever the VMM: on one and the
        same a guest takes an interrupt for each request, on two they share, and the host places them by chance.
        """
        cpus = os.sched_getaffinity(0) & cpu_list(read(f'/sys/bus/pci/devices/{self.bdf}/local_cpulist'))
        if len(cpus) < 2:
            return
        vcpu, interrupts = sorted(cpus)[:2]
        for task in glob.glob(f'/proc/{guest.process.pid}/task/*'):
            if re.match(r'vcpu\d|CPU \d+/KVM', read(f'{task}/comm')):
                os.sched_setaffinity(int(os.path.basename(task)), {vcpu})
        for irq in re.findall(r'^ *(\d+):.* vfio-', read('/proc/interrupts'), re.MULTILINE):
            with open(f'/proc/irq/{irq}/smp_affinity_list', 'w', encoding='ascii') as file:
                file.write(str(interrupts))

    def load(self, guest, depth):
        """Exits while fio reads in the guest, in a window with histograms and in one without."""
        tracer = self.tracer
        tracer.histograms(True)
        guest.wait_for(f'TORC-WINDOW {depth}$', 60)
        time.sleep(0.4)
        begin, user, kvm, interrupts = now(), tracer.user_exits(), tracer.exits(), device_interrupts()
        time.sleep(2.5)
        traced = {'seconds': now() - begin, 'exits': difference(tracer.exits(), kvm),
                  'user_exits': difference(tracer.user_exits(), user), 'interrupts': device_interrupts() - interrupts}
        tracer.histograms(False)
        begin, exits = now(), total_exits()
        time.sleep(1.2)
        plain = {'seconds': now() - begin, 'exits': {'all': total_exits() - exits}}
        _, match = guest.wait_for(f'TORC-READS {depth} (.*)', 60)
        sample = [float(number) for number in match[1].split()]
        for window, at in (traced, 0), (plain, 4):
            window['iops'] = (sample[at + 2] - sample[at]) / (sample[at + 3] - sample[at + 1])
            window['ios'] = window['iops'] * window['seconds']
            if not window['ios']:
                raise RuntimeError(f'queue depth {depth}: the guest completed no read within {window["seconds"]:.1f} s')
        guest.wait_for(f'TORC-FIO {depth} ', 60)
        return {'traced': traced, 'plain': plain}


def disk_load(bench, guest, depth):
    """Counts while fio reads from a virtio disk; nothing is traced but the system calls."""
    tracer = bench.tracer
    tracer.count_system_calls(True)
    guest.wait_for(f'TORC-WINDOW {depth}$', 60)
    time.sleep(0.4)
    begin, exits, calls = now(), total_exits(), tracer.system_calls(guest.process.pid)
    time.sleep(2.5)
    seconds = now() - begin
    window = {'exits': total_exits() - exits, 'calls': tracer.system_calls(guest.process.pid) - calls}
    tracer.count_system_calls(False)
    _, match = guest.wait_for(f'TORC-READS {depth} (.*)', 60)
    sample = [float(number) for number in match[1].split()]
    # The guest's second window: with nothing counted at all.
    traced, plain = ((sample[at + 2] - sample[at]) / (sample[at + 3] - sample[at + 1]) for at in (0, 4))
    if not traced or not plain:
        raise RuntimeError(f'queue depth {depth}: the guest completed no read')
    ios = traced * seconds
    return {'iops': plain, 'exits_per_io': window['exits'] / ios, 'calls_per_io': window['calls'] / ios}


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


def numbers(bench, rounds):
    runs = []
    for vmm in 'torc', 'qemu':
        say(f'warming up {vmm}')
        bench.run(vmm, 'boot', False)
    plan = [(vmm, 'boot', False, 1) for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    plan += [(vmm, 'io', True, 1) for vmm in ['torc', 'qemu', 'qemu', 'torc'] * rounds]
    plan += [(vmm, 'boot', True, 4) for vmm in ('torc', 'qemu')]
    for number, (vmm, initramfs, device, cpus) in enumerate(plan, 1):
        run = bench.run(vmm, initramfs, device, cpus)
        runs.append(run)
        say(f'{number}/{len(plan)} {vmm}, {cpus} vCPU, {"NVMe" if device else "no device"}: {summary(run)}')
    return {'runs': runs}


def demo(bench):
    say('torc boots a guest with the drive')
    run = bench.run('torc', 'io', True, 4, f'{CMDLINE} verify=32m')
    say(summary(run))
    return run


def save(out, name, measure):
    """What measure() returns, to OUT/NAME.json, and the VMMs' logs whatever happens. Return: the exit status."""
    try:
        results = measure()
        with open(f'{out}/{name}.json', 'w', encoding='utf-8') as file:
            json.dump(results, file, indent=1)
    except RuntimeError as error:
        say(f'failed: {error}')
        return 1
    finally:
        for log in glob.glob(f'{WORK}/*.log'):
            shutil.copy(log, out)
    return 0


def main():
    what, stage, bdf, out, *rest = sys.argv[1:]
    measure = {'demo': demo, 'numbers': numbers, 'virtio': virtio}[what]
    return save(out, what, lambda: measure(Bench(stage, bdf), *(int(number) for number in rest)))


if __name__ == '__main__':
    sys.exit(main())
