#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_numa.py FOLDER: print what measure_numa.py and bench_memory found, for people. FOLDER has their JSON."""
import re
import statistics
import sys

from report import load, save_tables, spread, table
from torc_bench.host import numbers


def of(runs, name, vmm, key):
    return [run[key] for run in runs if run['name'] == name and run['vmm'] == vmm]


def ratio(torc, qemu):
    torc, qemu = statistics.median(torc), statistics.median(qemu)
    return f'{torc / qemu:.2f}' if qemu else '-'


def where_rows(where):
    pages, threads, local = where['pages'], where['threads'], where['local_cpus']
    remote = sum(count for node, count in pages.items() if node != '1')
    away = [name for name, cpus in threads.items() if not numbers(cpus) <= numbers(local)]
    return [['', 'elsewhere', 'of', 'wanted'], ['pages of guest memory', str(remote), f'{sum(pages.values()):,}', '0'],
            ['threads that may run there', str(len(away)), str(len(threads)), '0']]


def start_rows(runs):
    name = 'start 2 GiB of 2 MiB pages'
    rows = [['2 GiB of prefaulted 2 MiB pages', 'torc', 'QEMU', 'ratio (wanted: 0.4 to the first instruction)']]
    for head, key in ('exec to first guest instruction, ms', 'entry_ms'), ('populating, ms', 'populate_ms'):
        torc, qemu = of(runs, name, 'torc', key), of(runs, name, 'qemu', key)
        rows.append([head, spread(torc, 'ms'), spread(qemu, 'ms'), ratio(torc, qemu)])
    return rows


def map_rows(runs):
    rows = [['1 GiB in pages of', 'torc: calls', 'ms', 'QEMU: calls', 'ms', 'ratio of times']]
    for pages, name in ('4k', '4 KiB'), ('thp', 'THP'), ('2m', '2 MiB'), ('1g', '1 GiB'):
        row = [name]
        for vmm in 'torc', 'qemu':
            row += [spread(of(runs, f'map {pages}', vmm, 'map_calls'), ''),
                    '{:.1f}'.format(statistics.median(of(runs, f'map {pages}', vmm, 'map_ms')))]
        rows.append(row + [ratio(*(of(runs, f'map {pages}', vmm, 'map_ms') for vmm in ('torc', 'qemu')))])
    return rows


def populate_rows(runs):
    rows = [['1 GiB, pages, threads', 'torc, ms', 'QEMU, ms', 'ratio (wanted: 0.8)']]
    names = dict.fromkeys(run['name'] for run in runs if run['name'].startswith('populate'))
    for name in names:
        torc, qemu = (of(runs, name, vmm, 'populate_ms') for vmm in ('torc', 'qemu'))
        rows.append([name.removeprefix('populate '), spread(torc, 'ms'), spread(qemu, 'ms'), ratio(torc, qemu)])
    return rows


def native_rows(folder):
    """Of each benchmark the time per GiB; beside it how torc's is to the two memsets."""
    times, rows = {}, [['pages, threads', 'populate', 'memset, fresh', 'memset, present', 'to fresh (1.15)', 'to present']]
    for bench in load(folder, 'memory')['benchmarks']:
        match = re.match(r'(\w+)/(\w+)/(\d+)/', bench['name'])
        if match and bench.get('run_type') == 'iteration':
            times.setdefault((match[1], match[3]), {}).setdefault(match[2], []).append(
                2 ** 30 / bench['bytes_per_second'] * 1000)
    for (pages, threads), found in times.items():
        one = [found[name] for name in ('populate', 'memset_fresh', 'memset_present')]
        rows.append([f'{pages} {threads}'] + [spread(values, 'ms') for values in one] +
                    [ratio(one[0], one[1]), ratio(one[0], one[2])])
    return rows


def main():
    folder = sys.argv[1]
    runs, here = load(folder, 'numa')['runs'], load(f'{folder}/here', 'numa')['runs']
    where = [run for run in runs if run['where']][-1]['where']
    tables = [
        ('Where a guest is whose drive is on node 1, and nothing said of NUMA (move_pages; Cpus_allowed)', where_rows(where)),
        ('Start, in the lab; medians [least - most]', start_rows(runs)),
        ('VFIO_IOMMU_MAP_DMA, in the lab', map_rows(runs)),
        ('Populating, in the lab: first MADV_POPULATE_WRITE to the end of the last', populate_rows(runs)),
        ('Start, on this machine', start_rows(here)),
        ('Populating, on this machine: first MADV_POPULATE_WRITE to the end of the last', populate_rows(here)),
        ('Populating on this machine beside memset, ms per GiB', native_rows(folder)),
    ]
    save_tables(folder, *tables)
    print('\n\n'.join(f'{title}\n\n{table(rows)}' for title, rows in tables))
    print('\nThe threads of that guest, and the CPUs that they may run on\n')
    print('\n'.join(f'  {name}: {cpus}' for name, cpus in sorted(where['threads'].items())))


if __name__ == '__main__':
    main()
