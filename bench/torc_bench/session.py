# SPDX-License-Identifier: Apache-2.0
"""
What a measurement needs of the host, and that all of it goes away again: also after Ctrl-C, and after kill -9.

After kill -9: guests and what runs on the bare host are killed by the kernel (setpriv, unshare); the folder of the
initramfs is a tmpfs in a mount namespace of this process; a shell that waits for the end of this process removes the
trace instance. The device is put back by `torc-vfio unbind`.
"""
import contextlib
import ctypes
import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time

from guests import VCPU, Guest
from torc_bench import counters, initramfs, refusals
from torc_bench.error import Interrupted, Refusal
from torc_bench.vmms import HOST, VMMS, Machine
from tracing import KVM, TRACING, Tracer, is_of, machines, now, read, total_exits

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = refusals.WORK
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLONE_NEWNS = 0x20000
MOST_CPUS = 4
CMDLINE = 'console=ttyS0 quiet panic=-1'
# A guest of a slow machine, to its shell.
START_S = 600
# Once this process is gone.
MINDER = f'''read -r _
sleep 0.5
cd {TRACING}/instances/torc-bench 2>/dev/null || exit
for trigger in events/kvm/*/trigger events/raw_syscalls/*/trigger; do
	sed -n 's/ \\[active\\]$//; /^hist/s/^/!/p' $trigger | while read -r line; do echo "$line" >$trigger; done
done
cd / && rmdir {TRACING}/instances/torc-bench'''


def die_with_us(*more):
    """In front of a command: it is killed when this process ends, however that happens."""
    return ['setpriv', '--pdeathsig', 'KILL', *more]


class Progress:
    """Lines on standard error with the time and how long it may still take."""

    def __init__(self, estimates):
        """@estimates: [(system, seconds)] of each run."""
        self.estimates = estimates
        self.begin = self.began = now()
        self.at = -1
        self.took = {}

    def next_run(self):
        if self.at >= 0:
            self.took[self.estimates[self.at][0]] = now() - self.began
        self.at, self.began = self.at + 1, now()

    def left(self):
        """What one run of a system took, its other runs will take."""
        ahead = [self.took.get(system, seconds) for system, seconds in self.estimates[max(0, self.at):]]
        return max(0, sum(ahead) - (now() - self.began if self.at >= 0 else 0))

    def say(self, text):
        where = f'{self.at + 1}/{len(self.estimates)} ' if self.at >= 0 else ''
        print(f'{now() - self.begin:5.0f} s, about {duration(self.left())} left: {where}{text}', file=sys.stderr, flush=True)


def duration(seconds):
    return f'{seconds:.0f} s' if seconds < 90 else f'{seconds / 60:.0f} min'


def children():
    """Of this process."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if int(read(f'/proc/{pid}/stat').rpartition(')')[2].split()[1]) == os.getpid():
                found.append(int(pid))
    return found


def command(*words):
    """Run it. Raises with what it says."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{shlex.join(words)}: {(done.stderr or done.stdout).strip() or f"status {done.returncode}"}')
    return done.stdout


