# SPDX-License-Identifier: Apache-2.0
"""What the host counts while something runs, without any tracing: interrupts and CPU time."""
import os
import re

TICK_S = 1 / os.sysconf('SC_CLK_TCK')
# Of a CPU's line in /proc/stat: user, nice, system, irq, softirq; what guests take is part of user and nice.
BUSY = (1, 2, 3, 6, 7)
# How CPUs notice posted interrupts, with Intel: one that runs the vCPU, and one where it sleeps.
NOTICES = ('PIN', 'PIW')


def device_interrupts(device):
    """All that the device's vectors had, whoever has them: its driver or VFIO."""
    # What irq names is somebody else's then, or nobody's.
    numbers = set(device.host.list(device.dir, 'msi_irqs')) or {device.read('irq')}
    return sum(table_row(line) for line in device.host.read('proc/interrupts').splitlines()
               if line.split(':')[0].strip() in numbers)


def table_row(line):
    """The sum of a line of /proc/interrupts; behind the CPUs' numbers is text."""
    total = 0
    for word in line.split()[1:]:
        if not word.isdigit():
            break
        total += int(word)
    return total


def notices(host):
    """None where the CPU has no such thing: AMD's wakes vCPUs by the IOMMU's own interrupt."""
    if 'AuthenticAMD' in host.read('proc/cpuinfo'):
        return None
    return sum(table_row(line) for line in host.read('proc/interrupts').splitlines() if line.split(':')[0].strip() in NOTICES)


def busy_seconds(host, cpus):
    """CPU time that was used on these CPUs."""
    wanted = {f'cpu{cpu}' for cpu in cpus}
    lines = (line.split() for line in host.read('proc/stat').splitlines())
    return sum(int(fields[at]) for fields in lines if fields[0] in wanted for at in BUSY) * TICK_S


def device_vectors(device):
    return sorted(int(name) for name in device.host.list(device.dir, 'msi_irqs'))


def place_vectors(device, cpus):
    """The device's interrupts on these CPUs, in turn. What the kernel manages itself stays where it is."""
    for at, number in enumerate(device_vectors(device)):
        try:
            with open(device.host.path(f'proc/irq/{number}/smp_affinity_list'), 'w', encoding='ascii') as file:
                file.write(str(cpus[at % len(cpus)]))
        except OSError:
            pass


def facts(host, cpus, posted):
    """Of the machine, for the page. @posted: whether interrupts are posted: 'yes', or why not."""
    cpuinfo = host.read('proc/cpuinfo')
    model = re.search(r'model name\s*: (.*)', cpuinfo)
    return {'cpu': model[1] if model else '', 'cpus': len(re.findall(r'^processor', cpuinfo, re.MULTILINE)),
            'kernel': host.release, 'kernel_command_line': host.read('proc/cmdline'),
            'governor': host.read(f'sys/devices/system/cpu/cpu{cpus[0]}/cpufreq/scaling_governor') or 'none',
            'hypervisor': 'hypervisor' in cpuinfo.split('flags', 1)[-1].split('\n', 1)[0].split(),
            'posted_interrupts': posted}
