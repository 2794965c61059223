#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_lab.py FOLDER: what measure_lab.py found, for people: report.txt, report.html and table.json there."""
import html
import json
import statistics
import sys

import plots
from report import load, save_tables, spread, table

NAMES = {'host': 'host', 'torc': 'torc', 'qemu': 'QEMU', 'off': 'off', 'on': 'on'}
SYSTEMS = ('host', 'torc', 'qemu')
DISKS = {'nvme': 'NVMe drive, passed through', 'blk': 'null_blk, by virtio-blk'}
JOBS = [(f'{what}, QD{depth}', f'{rw} {depth}') for rw, what in (('randread', 'reads'), ('randwrite', 'writes'))
        for depth in (1, 32)]
# What of a job, what it is called, its unit. Where nothing is virtual, nothing exits.
JOB_ROWS = [('iops', '', 'IOPS'), ('p50_us', ', median', 'us'), ('p99_us', ', p99', 'us'),
            ('exits', ', KVM exits', '/IO'), ('halts', ', KVM exits to halt', '/IO'),
            ('user_exits', ', userspace exits', '/IO'),
            ('calls', ", the VMM's system calls", 'calls/IO')]
START_ROWS = [('entry_ms', 'exec to the first guest instruction', 'ms'),
              ('line_ms', "exec to the guest's first line", 'ms'),
              ('user_exits', 'userspace exits until then', ''),
              ('private_mib', 'private memory beside guest RAM', 'MiB')]
UNITS = {'IOPS': 'I/Os per second', 'us': 'microseconds', '/IO': 'exits per I/O',
         'calls/IO': 'system calls per I/O', 'ms': 'milliseconds', 'MiB': 'MiB',
         'Mbit/s': 'Mbit/s', '': 'count'}

# Which of measure_lab.py's options are off and on, and what that is.
OPTIONS = [
    ('idle=guest', 'default', 'idle-guest', 'On, an idle vCPU keeps its CPU: HLT does not exit.'),
    ('PV EOI', 'no-pv-eoi', 'default',
     'Always on where KVM has it; here off by clearing MSR_KVM_PV_EOI_EN in the guest.'),
    ('vCPU pinned', 'unpinned', 'default',
     'On is a CPU of its own, as torc gives beside a passed-through device; off is affinity=[0@[0-3]].'),
    ('hugepages=on', 'default', 'hugepages', 'Off are transparent huge pages, the default.'),
    ('ring polling', 'no-poll', 'default', 'On by default; off is ring_poll_us=0.'),
]
OPTION_JOBS = [('nvme', 'randread 1', 'NVMe reads, QD1'), ('nvme', 'randread 32', 'NVMe reads, QD32'),
               ('blk', 'randread 1', 'virtio-blk reads, QD1')]
OPTION_ROWS = [row for row in JOB_ROWS if row[0] in ('iops', 'p99_us', 'exits', 'halts')]


def of_systems(runs, pick):
    """{system: [what pick() takes from each of its runs]}, where it has it."""
    return {system: [value for run in runs if run['system'] == system for value in [pick(run)] if value is not None]
            for system in SYSTEMS}


def job_rows(runs, disk):
    return [{'name': name + suffix, 'unit': unit,
             'sides': of_systems(runs, lambda run, at=(f'{disk} {job}', key): run['disks'][at[0]].get(at[1]))}
            for key, suffix, unit in JOB_ROWS for name, job in JOBS]


def network_rows(runs):
    rows = [('TCP to the host', 'Mbit/s', lambda net: net['up']),
            ('TCP from the host', 'Mbit/s', lambda net: net['down']),
            ('ping, median', 'us', ping(50)), ('ping, p99', 'us', ping(99))]
    return [{'name': name, 'unit': unit, 'sides': of_systems(runs, lambda run, pick=pick: pick(run['net']))}
            for name, unit, pick in rows]


def start_rows(runs):
    return [{'name': name, 'unit': unit,
             'sides': of_systems(runs, lambda run, key=key: run['start'][key] if 'start' in run else None)}
            for key, name, unit in START_ROWS]


def option_rows(options, off, on):
    picks = [(name + suffix, unit, lambda run, at=(f'{disk} {job}', key): run['disks'][at[0]][at[1]])
             for disk, job, name in OPTION_JOBS for key, suffix, unit in OPTION_ROWS]
    picks.append(('ping, median', 'us', lambda run: ping(50)(run['net'])))
    return [{'name': name, 'unit': unit,
             'sides': {state: [value for run in options if run['option'] == option
                               for value in [pick(run)] if value is not None]
                       for state, option in (('off', off), ('on', on))}}
            for name, unit, pick in picks]


