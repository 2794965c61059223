#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_starts.py FOLDER: print what measure.py found of two builds of torc, for people. FOLDER has its JSON.

Also writes FOLDER/table.json: {"rows": [...], "runs": [...]}.
"""
import json
import statistics
import sys

from compare import mann_whitney
from report import NONE, NVME, entry, line, load, private, select, spread, table, until_line

ROWS = [
    ('exec to first guest instruction, ms', 'ms', entry),
    ("exec to the guest's first line, ms", 'ms', line),
    ('private memory beside guest RAM, MiB', 'MiB', private),
    ("userspace exits to the guest's first line", '', until_line),
]


def make_rows(runs):
    rows = []
    for what, want in ('no device', NONE), ('NVMe', NVME):
        for name, unit, get in ROWS:
            other, mine = ([get(run) for run in select(runs, vmm, want)] for vmm in ('other', 'torc'))
            rows.append({'name': f'{name}, {what}', 'unit': unit, 'other': other, 'torc': mine,
                         'ratio': statistics.median(mine) / statistics.median(other), 'p': mann_whitney(other, mine)})
    return rows


def main():
    folder, = sys.argv[1:]
    runs = load(folder, 'starts')['runs']
    rows = make_rows(runs)
    with open(f'{folder}/table.json', 'w', encoding='utf-8') as file:
        json.dump({'rows': rows, 'runs': runs}, file, indent=1)
    body = [['', 'other', 'torc', 'torc/other', 'p']]
    body += [[row['name'], spread(row['other'], row['unit']), spread(row['torc'], row['unit']), f'{row["ratio"]:.3f}',
              f'{row["p"]:.3f}'] for row in rows]
    print(f"""Two builds of torc in one run of the lab, in turn: 1 vCPU, 512 MiB, the same kernel and initramfs

{table(body)}
Medians of {len(select(runs, 'torc', NVME))} guests each; in brackets the smallest and the largest. p: how likely such a difference is by chance
alone (Mann-Whitney).""")


if __name__ == '__main__':
    main()
