#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_vfio.py FOLDER: print what measure_vfio.py and killed.sh found, for people. FOLDER has their output.

Also writes FOLDER/table.json: {"rows": [...], "kills": "...", "runs": [...]}.
"""
import json
import re
import sys

from measure_vfio import VECTORS
from report import VMMS, load, save_tables, spread, table

READS = 1000  # of each kind, as tests/lab/payload/vectors.c does them
REGISTERS = {'id': 'vendor and device', 'bar': 'BAR 0', 'status': 'command and status'}
WAYS = {'ports': '0xcf8 and 0xcfc', 'ecam': 'ECAM'}


def phase(name, key, per=1):
    return lambda run: run['phases'][name][key] / per


def bring_up_rows(vectors):
    of = f', {vectors} of 65 vectors'
    return [
        ('KVM_SET_GSI_ROUTING' + of, vectors, '', phase('bring-up', 'KVM_SET_GSI_ROUTING'), 4),
        ('VFIO_DEVICE_SET_IRQS' + of, vectors, '', phase('bring-up', 'VFIO_DEVICE_SET_IRQS'), vectors + 4),
        ('host interrupts' + of, vectors, '', lambda run: run['armed'], vectors),
        ('KVM_IRQFD' + of, vectors, '', phase('bring-up', 'KVM_IRQFD'), None),
        ('all system calls but KVM_RUN' + of, vectors, '', phase('bring-up', 'calls'), None),
    ]


def read_rows():
    """What only the device knows takes a system call, and nothing else does."""
    rows = []
    for way, by in WAYS.items():
        rows += [(f'exits per read of {what}, {by}', None, '/IO', phase(f'{way} {key}', 'exits', READS), 1)
                 for key, what in REGISTERS.items()]
        rows += [(f'system calls per read of {what}, {by}', None, '/IO', phase(f'{way} {key}', 'calls', READS),
                  int(key == 'status')) for key, what in REGISTERS.items()]
    return rows


# Name, which runs (None: all), unit, what is taken from one run, at most.
ROWS = [row for vectors in VECTORS for row in bring_up_rows(vectors)] + [
    ('KVM_SET_GSI_ROUTING, masked and unmasked 1,000 times', None, '', phase('mask', 'KVM_SET_GSI_ROUTING'), 0),
    ("VFIO's ioctls, likewise", None, '', phase('mask', 'vfio'), 0),
    ('KVM_IRQFD, likewise', None, '', phase('mask', 'KVM_IRQFD'), None),
    ('all system calls but KVM_RUN, likewise', None, '', phase('mask', 'calls'), None),
] + read_rows()


def make_rows(runs):
    rows = []
    for name, vectors, unit, get, most in ROWS:
        torc, qemu = ([get(run) for run in runs if run['vmm'] == vmm and vectors in (None, run['vectors'])]
                      for vmm in VMMS)
        verdict = '' if most is None else 'met' if max(torc) <= most else 'MISSED'
        # Fewer interrupts than vectors would be no success.
        if name.startswith('host interrupts') and min(torc) < most:
            verdict = 'MISSED'
        rows.append({'name': name, 'unit': unit, 'torc': torc, 'qemu': qemu, 'target': most, 'verdict': verdict})
    return rows


def main():
    folder = sys.argv[1]
    runs = load(folder, 'vfio')['runs']
    rows = make_rows(runs)
    with open(f'{folder}/killed.log', encoding='utf-8') as file:
        kills = re.search(r'^# recover after kill -9 during I/O: (.*)', file.read(), re.MULTILINE)[1]
    with open(f'{folder}/table.json', 'w', encoding='utf-8') as file:
        json.dump({'rows': rows, 'kills': kills, 'runs': runs}, file, indent=1)
    body = [['', 'torc', 'QEMU', 'target, at most', '']]
    body += [[row['name'], spread(row['torc'], row['unit']), spread(row['qemu'], row['unit']),
              '' if row['target'] is None else str(row['target']), row['verdict']] for row in rows]
    save_tables(folder, ('', body), ('', [['killed, then recovered', 'times'], ['`torc-vfio recover`, each within 5 s', kills]]))
    print(f"""torc beside QEMU in one run of the lab: a guest that takes MSI-X vectors of an NVMe controller in Linux's order

{table(body)}
Medians of {len(runs) // len(VECTORS) // len(VMMS)} guests each, in turn; in brackets the smallest and the largest.
Exits are those to userspace. A read by 0xcf8 and 0xcfc is two accesses: the first says of what register.

torc killed (SIGKILL) while its guest has 32 reads and writes in flight, then torc-vfio recover; fio verifies on the host
recovered, each within 5 s: {kills}""")


if __name__ == '__main__':
    main()
