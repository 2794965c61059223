# SPDX-License-Identifier: Apache-2.0
"""Results of torc-bench that are made up; bench/ is in the path of who imports it."""
from torc_bench import results, workloads

STAGES = {'host': {'count': 100, 'mean': 0.6, 'p50': 0.5}, 'entry': {'count': 90, 'mean': 0.9, 'p50': 0.8}}


def job(iops, p50, vmm=True):
    found = {'iops': iops, 'mib': iops / 256, 'p50': p50, 'p99': p50 * 3, 'p99.9': p50 * 5, 'p99.99': None, 'max': p50 * 9,
             'n': 30000, 'cpu': 4.25, 'interrupts': 1.0, 'exits': 2.5 if vmm else None, 'notices': 0 if vmm else None}
    if vmm:
        found['reasons'] = {'iops': iops, 'exits': {'hlt': 1.0, 'msr': 1.5, 'rare': 0.0001}, 'user_exits': {'IO': 0.001}}
    return found


def run(system, iops, p50):
    return {'system': system, 'command': '' if system == 'host' else f'{system} --kernel k', 'start_s': 2,
            'jobs': {each.name: {**job(iops, p50, system != 'host'), 'command': f'fio --name={each.name}'}
                     for each in workloads.nvme(False)}}


def made_up():
    """The host twice, torc 1.02 and 1.04 times its p50, QEMU twice as slow in one of two runs."""
    found = {'format': results.FORMAT, 'what': 'nvme', 'command': 'torc-bench nvme 01:00.0', 'date': '2026-11-30 12:00',
             'device': {'bdf': '0000:01:00.0', 'model': 'Fast Drive', 'driver': 'nvme'},
             'machine': {'cpu': 'Model', 'cpus': 8, 'kernel': '6.12', 'kernel_command_line': 'quiet', 'governor': 'none',
                         'hypervisor': False, 'posted_interrupts': 'no: the IOMMU cannot'},
             'versions': {'fio': 'fio-3.33'}, 'settings': {'seconds': 3}, 'check': None,
             'jobs': [{'name': each.name, 'title': each.title} for each in workloads.nvme(False)],
             'runs': [run('host', 10000, 100), run('torc', 9800, 102), run('qemu', 5000, 110),
                      run('qemu', 10000, 90), run('torc', 9600, 104), run('host', 10000, 100)]}
    found['runs'][1]['jobs']['randread-1']['stages'] = {'interrupts': 100, 'host_interrupts': 100, 'stages': STAGES,
                                                       'total': {'count': 90, 'mean': 1.5, 'p50': 1.4}}
    return found


def net_job(test, vmm):
    found = {'exits': 40000.0 if vmm else None, 'interrupts': 9000.0, 'notices': 0.0 if vmm else None, 'cpu': 0.75,
             'command': ' '.join(test.command('198.18.7.2', 3))}
    if test.parser == 'stream':
        return {**found, 'mbits': 941.5}
    if test.parser == 'packets':
        found.update(pps=250000.0, loss=12.5)
    else:
        found.update({'p50': 17.2, 'p99': 60.4, 'p99.9': 166.8, 'p99.99': None, 'max': 5600.2, 'n': 10000})
    found[f'exits_{test.each}'] = 2.25 if vmm else None
    if vmm:
        found['reasons'] = {'ios': 10000, 'exits': {'hlt': 1.0, 'msr': 1.25}, 'user_exits': {}}
    return found


def made_up_net(order):
    """@order: of systems. Every test of each says the same."""
    runs = [{'system': system, 'command': '' if system == 'host' else f'{system} --kernel k', 'start_s': 2,
             'jobs': {test.name: net_job(test, system != 'host') for test in workloads.NETWORK}} for system in order]
    first = next((run for run in runs if run['system'] == 'torc'), None)
    for test in workloads.NETWORK:
        if first and test.stages:
            first['jobs'][test.name]['stages'] = {'interrupts': 50, 'host_interrupts': 50, 'stages': STAGES,
                                                  'total': {'count': 40, 'mean': 2.5, 'p50': 2.4}}
    return {**made_up(), 'what': 'net', 'command': 'torc-bench net 02:00.0 --peer 03:00.0', 'runs': runs,
            'device': {'bdf': '0000:02:00.0', 'interface': 'wire0', 'driver': 'igb'},
            'jobs': [{'name': test.name, 'title': test.title} for test in workloads.NETWORK]}
