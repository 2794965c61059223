#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_virtio.py FOLDER: print what measure.py found of virtio disks, and bench_virtqueue.c of rings, for people."""
import statistics
import sys

from report import VMMS, load, save_tables, table

# What, unit, of a run's load, target, whether the medians of torc and QEMU meet it.
DISK_ROWS = [
    ('IOPS, QD1', ',.0f', '1', 'iops', "2 times QEMU's", lambda t, q: t >= 2 * q),
    ('IOPS, QD32', ',.0f', '32', 'iops', "2 times QEMU's", lambda t, q: t >= 2 * q),
    ('system calls per I/O, QD1', '.2f', '1', 'calls_per_io', '', None),
    ('system calls per I/O, QD32', '.2f', '32', 'calls_per_io', 'at most 0.15', lambda t, q: t <= 0.15),
    ('KVM exits per I/O, QD1', '.2f', '1', 'exits_per_io', '', None),
    ('KVM exits per I/O, QD32', '.2f', '32', 'exits_per_io', "half of QEMU's", lambda t, q: t <= q / 2),
]


def disk_rows(runs):
    body = [['', 'torc', 'QEMU', 'ratio', 'target', '']]
    for name, form, depth, key, target, verdict in DISK_ROWS:
        values = {vmm: [run['load'][depth][key] for run in runs if run['vmm'] == vmm] for vmm in VMMS}
        mine, peer = (statistics.median(values[vmm]) for vmm in VMMS)
        cells = [f'{format(statistics.median(v), form)} [{format(min(v), form)} - {format(max(v), form)}]'
                 for v in values.values()]
        body.append([name, *cells, f'{mine / peer:.2f}' if peer else '', target,
                     '' if verdict is None else 'met' if verdict(mine, peer) else 'MISSED'])
    return body


# Backend, what serves it beside epoll, at least how many times as fast at which depth.
PATHS = [
    ('null', 'ring', {'1': 1, '32': 1.5}),
    ('file', 'ring', {'1': 1, '32': 1.5}),
    ('file', 'ring-registered', {}),
    ('none', 'ring', {}),
]
BACKENDS = {
    ('ring', 'null'): '/dev/null',
    ('ring', 'file'): 'O_DIRECT file',
    ('ring-registered', 'file'): 'the same, memory registered',
    ('ring', 'none'): 'queue only',
}


def medians(folder):
    """{benchmark of bench_virtqueue: its median}"""
    return {'/'.join(result['name'].split('/')[:3]): result for result in load(folder, 'virtqueue')['benchmarks']
            if result.get('aggregate_name', 'median') == 'median'}


def path_rows(found):
    """The same queue served by a ring and by epoll, on the bare machine."""
    body = [['', 'ring', 'epoll', 'ratio', 'target', '']]
    for backend, ring, target in PATHS:
        for depth in '1', '32':
            sides = [found[f'{ring}/{backend}/{depth}'], found[f'epoll/{backend}/{depth}']]
            ratio = sides[0]['items_per_second'] / sides[1]['items_per_second']
            least = target.get(depth)
            body.append([f'requests/s, {BACKENDS[ring, backend]}, QD{depth}',
                         *(f'{side["items_per_second"]:,.0f}' for side in sides), f'{ratio:.2f}',
                         f'at least {least}' if least else '',
                         '' if not least else 'met' if ratio >= least else 'MISSED'])
            for name, key, form in ('ns of CPU time per request', 'cpu_ns', ',.0f'), \
                    ('system calls per request', 'waits', '.3f'):
                body.append([f'  {name}', *(format(side[key], form) for side in sides), '', '', ''])
    return body


def stage_rows(found):
    stages = [['stage', 'one by one', '32 at a time']]
    for name in sorted({name.split('/')[1] for name in found if name.startswith('stage/')}):
        stages.append([name] + [f'{1e9 / found[f"stage/{name}/{depth}"]["items_per_second"]:,.0f} ns'
                                for depth in ('1', '32')])
    return stages


def main():
    folder, = sys.argv[1:]
    runs = load(folder, 'virtio')['runs']
    disks = [('null_blk, direct I/O' if disk.startswith('/dev') else 'a file on tmpfs',
              disk_rows([run for run in runs if run['disk'] == disk])) for disk in dict.fromkeys(run['disk'] for run in runs)]
    found = medians(folder)
    save_tables(folder, *disks, ('on the bare machine', path_rows(found)))
    parts = [f'{name}\n\n{table(rows)}' for name, rows in disks]
    print(f"""A virtio disk beside QEMU's (iothread, aio=io_uring), in one run of the lab: 1 vCPU, 512 MiB, 4 KiB random reads

{chr(10).join(f'{part}{chr(10)}' for part in parts)}
Medians of {len([run for run in runs if run['vmm'] == 'torc']) // 2} guests each, in turn; in brackets the smallest and the largest.
Rates are those of windows in which nothing is counted. The lab is an emulated machine: counts and ratios mean something.

From virtqueue to ring to virtqueue on this machine, a thread playing the guest

{table(path_rows(found))}

{table(stage_rows(found))}

Not measured: kvmtool, of which the lab's Debian releases have no package.""")


if __name__ == '__main__':
    main()
