# SPDX-License-Identifier: Apache-2.0
"""
What is in the way of a measurement: one row for each, in the order in which they are looked at.

A row has a name, the commands that it is for, and a function of what was asked for: None, or what, reason, remedy.
All are looked at before anything is changed; those marked `again` once more whenever the device is about to go to
somebody else or to be written to.
"""
import fcntl
import os
import re
import subprocess
from dataclasses import dataclass

from torc_bench import contents
from torc_bench.error import Refusal
from torc_bench.host import CLASSES
from torc_bench.vmms import VMMS

MEMORY_MIB = 1024
# A folder that goes with the processes of a measurement, and whose lock they hold.
WORK = '/run/torc-bench'
# ARPHRD_ETHER of <linux/if_arp.h>.
ETHERNET = '1'
# Of the host: what the guest's initramfs is made of, and what runs things where they have to run.
PROGRAMS = {
    'util-linux': ('mount', 'setpriv', 'taskset', 'blkid', 'nsenter', 'unshare'),
    'kmod': ('modprobe', 'modinfo', 'insmod'),
    'coreutils': ('sleep', 'cat', 'chroot'),
    'libc-bin (Debian) or glibc': ('ldd',),
}
WORKERS = {'nvme': ('fio',), 'net': ('iperf3', 'ping', 'sockperf', 'ip')}
PACKAGES = {'ping': 'iputils-ping (Debian) or iputils', 'ip': 'iproute2 (Debian) or iproute'}


@dataclass
class Request:
    """What is asked for. @what: nvme or net; @peers: VMMs beside torc; @peer: of net, a BDF or an interface."""
    host: object
    what: str
    device: object
    peers: tuple = ()
    destructive: bool = False
    peer: str = ''
    out: str = ''


def unknown_vmm(request):
    for name in request.peers:
        if name not in VMMS or name == 'torc':
            known = ', '.join(each for each in VMMS if each != 'torc')
            return f'--vs {name}', 'no VMM that torc-bench can run', f'one or several of {known}'
    return None


def not_root(_request):
    if os.geteuid() == 0:
        return None
    return 'torc-bench', 'not root: binding devices and counting exits need it', 'run it as root, or with sudo'


def no_torc(request):
    for name in 'torc', 'torc-vfio':
        if not request.host.program(name):
            return name, 'not beside torc-bench and not in PATH', 'meson install -C build, or PATH=build:$PATH'
    return None


def no_vmm(request):
    for name in request.peers:
        programs = VMMS[name].programs
        if not any(request.host.program(program) for program in programs):
            return f'--vs {name}', f'no program {" or ".join(programs)} in PATH', 'install it, or leave it out of --vs'
    return None


def no_worker(request):
    for name in WORKERS[request.what]:
        if not request.host.program(name):
            return name, 'not in PATH; the host and the guests measure with it', \
                f'install the package {PACKAGES.get(name, name)}'
    return None


def no_program(request):
    for package, names in PROGRAMS.items():
        for name in names:
            if not request.host.program(name):
                return name, 'not in PATH', f'install the package {package}'
    return None


def no_kernel(request):
    if request.host.kernel():
        return None
    path = request.host.path(f'boot/vmlinuz-{request.host.release}')
    return path, 'no such file; the guest runs the kernel that the host runs', \
        'install the image of the running kernel there, or reboot into the one that is installed'


def no_modules(request):
    path = request.host.path('lib/modules', request.host.release, 'modules.dep')
    if os.path.exists(path):
        return None
    return path, "no such file; the guest loads the running kernel's modules", \
        'install the modules of the running kernel, or reboot into the one that is installed'


def has_module(request, name):
    done = subprocess.run([request.host.program('modprobe'), '-n', '-q', name], capture_output=True, check=False)
    return not done.returncode


def no_macvlan(request):
    """For an interface of the host as the peer."""
    if not request.peer or is_address(request.peer) or has_module(request, 'macvlan'):
        return None
    return 'macvlan', 'the running kernel has no such module', 'install all of its modules, or name the NIC by its address'


def no_kvm(request):
    if os.path.exists(request.host.path('dev/kvm')):
        return None
    return '/dev/kvm', 'no such file: no hardware virtualization', \
        "enable VT-x or AMD-V in the firmware's setup, then: modprobe kvm_intel, or kvm_amd"


def no_device(request):
    if request.device.exists:
        return None
    return request.device.bdf, 'no such PCI device', 'torc-vfio list shows those that there are'