def ping(percent):
    """The round trip that so many percent are not above; the first, which asks for the address, is none."""
    def pick(net):
        times = sorted(net['ping_us'][1:])
        return times[max(0, -(-len(times) * percent // 100) - 1)]
    return pick


def sections(results):
    """[{"title", "note", "rows", "ratios": [(numerator, denominator)]}]"""
    runs, options = results['runs'], results['options']
    pairs = [('torc', 'host'), ('torc', 'qemu')]
    found = [(title, '', job_rows(runs, disk), pairs) for disk, title in DISKS.items()]
    found.append(('virtio-net on a TAP interface', 'The bare host: a veth pair into a network namespace.',
                  network_rows(runs), pairs))
    found.append(('Start and memory, with all of these devices', '', start_rows(runs), pairs[1:]))
    for title, off, on, note in OPTIONS:
        found.append((f'torc: {title}', note, option_rows(options, off, on), [('on', 'off')]))
    return [dict(zip(('title', 'note', 'rows', 'ratios'), section)) for section in found]


def recorded(found):
    """Of the sections what belongs into RESULTS.md: reads, and of options what is counted."""
    def belongs(section, row):
        if section['title'].startswith('torc: '):
            return row['unit'] == '/IO' and any(any(side) for side in row['sides'].values())
        return 'writes' not in row['name'] and 'halt' not in row['name']
    picked = [{**section, 'rows': [row for row in section['rows'] if belongs(section, row)]} for section in found]
    return [section for section in picked if section['rows']]


def ratio(above, below):
    """Of the medians; with a star where the ranges overlap, so that no difference can be told."""
    if not above or not below or not statistics.median(below):
        return ''
    star = '*' if min(above) <= max(below) and min(below) <= max(above) else ''
    return f'{statistics.median(above) / statistics.median(below):.2f}{star}'


def cells(section):
    sides = [side for side in section['rows'][0]['sides'] if any(row['sides'][side] for row in section['rows'])]
    body = [['', *(NAMES[side] for side in sides), *(f'{NAMES[a]}/{NAMES[b]}' for a, b in section['ratios'])]]
    for row in section['rows']:
        unit = ' per I/O' if row['unit'].endswith('/IO') else f', {row["unit"]}' if row['unit'] else ''
        body.append([row['name'] + unit, *(spread(row['sides'][side], row['unit']) if row['sides'][side] else ''
                                           for side in sides),
                     *(ratio(row['sides'][a], row['sides'][b]) for a, b in section['ratios'])])
    return body


def notes(results):
    facts, guests = results['facts'], sum(run['system'] == 'torc' for run in results['runs'])
    return [f'Measured on {facts["date"]} in the lab: Linux {facts["kernel"]}, {facts["cpus"]} CPUs emulated on '
            f'{facts["machine_cpus"]}. Guests of 1 vCPU and 512 MiB; 4 KiB random I/O.',
            f'Medians of {guests} runs each, in turn; in brackets the smallest and the largest. * The ranges overlap, '
            f'so that no difference can be told.',
            'The lab is an emulated machine without AVIC or posted interrupts: counts and ratios mean something, '
            'times do not.']


def write_text(path, title, results, found):
    with open(path, 'w', encoding='utf-8') as file:
        print(title, *notes(results), sep='\n', file=file)
        for section in found:
            print(f'\n{section["title"]}', *([section['note']] if section['note'] else []), '', table(cells(section)),
                  sep='\n', file=file)


def write_html(path, title, results, found):
    parts = [f'<p class="note">{html.escape(note)}</p>' for note in notes(results)]
    for section in found:
        parts.append(f'<h2>{html.escape(section["title"])}</h2>')
        if section['note']:
            parts.append(f'<p class="note">{html.escape(section["note"])}</p>')
        for unit in dict.fromkeys(row['unit'] for row in section['rows']):
            parts.append(plots.plot([row for row in section['rows'] if row['unit'] == unit], UNITS[unit], NAMES))
        parts.append(plots.table(cells(section)))
    with open(path, 'w', encoding='utf-8') as file:
        file.write(plots.page(title, parts))


def main():
    folder, = sys.argv[1:]
    results = load(folder, 'lab')
    found = sections(results)
    title = 'The bare host, torc and QEMU in one run of the lab'
    with open(f'{folder}/table.json', 'w', encoding='utf-8') as file:
        json.dump({'sections': found, **results}, file, indent=1)
    save_tables(folder, *((section['title'], cells(section)) for section in recorded(found)))
    write_text(f'{folder}/report.txt', title, results, found)
    write_html(f'{folder}/report.html', title, results, found)


if __name__ == '__main__':
    main()
