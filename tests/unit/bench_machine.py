# SPDX-License-Identifier: Apache-2.0
"""
A machine for the tests of torc-bench: folders that look like sysfs and proc, programs that say what they are told, and the
torc-vfio that the variable TORC_VFIO names.
"""
import os
import shutil
import tempfile

from torc_bench import refusals
from torc_bench.host import Host

BDF, NIC, PEER = '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'
RELEASE = '6.12.0-test'
PROGRAMS = ('torc', 'torc-trace', 'qemu-system-x86_64', 'fio', 'iperf3', 'ping', 'sockperf', 'mount', 'setpriv', 'taskset',
            'unshare', 'nsenter', 'modprobe', 'modinfo', 'insmod', 'ip', 'sleep', 'cat', 'chroot', 'ldd', 'sh', 'stty')


class Machine:
    """Nothing is in the way of measuring its drive and its NIC. As a context it has the only PATH."""

    def __init__(self):
        self.root = tempfile.mkdtemp()
        self.bin = f'{self.root}/bin'
        self.path = os.environ['PATH']
        for name in PROGRAMS:
            self.program(name, 'exit 0')
        os.symlink(os.environ['TORC_VFIO'], f'{self.bin}/torc-vfio')
        self.program('blkid', 'exit 2')
        for path, text in {f'boot/vmlinuz-{RELEASE}': '', f'lib/modules/{RELEASE}/modules.dep': '', 'dev/kvm': '',
                           'proc/meminfo': 'MemAvailable:   9000000 kB\n', 'proc/swaps': 'Filename\n',
                           'proc/self/mountinfo': '', 'proc/net/route': 'Iface\n', 'proc/cpuinfo': 'processor : 0\n'}.items():
            self.file(path, text)
        self.pci(BDF, '010802', 'nvme', 7)
        self.pci(NIC, '020000', 'igb', 8)
        self.pci(PEER, '020000', 'igb', 9)
        drive = f'{self.device(BDF)}/nvme/nvme0'
        for name, text in ('serial', 'S1'), ('model', 'Fast Drive'):
            self.file(f'{drive}/{name}', text)
        self.file(f'{drive}/nvme0n1/dev', '259:0')
        self.file(f'{drive}/nvme0n1/size', str(1 << 21))
        self.folder(f'{drive}/nvme0n1/holders')
        self.disk(bytes(4 << 20))
        self.link('sys/class/block/nvme0n1', f'{drive}/nvme0n1')
        for bdf, name in (NIC, 'wire0'), (PEER, 'wire1'):
            for file, text in ('flags', '0x1003'), ('mtu', '9000'), ('type', '1'):
                self.file(f'{self.device(bdf)}/net/{name}/{file}', text)
            self.link(f'sys/class/net/{name}', f'{self.device(bdf)}/net/{name}')

    def __enter__(self):
        os.environ['PATH'] = self.bin
        return self

    def __exit__(self, *_):
        os.environ['PATH'] = self.path
        shutil.rmtree(self.root)

    @staticmethod
    def device(bdf):
        return f'sys/devices/pci0000:00/{bdf}'

    def folder(self, path):
        os.makedirs(f'{self.root}/{path}', exist_ok=True)

    def file(self, path, text):
        self.folder(os.path.dirname(path))
        with open(f'{self.root}/{path}', 'w', encoding='ascii') as file:
            file.write(text)

    def disk(self, data):
        with open(f'{self.root}/dev/nvme0n1', 'wb') as file:
            file.write(data)

    def link(self, path, to):
        self.folder(os.path.dirname(path))
        os.symlink(f'{self.root}/{to}', f'{self.root}/{path}')

    def program(self, name, script):
        if os.path.islink(f'{self.bin}/{name}'):
            os.unlink(f'{self.bin}/{name}')
        self.file(f'bin/{name}', f'#!/bin/sh\n{script}\n')
        os.chmod(f'{self.bin}/{name}', 0o755)

    def remove(self, path):
        path = f'{self.root}/{path}'
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def pci(self, bdf, kind, driver, group):
        device = self.device(bdf)
        for name, text in {'class': f'0x{kind}', 'vendor': '0x8086', 'device': '0x1234', 'numa_node': '0',
                           'local_cpulist': '0-7', 'modalias': f'pci:{bdf}', 'irq': '11'}.items():
            self.file(f'{device}/{name}', text)
        self.link(f'{device}/subsystem', 'sys/bus/pci')
        self.link(f'sys/bus/pci/devices/{bdf}', device)
        if driver:
            self.folder(f'sys/bus/pci/drivers/{driver}')
            self.link(f'{device}/driver', f'sys/bus/pci/drivers/{driver}')
        self.folder(f'sys/kernel/iommu_groups/{group}/devices')
        self.link(f'sys/kernel/iommu_groups/{group}/devices/{bdf}', device)
        self.link(f'{device}/iommu_group', f'sys/kernel/iommu_groups/{group}')

    def partition(self, name='nvme0n1p1'):
        path = f'{self.device(BDF)}/nvme/nvme0/nvme0n1/{name}'
        self.file(f'{path}/partition', '1')
        self.file(f'{path}/dev', '259:1')
        self.folder(f'{path}/holders')
        self.link(f'sys/class/block/{name}', path)

    @property
    def host(self):
        return Host(self.root, RELEASE)

    def request(self, what='nvme', **more):
        bdf = more.pop('bdf', BDF if what == 'nvme' else NIC)
        return refusals.Request(self.host, what, self.host.device(bdf), **more)