def other_class(request):
    if request.device.pci_class.startswith(CLASSES[request.what]):
        return None
    kind = {'nvme': 'NVMe drive', 'net': 'network interface'}[request.what]
    return request.device.bdf, f'class {request.device.pci_class} is no {kind}', 'torc-vfio list shows all devices'


def no_driver(request):
    if request.device.driver == 'vfio-pci':
        return request.device.bdf, 'bound to vfio-pci; the bare host is measured with its own driver', \
            f'torc-vfio unbind {request.device.bdf}'
    if not request.device.driver:
        return request.device.bdf, 'has no driver; the bare host is measured with it', \
            f'echo {request.device.bdf} >/sys/bus/pci/drivers_probe'
    return None


def no_group(request):
    if request.device.group:
        return None
    return request.device.bdf, 'has no IOMMU group: the IOMMU is off', \
        "enable VT-d or AMD-Vi in the firmware's setup, boot with intel_iommu=on"


def group_not_viable(request):
    users = request.device.group_users()
    if not users:
        return None
    bdf, driver = next(iter(users.items()))
    return f'{request.device.bdf}: IOMMU group {request.device.group}', \
        f'not viable: {bdf} is in it, too, with driver {driver}', \
        f'unbind it, if the host can do without it: torc-vfio bind {bdf}\nor use another slot or another device'


def in_use(request):
    return host_uses(request.device.bdf, request.device)


def host_uses(what, device):
    """What it needs the device for, and torc-vfio would not take it for."""
    found, complaint = device.inspect()
    if found is None:
        return what, complaint or 'torc-vfio inspect says nothing', 'torc-vfio list'
    return (what, f'the host uses it: {found["use"]["what"]}', found['use']['remedy']) if found['use'] else None


def other_paths(request):
    """Of a drive with two ports, or with virtual functions: the host would keep its disk by another way, and may use it."""
    subsystem, others = request.device.other_controllers()
    if not others:
        return None
    addresses = [request.host.read('sys/class/nvme', name, 'address') for name in others]
    return request.device.bdf, f'its namespaces can be reached by {", ".join(others)}, too ({subsystem})', \
        'take the other ways from the host first:\n' + '\n'.join(f'torc-vfio bind {address}' for address in addresses)


def in_the_way(request):
    """What torc-vfio check says of the host and the device; that vfio-pci does not have it yet is as it should be."""
    found, complaint = request.host.torc_vfio('check', request.device.bdf)
    if found is None:
        return request.device.bdf, complaint or 'torc-vfio check says nothing', f'torc-vfio check {request.device.bdf}'
    for row in found['checks']:
        if row['verdict'] == 'in the way' and row['check'] != 'driver':
            lasting = row['lasting'] or {'where': '', 'lines': []}
            remedy = row['now'] or [f'{lasting["where"]}: {line}' for line in lasting['lines']]
            return f'{row["bdf"] or "host"}: {row["check"]}', row['reason'], \
                '\n'.join(remedy or [f'torc-vfio check {request.device.bdf}'])
    return None


def no_disk(request):
    if request.device.disks():
        return None
    return request.device.bdf, 'the drive has no namespace', 'nvme create-ns and nvme attach-ns make one'


def not_assignable(request):
    """What else only torc-vfio knows."""
    found, _ = request.device.inspect()
    if found and (found['assignable'] or found['ready']):
        return None
    return request.device.bdf, found and found['reason'] or 'cannot be given to a guest', \
        found and found['remedy'] or 'torc-vfio list'


def holds_data(request):
    """What --destructive would destroy."""
    if not request.destructive:
        return None
    leave = 'measure without --destructive, which only reads'
    for disk in request.device.disks():
        found = contents.find(request.host, request.device, disk)
        if found:
            reason, wipe = found
            return disk, reason, f'{leave}, or, if nothing on it matters:\n{wipe}' if wipe else leave
    return None


def no_interface(request):
    if request.device.interfaces():
        return None
    return request.device.bdf, f'driver {request.device.driver} has made no network interface', \
        'see what dmesg says of it'


def no_peer(request):
    if not request.peer:
        return '--peer', 'not given: the other end of the wire', 'the address of another NIC, or an interface of the host'
    if not peer_interface(request):
        return f'--peer {request.peer}', 'neither a PCI device with a network interface nor an interface', 'ip link'
    return None