@contextlib.contextmanager
def undisturbed():
    """Ctrl-C comes at the end, and not to the programs in between: what they do is not to be left half done."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


class Session:
    """One measurement of one device. @out: a folder for logs; @programs, @modules: of the guest."""

    def __init__(self, request, out, programs, modules):
        self.request, self.host, self.device = request, request.host, request.device
        self.out, self.programs, self.modules = out, programs, modules
        self.tree, self.archive = f'{WORK}/host', f'{WORK}/guest.cpio'
        near = self.device.cpus()
        count = max(1, min(MOST_CPUS, len(near) - 1))
        self.near, self.cpus, self.others = near, near[:count], near[count:] or near
        isolated = self.host.isolated()
        self.are_isolated = bool(isolated & set(self.cpus))
        # Where a VMM's other threads are: the kernel would have all of them on the first of isolated CPUs.
        self.housekeeping = [cpu for cpu in near if cpu not in isolated] or near
        # Whether vfio-pci has it now, and whether it ever had.
        self.bound, self.moved, self.runs = False, False, 0
        self.tracer = self.lock = self.minder = self.cmdline = None
        # What cannot be counted, and why; how many other virtual machines ran at most.
        self.hidden, self.other_machines = [], 0
        self.parts = len(self.device.parts())

    def __enter__(self):
        self.take_work()
        try:
            self.set_up()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(self, kind, error, _):
        try:
            self.clean_up()
        except (RuntimeError, OSError) as failure:
            before = f'{error}\nand then ' if kind else ''
            raise RuntimeError(f'{before}putting things back: {failure}\n  remedy: torc-vfio recover') from error
        if kind and issubclass(kind, Interrupted):
            error.is_back = self.moved

    def take_work(self):
        os.makedirs(WORK, exist_ok=True)
        self.lock = os.open(WORK, os.O_RDONLY)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal(WORK, 'another torc-bench is at work', 'wait for it to end') from None

    def set_up(self):
        """Mounts are of this process and its children alone, and go with them."""
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
            raise RuntimeError(f'a mount namespace: {os.strerror(ctypes.get_errno())}')
        # Not private: what is unmounted elsewhere is to be gone here, too.
        command('mount', '--make-rslave', '/')
        command('mount', '-t', 'tmpfs', '-o', 'mode=700', 'torc-bench', WORK)
        os.mkdir(self.tree)
        used = initramfs.build(self.host, self.tree, self.programs, self.modules, f'{HERE}/guest.sh')
        self.cmdline = ' '.join([CMDLINE, *self.host.words_for_guests(used)])
        initramfs.pack(self.tree, self.archive)
        for folder in 'dev', 'proc', 'sys':
            command('mount', '--rbind', f'/{folder}', f'{self.tree}/{folder}')
        self.open_counters()
        self.minder = subprocess.Popen(['sh', '-c', MINDER], stdin=subprocess.PIPE, start_new_session=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def open_counters(self):
        """What the kernel keeps to itself is not counted, and the page says so."""
        for kind, path in ('debugfs', '/sys/kernel/debug'), ('tracefs', TRACING):
            if not os.path.exists(f'{path}/{"kvm" if kind == "debugfs" else "instances"}'):
                with contextlib.suppress(RuntimeError):
                    command('mount', '-t', kind, kind, path)
        lockdown = re.search(r'\[(\w+)\]', self.host.read('sys/kernel/security/lockdown'))
        why = f' (the kernel is locked down: {lockdown[1]})' if lockdown and lockdown[1] != 'none' else ''
        try:
            total_exits()
        except OSError as error:
            self.hidden.append(f'exits: {KVM}: {error.strerror}{why}')
        try:
            self.tracer = Tracer()
        except OSError as error:
            self.hidden.append(f'exits by reason, stages: {TRACING}: {error.strerror}{why}')

    def clean_up(self):
        """Also of half of it. A second Ctrl-C does not end it half way, nor the programs that it calls."""
        self.end_children()
        try:
            if self.bound:
                self.give_to_host()
        finally:
            if self.tracer:
                self.tracer.remove()
            if self.minder:
                self.minder.stdin.close()
                self.minder.wait()
            subprocess.run(['umount', '-R', '-l', WORK], capture_output=True, check=False)
            os.close(self.lock)
            try:
                os.rmdir(WORK)
            except OSError:
                pass

    def end_children(self):
        """
        On the way out: what this process has started, also what an exception has come between. A VMM has the device until
        it is gone.
        """
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for pid in children():
            if not self.minder or pid != self.minder.pid:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    def give(self, system):
        """Have the device where this system needs it. What must not be taken or written to is looked at again before."""
        if system == HOST and self.bound:
            self.give_to_host()
        if not self.bound:
            self.look_again()
        if system != HOST and not self.bound:
            with undisturbed():
                self.bound = self.moved = True
                command(self.host.program('torc-vfio'), 'bind', self.device.bdf)

    def renew(self):
        """Before the first run: what its user has set of the device goes now, and not between the first run and the others."""
        self.give('torc')
        self.give_to_host()

    def give_to_host(self):
        with undisturbed():
            command(self.host.program('torc-vfio'), 'unbind', self.device.bdf)
            self.bound = False
        end = now() + 60
        while len(self.device.parts()) < self.parts:
            if now() > end:
                raise RuntimeError(f'{self.device.bdf}: back with driver {self.device.driver}, and still not all of its disks '
                                   'or interfaces')
            time.sleep(0.1)
        self.settle()

    def look_again(self):
        """Right before what must not happen to a device in use. udev opens a disk that was written to, for a moment."""
        self.settle()
        refusals.look(self.request, again=True)

    def settle(self):
        """Until udev is done with what is new, names of interfaces among it."""
        program = self.host.program('udevadm')
        if program:
            subprocess.run([program, 'settle', '--timeout=30'], capture_output=True, check=False)

    def chroot(self, prefix=()):
        """The bare host in a guest's place: the same programs, on the CPUs where vCPUs would be."""
        return [*die_with_us(), *prefix, 'unshare', '--pid', '--fork', '--kill-child=KILL',
                'taskset', '-c', ','.join(map(str, self.cpus)), 'chroot', self.tree, '/bin/sh', '-c',
                'export PATH=/bin TMPDIR=/tmp; sh /job; echo TORC-GUEST-EXIT $?']

    def vmm(self, system, net='', mac='', vhost=False, device=True):
        """Its command line, near the device, for as many CPUs as the host has."""
        row = VMMS[system]
        program = next(filter(None, map(self.host.program, row.programs)))
        machine = Machine(kernel=self.host.kernel(), cmdline=self.cmdline, cpus=len(self.cpus), memory_mib=refusals.MEMORY_MIB,
                          initramfs=self.archive, device=self.device.bdf if device else '', net=net, mac=mac, vhost=vhost)
        return row.command([program], machine)

    def start(self, system, words):
        """A guest, or the bare host in its place, that waits for what it is told. @words: from chroot() or vmm()."""
        self.runs += 1
        if system != HOST:
            words = [*die_with_us(), 'taskset', '-c', ','.join(map(str, self.housekeeping)), *words]
        log = f'{self.out}/{self.runs:02}-{system}.log'
        return Guest(words, log, os.environ)

    def come_up(self, guest, system):
        expect(guest, 'TORC-IDLE', START_S)
        pid = guest.process.pid
        if system != HOST:
            pin_vcpus(pid, self.cpus)
        self.other_machines = max(self.other_machines, sum(not is_of(each, pid) for each in machines()))

    def place_vectors(self, system):
        """Once a guest has the device in use: its interrupts where no vCPU is."""
        if system != HOST:
            counters.place_vectors(self.device, self.others)

    @staticmethod
    def finish(guest):
        guest.tell(b'exit 0\n')
        guest.finish()


