# SPDX-License-Identifier: Apache-2.0
"""
The machine as sysfs and proc tell of it: devices, CPUs near them. What else there is to know torc-vfio says.

All paths are below a root, so that a test can have a machine of its own.
"""
import glob
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

NVME, NETWORK = 'nvme', 'net'
# The first digits of a PCI class; a network interface is Ethernet or InfiniBand.
CLASSES = {NVME: ('0108',), NETWORK: ('0200', '0207')}
# What the kernel does about the CPU's vulnerabilities; Documentation/admin-guide/kernel-parameters.txt, mitigations=.
KEPT = ('mitigations', 'pti', 'nopti', 'nospectre_v1', 'nospectre_v2', 'spectre_v2', 'spectre_v2_user', 'spectre_bhi',
        'spec_store_bypass_disable', 'l1tf', 'mds', 'tsx', 'tsx_async_abort', 'mmio_stale_data', 'retbleed', 'srbds',
        'spec_rstack_overflow', 'gather_data_sampling', 'reg_file_data_sampling', 'indirect_target_selection', 'tsa')
KERNELS = ('boot/vmlinuz-{}', 'lib/modules/{}/vmlinuz', 'usr/lib/modules/{}/vmlinuz', 'boot/kernel-{}')


def numbers(text):
    """What "0-2,5" in sysfs means."""
    bounds = [[int(word) for word in part.split('-')] for part in text.strip().split(',') if part]
    return {number for bound in bounds for number in range(bound[0], bound[-1] + 1)}


def permitted(isolated):
    """
    The CPUs that this process may use. Isolated ones are in no login shell's affinity; a process that asks for them has
    those that its cpuset has.
    """
    mine = os.sched_getaffinity(0)
    if isolated <= mine:
        return mine
    try:
        os.sched_setaffinity(0, mine | isolated)
        return os.sched_getaffinity(0)
    finally:
        os.sched_setaffinity(0, mine)


class Host:
    def __init__(self, root='/', release=None, search=None):
        self.root = root
        self.release = release or os.uname().release
        # Where programs are, before PATH: an installed torc lies beside torc-bench.
        self.search = search

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def read(self, *parts):
        try:
            with open(self.path(*parts), encoding='ascii', errors='replace') as file:
                return file.read().strip()
        except OSError:
            return ''

    def program(self, name):
        """Its path, or None."""
        beside = shutil.which(name, path=self.search) if self.search else None
        return beside or shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/libexec')

    def kernel(self):
        """The image that this host has booted, or None."""
        paths = (self.path(path.format(self.release)) for path in KERNELS)
        return next((path for path in paths if os.path.exists(path)), None)

    def device(self, bdf):
        return Device(self, bdf)

    def is_up(self, interface):
        """Whether it is to be up: it may have no carrier all the same."""
        return bool(int(self.read('sys/class/net', interface, 'flags') or '0', 16) & 1)

    def words_for_guests(self, modules):
        """Of its kernel's command line what guests of the same kernel need to be like it: see KEPT, and options of modules."""
        found = []
        for word in re.findall(r'(?:"[^"]*"|\S)+', self.read('proc/cmdline')):
            module, dot, _ = word.split('=', 1)[0].partition('.')
            if module in KEPT or dot and module.replace('-', '_') in modules:
                found.append(word)
        return found

    def isolated(self):
        """CPUs on which nothing runs unasked, and where the kernel moves nothing from one to another."""
        return numbers(self.read('sys/devices/system/cpu/isolated'))

    def torc_vfio(self, *arguments):
        """What it says as JSON, and its complaints: (None, ...) where it says nothing."""
        words = [self.program('torc-vfio'), *arguments, '--json']
        for name in ('sys', 'proc', 'dev') if self.root != '/' else ():
            words += [f'--{name}', self.path(name)]
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        try:
            return json.loads(run.stdout), run.stderr.strip()
        except ValueError:
            return None, run.stderr.strip()

    def list(self, *parts):
        try:
            return sorted(os.listdir(self.path(*parts)))
        except OSError:
            return []


@dataclass
class Namespace:
    """Of an NVMe drive: its number there, what the host calls it, its size."""
    nsid: int
    disk: str
    bytes: int


