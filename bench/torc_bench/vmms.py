# SPDX-License-Identifier: Apache-2.0
"""The VMMs that can be measured: one row for each, with how its command line is made."""
from dataclasses import dataclass


@dataclass
class Machine:
    """What a guest has. @device: the BDF of what is passed through; @net: a TAP's name, @vhost: who moves its packets."""
    kernel: str
    cmdline: str
    cpus: int
    memory_mib: int
    initramfs: str = ''
    disk: str = ''
    device: str = ''
    net: str = ''
    mac: str = ''
    vhost: bool = False


def torc(program, machine):
    command = program + ['--kernel', machine.kernel, '--cmdline', machine.cmdline, '--cpus', str(machine.cpus),
                         '--memory', f'size={machine.memory_mib}M', '--serial', 'tty', '--console', 'off']
    if machine.initramfs:
        command += ['--initramfs', machine.initramfs]
    if machine.disk:
        command += ['--disk', f'path={machine.disk}' + (',direct=on' if machine.disk.startswith('/dev') else '')]
    if machine.device:
        command += ['--device', f'path=/sys/bus/pci/devices/{machine.device}/']
    if machine.net:
        command += ['--net', f'tap={machine.net}' + (f',mac={machine.mac}' if machine.mac else '') +
                    (',vhost=on' if machine.vhost else '')]
    return command


def qemu(program, machine):
    # Threads have no names unless asked for.
    command = program + ['-name', 'torc-bench,debug-threads=on', '-M', 'q35', '-accel', 'kvm', '-cpu', 'host',
                         '-nodefaults', '-nographic', '-serial', 'stdio', '-no-reboot', '-smp', str(machine.cpus), '-m', str(machine.memory_mib),
                         '-kernel', machine.kernel, '-append', machine.cmdline]
    if machine.initramfs:
        command += ['-initrd', machine.initramfs]
    if machine.disk:
        driver, direct = ('host_device', 'on') if machine.disk.startswith('/dev') else ('file', 'off')
        command += ['-object', 'iothread,id=io0', '-blockdev',
                    f'driver={driver},filename={machine.disk},node-name=disk,aio=io_uring,cache.direct={direct}',
                    '-device', 'virtio-blk-pci,drive=disk,iothread=io0']
    if machine.device:
        command += ['-device', f'vfio-pci,host={machine.device}']
    if machine.net:
        vhost = ',vhost=on' if machine.vhost else ''
        command += ['-netdev', f'tap,id=net,ifname={machine.net},script=no,downscript=no{vhost}', '-device',
                    'virtio-net-pci,netdev=net,romfile=' + (f',mac={machine.mac}' if machine.mac else '')]
    return command


def cloud_hypervisor(program, machine):
    command = program + ['--kernel', machine.kernel, '--cmdline', machine.cmdline, '--cpus', f'boot={machine.cpus}',
                         '--memory', f'size={machine.memory_mib}M', '--serial', 'tty', '--console', 'off']
    if machine.initramfs:
        command += ['--initramfs', machine.initramfs]
    if machine.device:
        command += ['--device', f'path=/sys/bus/pci/devices/{machine.device}/']
    if machine.net:
        command += ['--net', f'tap={machine.net}' + (f',mac={machine.mac}' if machine.mac else '')]
    return command


@dataclass
class Vmm:
    """@programs: what it may be called; @command: the command line of a Machine; @vcpu: what its vCPUs' threads are called."""
    title: str
    programs: tuple
    command: object
    vcpu: str


VMMS = {
    'torc': Vmm('torc', ('torc',), torc, r'vcpu\d+'),
    'qemu': Vmm('QEMU', ('qemu-system-x86_64', 'qemu-kvm'), qemu, r'CPU \d+/KVM'),
    'cloud-hypervisor': Vmm('Cloud Hypervisor', ('cloud-hypervisor',), cloud_hypervisor, r'vcpu\d+'),
}
# The bare host in a VMM's place.
HOST = 'host'


@dataclass
class Virtio:
    """A network interface of torc without passthrough, to compare with. @vhost: who moves its packets."""
    title: str
    vhost: bool
    modules: tuple


VIRTIO = {'torc-ring': Virtio('virtio ring', False, ('tun',)), 'torc-vhost': Virtio('virtio vhost', True, ('tun', 'vhost_net'))}


def title(system):
    if system == HOST:
        return 'host'
    return VIRTIO[system].title if system in VIRTIO else VMMS[system].title
