#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure disks, network and start of the bare host, of torc and of QEMU in turn, and torc's options for low latency.

measure_lab.py STAGE BDF OUT ROUNDS CPUS   what bench/lab.sh prints; A B B A: host, torc, QEMU, QEMU, torc, host

STAGE, BDF and OUT as for measure.py, which says how things are counted; BDF is the lab's scratch drive, with its own
driver. CPUS is how many the machine has that emulates the lab.
The guest does what it is told over its serial line; see guest.sh. The bare host does the same in a chroot of the
guest's initramfs: one fio, one ping and one iperf3 for all, on the same disks.
"""
import os
import shlex
import statistics
import subprocess
import sys
import time

from guests import BEFORE_WINDOW_S, CMDLINE, RAM_MIB, WORK, Bench, Guest, cpus_near, rates, save
from torc_bench.metrics import PERCENTILES
from torc_bench.nvme import fio_metrics
from tracing import read, say, total_exits, window, write

HERE = os.path.dirname(os.path.abspath(__file__))
BIND = f'{HERE}/../tests/lab/bind.sh'
# Seconds of the windows in guest.sh; short ones, as there are many.
TRACED_S = 1.2
WINDOWS = f'ramp=0.5 traced={TRACED_S} plain=1'
DISKS = {'nvme': {'host': '/dev/nvme0n1', 'guest': '/dev/nvme0n1'}, 'blk': {'host': '/dev/nullb0', 'guest': '/dev/vda'}}
JOBS = [(disk, rw, depth) for disk in DISKS for rw in ('randread', 'randwrite') for depth in (1, 32)]
TAP = 'bench0'
NETNS = 'bench'
TAP_NET, VETH_NET = '10.9.0', '10.8.0'
PINGS = 200
USER_EXITS = ['kvm/kvm_userspace_exit']

# What is changed of torc's options, or what the guest is told.
OPTIONS = {
    'default': {},
    'idle-guest': {'--cpus': '1,idle=guest'},
    'no-pv-eoi': {'tell': 'no_pv_eoi'},
    'unpinned': {'--cpus': '1,affinity=[0@[0-3]]'},
    'hugepages': {'--memory': f'size={RAM_MIB}M,hugepages=on'},
    'no-poll': {'--platform': 'ring_affinity=node,ring_poll_us=0'},
}
OPTION_JOBS = [('nvme', 'randread', 1), ('nvme', 'randread', 32), ('blk', 'randread', 1)]
HUGE_PAGES = '/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages'


def call(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class LabBench(Bench):
    def __init__(self, stage, bdf):
        super().__init__(stage, bdf)
        self.disk = DISKS['blk']['host']
        self.options = {}
        self.bound = False
        self.cpu = min(cpus_near(bdf))
        self.chroot = f'{WORK}/host'
        self.server = None

    def __enter__(self):
        serial = read(f'/sys/bus/pci/devices/{self.bdf}/nvme/nvme0/serial').strip()
        if serial != 'torcA':
            raise RuntimeError(f'{self.bdf} is not the lab\'s scratch drive')
        call('modprobe', '-a', 'null_blk', 'tun', 'veth')
        call('dd', 'if=/dev/urandom', f'of={DISKS["nvme"]["host"]}', 'bs=1M', 'count=64', 'oflag=direct', 'status=none')
        self.set_up_network()
        self.set_up_chroot()
        write(HUGE_PAGES, str(RAM_MIB // 2))
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait()

    def set_up_network(self):
        """10.9.0.1 is the host on the TAP interface that both VMMs open, 10.8.0.1 on a pair into a namespace."""
        for line in (f'tuntap add dev {TAP} mode tap vnet_hdr', f'address add {TAP_NET}.1/24 dev {TAP}',
                     f'link set {TAP} up', f'netns add {NETNS}',
                     f'link add veth-host type veth peer name eth0 netns {NETNS}',
                     f'address add {VETH_NET}.1/24 dev veth-host', 'link set veth-host up',
                     f'-n {NETNS} address add {VETH_NET}.2/24 dev eth0', f'-n {NETNS} link set eth0 up'):
            call('ip', *line.split())
        self.server = subprocess.Popen(['iperf3', '-s'], stdout=subprocess.DEVNULL)

    def set_up_chroot(self):
        os.makedirs(self.chroot)
        with open(f'{self.stage}/io.cpio', 'rb') as archive:
            subprocess.run(['cpio', '--quiet', '-idmD', self.chroot], stdin=archive, check=True)
        for folder in 'dev', 'proc', 'sys':
            call('mount', '--rbind', f'/{folder}', f'{self.chroot}/{folder}')

    def bind(self, to_guest):
        if to_guest != self.bound:
            call('sh', BIND, *([] if to_guest else ['--undo']), self.bdf)
            self.bound = to_guest

    def command(self, vmm, *args):
        command = super().command(vmm, *args)
        if vmm == 'qemu':
            return command + ['-netdev', f'tap,id=net,ifname={TAP},script=no,downscript=no',
                              '-device', 'virtio-net-pci,netdev=net,romfile=']
        command += ['--net', f'tap={TAP}', '--platform', 'ring_affinity=node']
        for option, value in self.options.items():
            if option != 'tell':
                command[command.index(option) + 1] = value
        return command

    def bare(self):
        """The bare host in a guest's place, on the CPU where a vCPU would be."""
        self.runs += 1
        command = ['ip', 'netns', 'exec', NETNS, 'taskset', '-c', str(self.cpu), 'chroot', self.chroot, '/bin/sh', '-c',
                   'export PATH=/bin; sh /job; echo TORC-GUEST-EXIT $?']
        return Guest(command, f'{WORK}/{self.runs:02}-host.log', dict(os.environ, commands='1'))

    def run_host(self):
        self.bind(False)
        with self.bare() as guest:
            guest.wait_for('TORC-IDLE', 60)
            guest.tell(f'{WINDOWS} peer={VETH_NET}.1\n'.encode())
            result = self.work(guest, 'host', JOBS)
            result['net'].update(self.throughput(guest))
            self.end(guest)
        return {'system': 'host', **result}

    def run_vmm(self, vmm, options=None):
        """A whole guest; with options the short form for comparing them."""
        self.bind(True)
        self.options = options or {}
        self.trace_start()
        with self.guest(vmm, 'io', True, 1, f'{CMDLINE} commands=1') as guest:
            start = self.come_up(guest, True)
            self.pin(guest, 0 if 'affinity' in self.options.get('--cpus', '') else 1)
            first = f'{WINDOWS} peer={TAP_NET}.1; ip address add {TAP_NET}.2/24 dev eth0 && ip link set eth0 up'
            guest.tell(f'{first} && {self.options.get("tell", "true")} || exit 1\n'.encode())
            result = self.work(guest, 'guest', OPTION_JOBS if options is not None else JOBS)
            if options is None:
                result['net'].update(self.throughput(guest))
            self.end(guest)
        return {'system': vmm, 'command': shlex.join(guest.process.args), **result,
                'start': {'entry_ms': start['entry_ms'], 'line_ms': start['line_ms'],
                          'user_exits': sum(start['user_exits'].values()),
                          'private_mib': sum(start['private_kib'].values()) / 1024}}

    @staticmethod
    def end(guest):
        guest.tell(b'exit 0\n')
        guest.finish()

    def work(self, guest, where, jobs):
        result = {'disks': {f'{disk} {rw} {depth}': self.job(guest, DISKS[disk][where], rw, depth, where == 'guest')
                            for disk, rw, depth in jobs}}
        guest.tell(f'round_trips {PINGS} || exit 1\n'.encode())
        _, match = guest.wait_for('TORC-PING (.*)', 60)
        result['net'] = {'ping_us': [float(word) * 1000 for word in match[1].split()]}
        return result

    def job(self, guest, disk, rw, depth, counted):
        tracer, pid, name = self.tracer, guest.process.pid, f'{os.path.basename(disk)}-{rw}-{depth}'
        tracer.histograms(True, USER_EXITS)
        tracer.count_system_calls(True)
        guest.tell(f'disk={disk}; load {name} {rw} {depth} || exit 1\n'.encode())
        guest.wait_for(f'TORC-WINDOW {name}$', 60)
        time.sleep(BEFORE_WINDOW_S)
        seen = window(TRACED_S, exits=total_exits, halts=lambda: total_exits('halt_exits'),
                      user_exits=lambda: sum(tracer.user_exits().values()), calls=lambda: tracer.system_calls(pid))
        tracer.count_system_calls(False)
        tracer.histograms(False, USER_EXITS)
        traced, plain = rates(guest, name)
        _, match = guest.wait_for(f'TORC-FIO {name} (.*)', 60)
        found = fio_metrics(match[1], 'write' in rw)
        result = {'iops': plain, **{f'{key}_us': found[key] for key in PERCENTILES}}
        if counted:
            result.update({key: seen[key] / (traced * seen['seconds']) for key in ('exits', 'halts', 'user_exits', 'calls')})
        return result

    @staticmethod
    def throughput(guest):
        found = {}
        for name, option in ('up', ''), ('down', '-R'):
            guest.tell(f'throughput {name} -t 2 {option} || exit 1\n'.encode())
            _, match = guest.wait_for(rf'TORC-MBITS {name} (\S+)', 60)
            found[name] = float(match[1])
        return found


