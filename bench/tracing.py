# SPDX-License-Identifier: Apache-2.0
"""What the host's kernel counts of a VMM and its guest: KVM's counters, tracepoints, system calls."""
import errno
import glob
import os
import re
import time

TRACING = '/sys/kernel/tracing'
KVM = '/sys/kernel/debug/kvm'

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


def total_exits(name='exits'):
    """KVM's own counter of all exits, or halt_exits and the like: there without any tracing."""
    return int(read(f'{KVM}/{name}'))


def machines():
    """Folders of KVM's counters of each virtual machine; their names begin with the thread that has made it."""
    return glob.glob(f'{KVM}/[0-9]*-*')


def is_of(machine, pid):
    return os.path.basename(machine).split('-')[0] in os.listdir(f'/proc/{pid}/task')


def exits_of(pid):
    """All exits of a VMM's guest. None where the kernel does not tell: locked down, it shows no counter that can be reset."""
    own = [folder for folder in machines() if is_of(folder, pid)]
    try:
        return sum(int(read(f'{folder}/exits')) for folder in own) if own else None
    except OSError:
        return None


def device_interrupts():
    """Interrupts of passed-through devices that the host took."""
    return sum(int(word) for line in read('/proc/interrupts').splitlines() if ' vfio-' in line
               for word in line.split()[1:] if word.isdigit())


def difference(after, before):
    counts = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count}


def less(after, before):
    """None where one is not known."""
    return None if None in (after, before) else after - before


def private_memory(pid, ram_mib):
    """KiB of private memory beside the guest's RAM, by what it is."""
    parts = {}
    size, name, ram = 0, '', ram_mib * 1024
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


def window(seconds, **counters):
    """
    What these count in so many seconds, and how long it really was: functions of a number, of None where that is not known,
    or of a dict of numbers.
    """
    begin, before = now(), {name: count() for name, count in counters.items()}
    time.sleep(seconds)
    result = {'seconds': now() - begin}
    for name, count in counters.items():
        after = count()
        result[name] = difference(after, before[name]) if isinstance(after, dict) else less(after, before[name])
    return result


class Tracer:
    """A trace instance of our own: histograms of exits, and a buffer of rare events."""

    recorded = RECORDED

    def __init__(self):
        self.root = f'{TRACING}/instances/torc-bench'
        if not os.path.isdir(os.path.dirname(self.root)):
            raise FileNotFoundError(errno.ENOENT, f'there is no tracefs; mount -t tracefs tracefs {TRACING}', TRACING)
        if os.path.isdir(self.root):
            os.rmdir(self.root)
        os.mkdir(self.root)
        write(f'{self.root}/trace_clock', 'mono')
        # The print format has two tables of exit reasons: Intel's and AMD's.
        vmx, svm = read(self.event('kvm/kvm_exit', 'format')).split(') : __print_symbolic', 1)
        self.exit_names = self.symbols(svm if re.search(r'\bsvm\b', read('/proc/cpuinfo')) else vmx)
        self.user_names = self.symbols(read(self.event('kvm/kvm_userspace_exit', 'format')))

    def remove(self):
        """The instance, and what it still counts."""
        for name in [*HISTOGRAMS, 'raw_syscalls/sys_enter']:
            for trigger in re.findall(r'^(hist:.*) \[active\]$', read(self.event(name, 'trigger')), re.MULTILINE):
                write(self.event(name, 'trigger'), f'!{trigger}')
        os.rmdir(self.root)

    def event(self, name, file):
        return f'{self.root}/events/{name}/{file}'

    @staticmethod
    def symbols(text):
        """{number: name} of a print format: { 0x078, "hlt" }, { 2, "KVM_EXIT_" "IO" }."""
        pairs = re.findall(r'\{ ([0-9a-fx+ ]+), ((?:"[^"]*" ?)+)\}', text)
        return {sum(int(part, 0) for part in number.split('+')): re.sub(r'[" ]|KVM_EXIT_', '', name)
                for number, name in pairs}

    def histograms(self, enabled, names=tuple(HISTOGRAMS), threads=()):
        """@threads: count of these alone; to end it, the same once more."""
        only = ' if ' + '||'.join(f'common_pid=={thread}' for thread in threads) if threads else ''
        for name in names:
            write(self.event(name, 'trigger'), f'{"" if enabled else "!"}hist:keys={HISTOGRAMS[name]}:size=512{only}')

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
