# SPDX-License-Identifier: Apache-2.0
"""VMMs that run a guest each, which is waited for, measured and ended. See measure.py for how."""
import contextlib
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import time

from torc_bench.host import numbers
from torc_bench.vmms import VMMS, Machine
from tracing import IOCTLS, Tracer, device_interrupts, now, private_memory, read, say, total_exits, window

WORK = '/run/torc-bench'
RAM_MIB = 512
CMDLINE = 'console=ttyS0 quiet panic=-1'
# What any VMM calls the threads of its vCPUs.
VCPU = re.compile('|'.join({vmm.vcpu for vmm in VMMS.values()}))
# From TORC-WINDOW to the first sample; see guest.sh.
BEFORE_WINDOW_S = 0.4

# Unmasks that are further apart belong to different bursts: BATCH_QUIET_NS of vfio/batch.c.
BURST_S = 0.010


def cpus_near(bdf):
    """The CPUs of the device's node."""
    return os.sched_getaffinity(0) & numbers(read(f'/sys/bus/pci/devices/{bdf}/local_cpulist'))


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
                    raise self.failed(f'waiting for "{pattern}" from {os.path.basename(self.log)}: {why}')
                self.changed.wait(0.5)

    def failed(self, why):
        """What to raise: why, and what was said last."""
        return RuntimeError('\n'.join([why, *(line[:300] for _, line in self.lines[-8:])]))

    def tell(self, data):
        """Type it on the serial line."""
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failed(f'{os.path.basename(self.log)}: the VMM ended') from None

    def matching(self, pattern):
        return [match for match in (re.match(pattern, line) for _, line in self.lines) if match]

    def finish(self):
        """Wait for the guest to power off. Raises if that fails."""
        _, match = self.wait_for(r'TORC-GUEST-EXIT (\d+)', 60)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            raise self.failed(f'{os.path.basename(self.log)}: the guest is off, and the VMM does not end') from None
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
            # Where it hangs, unless that is what was asked for (Ctrl-C).
            if kind and issubclass(kind, Exception):
                with contextlib.suppress(OSError):
                    exits = total_exits()
                    time.sleep(1)
                    say(f'threads, with {total_exits() - exits} exits in a second:\n{self.threads()}')
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


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
        programs = {'torc': [f'{self.stage}/torc/torc'], 'other': [f'{self.stage}/other/torc'],
                    'qemu': [f'{qemu}/ld.so', '--library-path', f'{qemu}/lib', f'{qemu}/qemu-system-x86_64',
                             '-L', f'{qemu}/share']}
        return VMMS['torc' if vmm == 'other' else vmm].command(programs[vmm], Machine(
            kernel=self.kernel, cmdline=cmdline, cpus=cpus, memory_mib=RAM_MIB, disk=self.disk,
            initramfs=f'{self.stage}/{initramfs}.cpio' if initramfs else '', device=self.bdf if device else ''))

    def guest(self, vmm, *args):
        self.runs += 1
        # torc's libraries, as QEMU's, from the tmpfs.
        environ = os.environ if vmm == 'qemu' else dict(os.environ, LD_LIBRARY_PATH=f'{self.stage}/{vmm}')
        return Guest(self.command(vmm, *args), f'{WORK}/{self.runs:02}-{vmm}.log', environ)

    def run(self, vmm, initramfs, device, cpus=1, cmdline=CMDLINE):
        """One guest from exec to power-off. What it measures follows from what the guest has to say."""
        self.trace_start()
        with self.guest(vmm, initramfs, device, cpus, cmdline) as guest:
            result = {'vmm': vmm, 'device': device, 'cpus': cpus, 'command': shlex.join(guest.process.args),
                      **self.come_up(guest, device)}
            if initramfs == 'io':
                if 'verify' in cmdline:
                    say('fio writes and verifies in the guest')
                    guest.wait_for('TORC-FIO verify', 90)
                self.pin(guest, cpus)
                result['load'] = {depth: self.load(guest, depth) for depth in ('1', '32')}
            guest.finish()
            result['fio'] = {match[1]: json.loads(match[2])
                             for match in guest.matching(r'TORC-FIO (\w+) (\{.*)')}
            for when in 'before', 'after':
                result[f'irq_{when}'] = [match[1] for match in guest.matching(rf'TORC-IRQ {when} (.*)')]
        return result

    def trace_start(self):
        self.tracer.histograms(True)
        self.tracer.start()

    def come_up(self, guest, device):
        """Wait until the guest is idle. Return: what that took, since trace_start()."""
        tracer = self.tracer
        first, _ = guest.wait_for('TORC-GUEST-READY', 90)
        result = {'user_exits': tracer.user_exits(), 'exits': tracer.exits()}
        guest.wait_for('TORC-IDLE', 60)
        tracer.stop()
        tracer.histograms(False)
        time.sleep(0.7)
        result['private_kib'] = private_memory(guest.process.pid, RAM_MIB)
        return {**result, **self.start_up(guest, first, device)}

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

    def pin(self, guest, vcpus):
        """
        @vcpus: how many it has; 0: they stay where they are. The vCPU on one CPU of the drive's node, the drive's interrupts
        on another, whichever the VMM: on one and the same a guest takes an interrupt for each request, on two they share,
        and the host places them by chance.
        """
        cpus = cpus_near(self.bdf)
        if len(cpus) < 2:
            return
        vcpu, interrupts = sorted(cpus)[:2]
        threads = [int(os.path.basename(task)) for task in glob.glob(f'/proc/{guest.process.pid}/task/*')
                   if VCPU.match(read(f'{task}/comm'))]
        if vcpus not in (0, len(threads)):
            raise RuntimeError(f'{os.path.basename(guest.log)}: {len(threads)} threads have the name of a vCPU, not {vcpus}')
        for thread in threads if vcpus else []:
            os.sched_setaffinity(thread, {vcpu})
        for irq in re.findall(r'^ *(\d+):.* vfio-', read('/proc/interrupts'), re.MULTILINE):
            with open(f'/proc/irq/{irq}/smp_affinity_list', 'w', encoding='ascii') as file:
                file.write(str(interrupts))

    def load(self, guest, depth):
        """Exits while fio reads in the guest, in a window with histograms and in one without."""
        tracer = self.tracer
        tracer.histograms(True)
        guest.wait_for(f'TORC-WINDOW {depth}$', 60)
        time.sleep(BEFORE_WINDOW_S)
        traced = window(2.5, exits=tracer.exits, user_exits=tracer.user_exits, interrupts=device_interrupts)
        tracer.histograms(False)
        plain = window(1.2, exits=lambda: {'all': total_exits()})
        for counted, iops in zip((traced, plain), rates(guest, depth)):
            counted['iops'] = iops
            counted['ios'] = iops * counted['seconds']
        guest.wait_for(f'TORC-FIO {depth} ', 60)
        return {'traced': traced, 'plain': plain}


def sampled_rates(guest, name, timeout):
    """I/Os per second in each of the guest's windows; 0 on a machine that stood still."""
    _, match = guest.wait_for(f'TORC-IOS {name} (.*)', timeout)
    sample = [float(number) for number in match[1].split()]
    return [(sample[at + 2] - sample[at]) / (sample[at + 3] - sample[at + 1]) for at in range(0, len(sample), 4)]


def rates(guest, name):
    """As sampled_rates(), where none may have stood still."""
    found = sampled_rates(guest, name, 60)
    if not all(found):
        raise RuntimeError(f'{name}: the guest completed no I/O within a window')
    return found


def save(out, name, measure):
    """What measure() returns, to OUT/NAME.json, and the VMMs' logs whatever happens. Return: the exit status."""
    try:
        results = measure()
        with open(f'{out}/{name}.json', 'w', encoding='utf-8') as file:
            json.dump(results, file, indent=1)
    except (RuntimeError, OSError) as error:
        say(f'failed: {error}')
        return 1
    finally:
        for log in glob.glob(f'{WORK}/*.log'):
            shutil.copy(log, out)
    return 0
