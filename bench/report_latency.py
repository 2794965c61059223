#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_latency.py FOLDER WHERE: print what measure_latency.py found, for people. Also writes FOLDER/table.json."""
import json
import statistics
import sys

from report import VMMS, load, save_tables, spread, table

WHAT = {
    'pio': 'exit for a port nobody has',
    'mmio': "exit for a device's register",
    'self-ipi': 'interrupt to itself',
    'ipi': 'interrupt to another vCPU and back',
    'hlt': 'woken from HLT after a TSC deadline',
    'doorbell': 'virtio doorbell to interrupt, entropy device',
    'doorbell-idle': 'the same, waiting in HLT',
}
PERCENTILES = ('p50', 'p99', 'p99.9')


def make_rows(runs):
    rows = []
    for what, name in WHAT.items():
        for percentile in PERCENTILES:
            sides = [[run['cycles'][what][percentile] for run in runs
                      if run['vmm'] == vmm and what in run['cycles']] for vmm in VMMS]
            rows.append({'name': f'{name}, {percentile}', 'unit': 'cycles', 'torc': sides[0], 'qemu': sides[1]})
    return rows


def cells(row):
    sides = [row['torc'], row['qemu']]
    if not all(sides):
        return [row['name']] + [spread(side, '') if side else 'none' for side in sides] + ['']
    ratio = statistics.median(sides[0]) / statistics.median(sides[1])
    return [row['name'], *(spread(side, '') for side in sides), f'{ratio:.2f}']


def main():
    folder, where = sys.argv[1:]
    runs = load(folder, 'latency')['runs']
    rows = make_rows(runs)
    with open(f'{folder}/table.json', 'w', encoding='utf-8') as file:
        json.dump({'rows': rows, 'runs': runs}, file, indent=1)
    body = [['', 'torc', 'QEMU', 'torc/QEMU']] + [cells(row) for row in rows]
    save_tables(folder, (f'cycles of the TSC, {where}', body))
    print(f"""What a guest without an operating system waits for, in cycles of the TSC, {where}

{table(body)}

Medians of {len(runs) // len(VMMS)} guests each, in turn; in brackets the smallest and the largest.""")


if __name__ == '__main__':
    main()