class Device:
    """A PCI device."""

    def __init__(self, host, bdf):
        self.host = host
        self.bdf = (bdf if bdf.count(':') == 2 else f'0000:{bdf}').lower()
        self.dir = f'sys/bus/pci/devices/{self.bdf}'

    def read(self, name):
        return self.host.read(self.dir, name)

    def link(self, name):
        path = self.host.path(self.dir, name)
        return os.path.basename(os.readlink(path)) if os.path.islink(path) else None

    @property
    def exists(self):
        return os.path.isdir(self.host.path(self.dir))

    @property
    def pci_class(self):
        return self.read('class').removeprefix('0x')

    @property
    def driver(self):
        return self.link('driver')

    @property
    def group(self):
        return self.link('iommu_group')

    @property
    def node(self):
        text = self.read('numa_node')
        return int(text) if text else -1

    def group_users(self):
        """{bdf: driver} of what else is in the group and has a driver of the host's; bridges stay with the host."""
        found = {}
        for bdf in self.host.list(self.dir, 'iommu_group/devices'):
            other = Device(self.host, bdf)
            if bdf != self.bdf and not other.pci_class.startswith('0604') and other.driver not in (None, 'vfio-pci'):
                found[bdf] = other.driver
        return found

    def controllers(self):
        return self.host.list(self.dir, 'nvme')

    def disks(self):
        """Names of the drive's namespaces. With native multipath they lie in its subsystem, and not with it."""
        found = set()
        for name in self.controllers():
            for block in self.host.list('sys/class/block'):
                if not re.fullmatch(r'nvme\d+n\d+', block) or self.host.read('sys/class/block', block, 'hidden') == '1':
                    continue
                real = os.path.realpath(self.host.path('sys/class/block', block))
                if f'/{self.bdf}/' in real or ('nvme-subsystem' in real and self.of_subsystem(real, name)):
                    found.add(block)
        return sorted(found)

    def namespace(self, nsid=None):
        """The one with this number, or the one to measure: the first."""
        found = [Namespace(int(self.host.read('sys/class/block', disk, 'nsid') or 1), disk,
                           int(self.host.read('sys/class/block', disk, 'size') or 0) * 512) for disk in self.disks()]
        found = [each for each in found if nsid in (None, each.nsid)]
        if not found:
            raise RuntimeError(f'{self.bdf}: namespace {nsid} is gone from the host')
        return min(found, key=lambda each: each.nsid)

    def other_controllers(self):
        """Other ways that the kernel has to the drive's namespaces: (subsystem, controllers)."""
        own = self.controllers()
        for subsystem in self.host.list('sys/class/nvme-subsystem'):
            found = [name for name in self.host.list('sys/class/nvme-subsystem', subsystem) if re.fullmatch(r'nvme\d+', name)]
            if set(own) & set(found):
                return subsystem, [name for name in found if name not in own]
        return '', []

    @staticmethod
    def of_subsystem(real, controller):
        """A subsystem's folder has a link to each of its controllers."""
        return os.path.exists(os.path.join(os.path.dirname(real), controller))

    def partitions(self, disk):
        return [name for name in self.host.list('sys/class/block', disk)
                if os.path.exists(self.host.path('sys/class/block', disk, name, 'partition'))]

    def interfaces(self):
        return self.host.list(self.dir, 'net')

    def parts(self):
        """What its driver has made of it."""
        return self.disks() + self.interfaces()

    def statistics(self, disk):
        """The path of what the block layer counts: of a multipath disk (nvme0n1) the path's own (nvme0c0n1) has it."""
        match = re.fullmatch(r'nvme(\d+)n(\d+)', disk)
        paths = glob.glob(self.host.path(f'sys/class/block/nvme{match[1]}c*n{match[2]}/stat')) if match else []
        return paths[0] if paths else self.host.path('sys/class/block', disk, 'stat')

    def modules(self):
        """What modprobe has to load for it."""
        return [self.read('modalias')]

    def cpus(self):
        """The CPUs near the device that this process may use: isolated ones first, then those of different cores."""
        isolated = self.host.isolated()
        mine = permitted(isolated)
        near = numbers(self.read('local_cpulist')) & mine or mine

        def rank(cpu):
            siblings = sorted(numbers(self.host.read(f'sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list')))
            return (cpu not in isolated, siblings.index(cpu) if cpu in siblings else 0, cpu)
        return sorted(near, key=rank)

    def inspect(self):
        """What torc-vfio knows of it."""
        return self.host.torc_vfio('inspect', self.bdf)

    def describe(self):
        """Facts for the page."""
        facts = {'bdf': self.bdf, 'vendor': self.read('vendor').removeprefix('0x'), 'driver': self.driver,
                 'device': self.read('device').removeprefix('0x'), 'group': self.group, 'node': self.node,
                 'link': ' x'.join(filter(None, [self.read('current_link_speed'), self.read('current_link_width')]))}
        for name in self.controllers():
            for key in 'model', 'serial', 'firmware_rev':
                facts[key] = self.host.read(self.dir, 'nvme', name, key)
        if self.disks():
            namespace = self.namespace()
            facts.update(disk=namespace.disk, nsid=namespace.nsid, bytes=namespace.bytes)
        for name in self.interfaces()[:1]:
            facts['interface'] = name
            facts['speed'] = self.host.read('sys/class/net', name, 'speed')
        return facts
