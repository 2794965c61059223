#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_numa.py FOLDER: print what measure_numa.py and bench_memory found, for people. FOLDER has their JSON."""
import re
import statistics
import sys

from measure import cpu_list
from report import load, spread, table


def of(runs, name, vmm, key):
    return [run[key] for run in runs if run['name'] == name and run['vmm'] == vmm]


def ratio(torc, qemu):
    torc, qemu = statistics.median(torc), statistics.median(qemu)
    return f'{torc / qemu:.2f}' if qemu else '-'


def where_table(runs):
    run = [run for run in runs if run['where']][-1]
    pages, threads, local = run['where']['pages'], run['where']['threads'], run['where']['local_cpus']
    remote = sum(count for node, count in pages.items() if node != '1')
    away = [name for name, cpus in threads.items() if not cpu_list(cpus) <= cpu_list(local)]
    lines = [f'remote pages of guest memory: {remote} of {sum(pages.values()):,} (wanted: 0)',
             f'threads that may run elsewhere: {len(away)} of {len(threads)} (wanted: 0)']
    return '\n'.join(lines + [f'  {name}: CPUs {cpus}' for name, cpus in sorted(threads.items())])


def start_table(runs):
    name = 'start 2 GiB of 2 MiB pages'
    rows = [['2 GiB of prefaulted 2 MiB pages', 'torc', 'QEMU', 'ratio (wanted: 0.4 to the first instruction)']]
    for head, key in ('exec to first guest instruction, ms', 'entry_ms'), ('populating, ms', 'populate_ms'):
        torc, qemu = of(runs, name, 'torc', key), of(runs, name, 'qemu', key)
        rows.append([head, spread(torc, 'ms'), spread(qemu, 'ms'), ratio(torc, qemu)])
    return table(rows)


def map_table(runs):
    rows = [['1 GiB in pages of', 'torc: calls', 'ms', 'QEMU: calls', 'ms', 'ratio of times']]
    for pages, name in ('4k', '4 KiB'), ('thp', 'THP'), ('2m', '2 MiB'), ('1g', '1 GiB'):
        row = [name]
        for vmm in 'torc', 'qemu':
            row += [spread(of(runs, f'map {pages}', vmm, 'map_calls'), ''),
                    '{:.1f}'.format(statistics.median(of(runs, f'map {pages}', vmm, 'map_ms')))]
        rows.append(row + [ratio(*(of(runs, f'map {pages}', vmm, 'map_ms') for vmm in ('torc', 'qemu')))])
    return table(rows)


def populate_table(runs):
    rows = [['1 GiB, pages, threads', 'torc, ms', 'QEMU, ms', 'ratio (wanted: 0.8)']]
    names = dict.fromkeys(run['name'] for run in runs if run['name'].startswith('populate'))
    for name in names:
        torc, qemu = (of(runs, name, vmm, 'populate_ms') for vmm in ('torc', 'qemu'))
        rows.append([name.removeprefix('populate '), spread(torc, 'ms'), spread(qemu, 'ms'), ratio(torc, qemu)])
    return table(rows)


def native_table(folder):
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
    return table(rows)


def main():
    folder = sys.argv[1]
    runs = load(folder, 'numa')['runs']
    print('Where a guest is whose drive is on node 1, and nothing said of NUMA (move_pages; Cpus_allowed)\n')
    print(where_table(runs))
    print('\nStart, in the lab; medians [least - most]\n')
    print(start_table(runs))
    print('\nVFIO_IOMMU_MAP_DMA, in the lab\n')
    print(map_table(runs))
    print('\nPopulating, in the lab: first MADV_POPULATE_WRITE to the end of the last\n')
    print(populate_table(runs))
    here = load(f'{folder}/here', 'numa')['runs']
    print('\nStart, on this machine\n')
    print(start_table(here))
    print('\nPopulating, on this machine: first MADV_POPULATE_WRITE to the end of the last\n')
    print(populate_table(here))
    print('\nPopulating on this machine beside memset, ms per GiB\n')
    print(native_table(folder))


if __name__ == '__main__':
    main()