def mirrored(plan, rounds):
    return (plan + plan[::-1]) * rounds


def summary(run):
    reads = ', '.join(f'{name} {job["iops"]:,.0f} IOPS' for name, job in run['disks'].items())
    return f'{reads}; ping {statistics.median(run["net"]["ping_us"]):,.0f} us'


def measure_all(stage, bdf, rounds, machine_cpus):
    runs, options = [], []
    facts = {'date': time.strftime('%Y-%m-%d'), 'kernel': os.uname().release, 'cpus': os.cpu_count(),
             'machine_cpus': machine_cpus}
    with LabBench(stage, bdf) as bench:
        for number, system in enumerate(plan := mirrored(['host', 'torc', 'qemu'], rounds), 1):
            runs.append(bench.run_host() if system == 'host' else bench.run_vmm(system))
            say(f'{number}/{len(plan)} {system}: {summary(runs[-1])}')
        for number, name in enumerate(plan := mirrored(list(OPTIONS), rounds), 1):
            options.append({'option': name, **bench.run_vmm('torc', OPTIONS[name])})
            say(f'option {number}/{len(plan)} {name}: {summary(options[-1])}')
    return {'facts': facts, 'runs': runs, 'options': options}


def main():
    stage, bdf, out, rounds, cpus = sys.argv[1:]
    return save(out, 'lab', lambda: measure_all(stage, bdf, int(rounds), int(cpus)))


if __name__ == '__main__':
    sys.exit(main())