def peer_is_itself(request):
    if peer_interface(request) not in request.device.interfaces():
        return None
    return f'--peer {request.peer}', 'the device itself', 'the NIC at the other end of its wire'


def peer_in_use(request):
    """A NIC named by its address goes to a network namespace. An interface named as such stays where it is."""
    return host_uses(f'--peer {request.peer}', request.host.device(request.peer)) if is_address(request.peer) else None


def peer_has_no_macvlan(request):
    """What is part of another interface hands all packets on to that, and a loopback has no wire."""
    name = peer_interface(request)
    if is_address(request.peer):
        return None
    master = os.path.basename(os.path.realpath(request.host.path('sys/class/net', name, 'master')))
    if master != 'master':
        return f'--peer {name}', f'part of {master}', f'name a NIC, or {master} itself'
    if request.host.read('sys/class/net', name, 'type') != ETHERNET:
        return f'--peer {name}', 'no Ethernet', 'name an interface that is wired to the device'
    return None


def peer_is_down(request):
    name = peer_interface(request)
    # IFF_UP: that it has no carrier is no fault, as its other end may be what is measured.
    if is_address(request.peer) or request.host.is_up(name):
        return None
    return f'--peer {request.peer}', 'it is down', f'ip link set {name} up'


def is_address(name):
    """Of a PCI device; segments of Intel's VMD have five digits."""
    return bool(re.fullmatch(r'([0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]', name, re.IGNORECASE))


def peer_interface(request):
    """The peer's interface, or None."""
    if is_address(request.peer):
        return next(iter(request.host.device(request.peer).interfaces()), None)
    return request.peer if request.peer in request.host.list('sys/class/net') else None


def little_memory(request):
    match = re.search(r'MemAvailable: *(\d+)', request.host.read('proc/meminfo'))
    need = 2 * MEMORY_MIB
    if not match or int(match[1]) // 1024 >= need:
        return None
    return 'memory', f'{int(match[1]) // 1024} MiB available, {need} MiB needed', 'end what uses it'


def out_in_the_way(request):
    if not request.out or not os.path.exists(request.out):
        return None
    if os.path.isdir(request.out) and not os.listdir(request.out):
        return None
    return f'--out {request.out}', 'exists and is no empty folder', 'name a new one'


def out_not_writable(request):
    folder = os.path.dirname(os.path.abspath(request.out or '.'))
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return f'--out {request.out or "."}', f'{folder} cannot be written to', 'name a folder that can be made'


def another(_request):
    """One that holds the lock of the folder that measurements are made in; see session.py."""
    try:
        lock = os.open(WORK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return WORK, 'another torc-bench is at work', 'wait for it to end'
    finally:
        os.close(lock)
    return None


@dataclass
class Row:
    name: str
    check: object
    commands: tuple = ('nvme', 'net')
    again: bool = False


NVME, NET = ('nvme',), ('net',)
ROWS = [
    Row('unknown VMM', unknown_vmm),
    Row('not root', not_root),
    Row('no torc', no_torc),
    Row('no VMM', no_vmm),
    Row('nothing to measure with', no_worker),
    Row('no program', no_program),
    Row('no kernel image', no_kernel),
    Row('no modules', no_modules),
    Row('no macvlan', no_macvlan, NET),
    Row('no KVM', no_kvm),
    Row('little memory', little_memory),
    Row('results in the way', out_in_the_way),
    Row('results cannot be written', out_not_writable),
    Row('another torc-bench', another),
    Row('no device', no_device),
    Row('other class', other_class),
    Row('no driver', no_driver),
    Row('no group', no_group),
    Row('drive in use', in_use, NVME, True),
    # Measuring has its interface in use.
    Row('interface in use', in_use, NET),
    Row('group not viable', group_not_viable),
    Row('no namespace', no_disk, NVME),
    Row('other paths', other_paths, NVME, True),
    Row('no interface', no_interface, NET),
    Row('no peer', no_peer, NET),
    Row('peer is itself', peer_is_itself, NET),
    Row('peer in use', peer_in_use, NET),
    Row('peer has no macvlan', peer_has_no_macvlan, NET),
    Row('peer is down', peer_is_down, NET),
    Row('not assignable', not_assignable),
    Row('in the way', in_the_way),
    Row('holds data', holds_data, NVME, True),
]


def look(request, again=False):
    """Raise the first Refusal that there is."""
    for row in ROWS:
        if request.what in row.commands and (row.again or not again):
            found = row.check(request)
            if found:
                raise Refusal(*found)