def names_of_threads(pid):
    return {int(task): read(f'/proc/{pid}/task/{task}/comm').strip() for task in os.listdir(f'/proc/{pid}/task')}


def vcpus_of(pid):
    """{thread: number}, whichever the VMM."""
    return {task: int(re.search(r'\d+', name)[0]) for task, name in names_of_threads(pid).items() if VCPU.match(name)}


def pin_vcpus(pid, cpus):
    """Each on a CPU of its own."""
    vcpus = vcpus_of(pid)
    if sorted(vcpus.values()) != list(range(len(cpus))):
        raise RuntimeError(f'process {pid}: its threads are not those of {len(cpus)} vCPUs, which were to be on a CPU each: '
                           f'{", ".join(sorted(names_of_threads(pid).values()))}')
    for task, number in vcpus.items():
        os.sched_setaffinity(task, {cpus[number]})


def expect(guest, pattern, timeout):
    """The match of the first line with the pattern. Raises at once when the guest's shell says that something failed."""
    _, match = guest.wait_for(f'{pattern}|TORC-(FAILED|GUEST-EXIT) .*', timeout)
    if match[0].startswith(('TORC-FAILED', 'TORC-GUEST-EXIT')):
        raise guest.failed(f'{os.path.basename(guest.log)}: {match[0]}')
    return match
