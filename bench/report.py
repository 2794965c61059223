#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py numbers|demo FOLDER: print what measure.py and others found, for people. FOLDER has their JSON.

`numbers` also writes FOLDER/table.json: {"rows": [...], "runs": [...]}.
"""
import json
import statistics
import sys

VMMS = ('torc', 'qemu')
NVME = {'device': True, 'cpus': 1}
NONE = {'device': False, 'cpus': 1}
FORMATS = {'ms': ',.0f', 'us': ',.0f', 'IOPS': ',.0f', 'Mbit/s': ',.0f', 'MiB': '.1f', '/IO': '.2f', 'calls/IO': '.2f',
           '': ',.0f', 'per burst': '.1f'}


def table(rows, left=1):
    """Lines of a table under its head, rows[0]; all but the first `left` columns are numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(f'{cell:{"<" if i < left else ">"}{widths[i]}}' for i, cell in enumerate(row)).rstrip()
             for row in rows]
    return '\n'.join(lines[:1] + ['  '.join('-' * width for width in widths)] + lines[1:])


def markdown(title, rows):
    """A table as table()'s, of Markdown."""
    lines = [rows[0], ['---'] * len(rows[0]), *rows[1:]]
    return '\n'.join([f'**{title}**', ''] * bool(title) + [f'| {" | ".join(cells)} |' for cells in lines])


def save_tables(folder, *tables):
    """@tables: (title or '', rows) of what belongs into RESULTS.md, for record.py: FOLDER/tables.md."""
    with open(f'{folder}/tables.md', 'w', encoding='utf-8') as file:
        print(*(markdown(*table_) for table_ in tables), sep='\n\n', file=file)


def load(folder, name):
    with open(f'{folder}/{name}.json', encoding='utf-8') as file:
        return json.load(file)


# What is taken from one run.
def per_io(kind, depth):
    return lambda run: sum(run['load'][depth]['traced'][kind].values()) / run['load'][depth]['traced']['ios']


def entry(run):
    return run['entry_ms']


def line(run):
    return run['line_ms']


def private(run):
    return sum(run['private_kib'].values()) / 1024


def until_line(run):
    return sum(run['user_exits'].values())


def routing(run):
    return run['ioctls']['KVM_SET_GSI_ROUTING'] / max(1, run['bursts'])


# Name, unit, what, which runs, target, whether torc's and QEMU's medians meet it.
ROWS = [
    ('userspace exits per I/O, QD1', '/IO', per_io('user_exits', '1'), NVME, '0', lambda t, q: t < 0.0005),
    ('userspace exits per I/O, QD32', '/IO', per_io('user_exits', '32'), NVME, '0', lambda t, q: t < 0.0005),
    ('KVM exits per I/O, QD1', '/IO', per_io('exits', '1'), NVME, "QEMU's", lambda t, q: t <= q),
    ('KVM exits per I/O, QD32', '/IO', per_io('exits', '32'), NVME, "QEMU's", lambda t, q: t <= q),
    ('exec to first guest instruction, NVMe', 'ms', entry, NVME, "0.5 of QEMU's", lambda t, q: t <= 0.5 * q),
    ('exec to first guest instruction, no device', 'ms', entry, NONE, "0.25 of QEMU's", lambda t, q: t <= 0.25 * q),
    ("exec to the guest's first line, NVMe", 'ms', line, NVME, '', None),
    ("exec to the guest's first line, no device", 'ms', line, NONE, '', None),
    ('private memory beside guest RAM, NVMe', 'MiB', private, NVME, '4 MiB', lambda t, q: t <= 4),
    ('private memory beside guest RAM, no device', 'MiB', private, NONE, '4 MiB', lambda t, q: t <= 4),
    ("userspace exits to the guest's first line, NVMe", '', until_line, NVME, '4,500', lambda t, q: t <= 4500),
    ("userspace exits to the guest's first line, no device", '', until_line, NONE, '4,500', lambda t, q: t <= 4500),
    ('KVM_SET_GSI_ROUTING per burst, 1 vCPU', 'per burst', routing, NVME, '2', lambda t, q: t <= 2),
    ('KVM_SET_GSI_ROUTING per burst, 4 vCPUs', 'per burst', routing, {'device': True, 'cpus': 4}, '2',
     lambda t, q: t <= 2),
]


def select(runs, vmm, want):
    return [run for run in runs if run['vmm'] == vmm and all(run[key] == value for key, value in want.items())]


def make_rows(runs):
    rows = []
    for name, unit, get, want, target, verdict in ROWS:
        torc, qemu = ([get(run) for run in select(runs, vmm, want)] for vmm in VMMS)
        mine, peer = statistics.median(torc), statistics.median(qemu)
        met = '' if verdict is None else 'met' if verdict(mine, peer) else 'MISSED'
        # Where the target is what the peer does: does the difference say anything?
        if target == "QEMU's" and min(torc) <= max(qemu) and min(qemu) <= max(torc):
            met = 'met *' if met == 'met' else 'even *'
        rows.append({'name': name, 'unit': unit, 'torc': mine, 'qemu': peer, 'torc_all': torc, 'qemu_all': qemu,
                     'ratio': mine / peer if peer else None, 'target': target, 'verdict': met})
    return rows


def spread(values, unit):
    low, middle, high = (format(value, FORMATS[unit]) for value in
                         (min(values), statistics.median(values), max(values)))
    return middle if low == high else f'{middle} [{low} - {high}]'


def median_counts(runs, get):
    """{name: median} of dicts; a name that a run does not have counts 0 there. Largest first."""
    dicts = [get(run) for run in runs]
    names = {name for counts in dicts for name in counts}
    medians = {name: statistics.median([counts.get(name, 0) for counts in dicts]) for name in names}
    return dict(sorted(medians.items(), key=lambda item: -item[1]))


def side_by_side(runs, want, get, form, head, by_name=False):
    torc, qemu = (median_counts(select(runs, vmm, want), get) for vmm in VMMS)
    names = sorted(set(torc) | set(qemu),
                   key=lambda name: name if by_name else -max(torc.get(name, 0), qemu.get(name, 0)))
    return table([[head, 'torc', 'QEMU']] +
                 [[name] + [format(counts.get(name, 0), form) for counts in (torc, qemu)] for name in names])


def exits_per_io(depth):
    def get(run):
        window = run['load'][depth]['traced']
        return {name: count / window['ios'] for name, count in window['exits'].items()
                if count / window['ios'] >= 0.0005}
    return get


def interrupts(run):
    found = {}
    for depth, load_ in run['load'].items():
        window, plain = load_['traced'], load_['plain']
        exits = sum(window['exits'].values())
        found[f'QD{depth}: I/Os per interrupt of the drive'] = window['ios'] / max(1, window['interrupts'])
        found[f'QD{depth}: exits per interrupt of the drive'] = exits / max(1, window['interrupts'])
        found[f"QD{depth}: exits per I/O, by KVM's counter, nothing traced"] = plain['exits']['all'] / plain['ios']
    return found


def bring_up(run):
    counts = dict(run['ioctls'])
    counts["vectors in the guest's use"] = run['vectors']
    counts['unmasks by the guest'] = run['unmasks']
    counts['bursts of unmasks'] = run['bursts']
    return counts


def tracing_cost(runs):
    """How much slower the traced window was than the one without, per VMM and depth."""
    texts = []
    for vmm in VMMS:
        for depth in '1', '32':
            ratios = [run['load'][depth]['traced']['iops'] / run['load'][depth]['plain']['iops']
                      for run in select(runs, vmm, NVME)]
            texts.append(f'{vmm} QD{depth} {statistics.median(ratios):.2f}')
    return ', '.join(texts)


def memory_parts(run):
    parts = run['private_kib']
    grouped = {'anonymous, heap, stacks': 0, 'program and libraries': 0, 'other': 0}
    for name, kib in parts.items():
        kind = 'anonymous, heap, stacks' if name in ('anonymous', '[heap]', '[stack]') else \
            'program and libraries' if '.so' in name or name in ('torc', 'qemu-system-x86_64') else 'other'
        grouped[kind] += kib
    return {name: kib / 1024 for name, kib in grouped.items()}


def numbers(folder):
    runs = load(folder, 'numbers')['runs']
    rows = make_rows(runs)
    with open(f'{folder}/table.json', 'w', encoding='utf-8') as file:
        json.dump({'rows': rows, 'runs': runs}, file, indent=1)
    body = [['', 'torc', 'QEMU', 'ratio', 'target, at most', '']]
    for row in rows:
        unit = f', {row["unit"]}' if row['unit'] in ('ms', 'MiB') else ''
        body.append([row['name'] + unit, spread(row['torc_all'], row['unit']), spread(row['qemu_all'], row['unit']),
                     '' if row['ratio'] is None else f'{row["ratio"]:.2f}', row['target'], row['verdict']])
    save_tables(folder, ('', body))
    io = {depth: side_by_side(runs, NVME, exits_per_io(depth), '.3f', f'KVM exits per I/O at QD{depth}')
          for depth in ('1', '32')}
    iops = {vmm: {depth: statistics.median([run['load'][depth]['traced']['iops'] for run in select(runs, vmm, NVME)])
                  for depth in ('1', '32')} for vmm in VMMS}
    print(f"""torc beside QEMU in one run of the lab: 1 vCPU, 512 MiB, the same kernel and initramfs, one NVMe drive

{table(body)}
Medians of {len(select(runs, 'torc', NVME))} guests each, in turn; in brackets the smallest and the largest.
While fio reads, the vCPU's thread is on one CPU of the drive's node and the drive's interrupts are on another,
whichever the VMM.
* The ranges overlap, so no difference can be told. The slower the emulated machine is at the moment, the fewer
  requests share an interrupt, and the more exits each takes.

{io['1']}

{io['32']}

{side_by_side(runs, NVME, interrupts, '.2f', 'interrupts', by_name=True)}
Reads per second: torc {iops['torc']['1']:,.0f} and {iops['torc']['32']:,.0f}, QEMU {iops['qemu']['1']:,.0f} and \
{iops['qemu']['32']:,.0f}, at QD1 and QD32.

{side_by_side(runs, NVME, lambda run: run['user_exits'], ',.0f', "userspace exits to the first line, NVMe")}

{side_by_side(runs, NONE, lambda run: run['user_exits'], ',.0f', "userspace exits to the first line, no device")}

{side_by_side(runs, NVME, bring_up, ',.0f', 'to bring up the NVMe drive, 1 vCPU')}

{side_by_side(runs, {'device': True, 'cpus': 4}, bring_up, ',.0f', 'to bring up the NVMe drive, 4 vCPUs')}

{side_by_side(runs, NVME, memory_parts, '.1f', 'private memory with NVMe, MiB')}

Tracing: reads per second with it as a share of those without: {tracing_cost(runs)}.
The lab is an emulated machine without AVIC or posted interrupts: counts and ratios mean something, times do not.
Not measured: kvmtool, of which the lab's Debian releases have no package.""")


def fio_row(name, host, guest, get, form):
    return [name] + [format(get(side[depth]['jobs'][0]['read']), form) for depth in ('1', '32')
                     for side in (host, guest)]


def percentile(number):
    return lambda job: job['lat_ns']['percentile'][f'{number:f}'] / 1000


def vectors(run):
    """[[vector's name, where, before, after]] from two looks at /proc/interrupts."""
    before, after = ({parts[0]: parts for parts in map(str.split, run[when])} for when in ('irq_before', 'irq_after'))
    rows = []
    for key, parts in after.items():
        cpus = [int(word) for word in parts[1:1 + run['cpus']]]
        earlier = [int(word) for word in before[key][1:1 + run['cpus']]] if key in before else [0] * len(cpus)
        fired = [a - b for a, b in zip(cpus, earlier)]
        rows.append([parts[-1], f'IRQ {key.rstrip(":")}'] + [f'{count:,}' for count in fired] + [f'{sum(fired):,}'])
    return rows


def command_lines(command):
    return command.replace(' --', ' \\\n                 --')


def demo(folder):
    run, host = load(folder, 'demo'), load(folder, 'host')
    bare = {depth: load(folder, f'host-qd{depth}') for depth in ('1', '32')}
    guest = run['fio']
    windows = {depth: run['load'][depth]['traced'] for depth in ('1', '32')}
    reasons = [{name: count / window['ios'] for name, count in
                list(window['exits'].items()) + [(f'to userspace: {name}', count) for name, count in
                                                 window['user_exits'].items()]} for window in windows.values()]
    names = sorted({name for counts in reasons for name in counts}, key=lambda name: -max(
        counts.get(name, 0) for counts in reasons))
    exits = [['VM exits per I/O', 'QD1', 'QD32']] + \
        [[name] + [f'{counts.get(name, 0):.3f}' for counts in reasons] for name in names] + \
        [['all', *(f'{sum(window["exits"].values()) / window["ios"]:.3f}' for window in windows.values())],
         ['to userspace', *(f'{sum(window["user_exits"].values()) / window["ios"]:.3f}'
                            for window in windows.values())]]
    fio = [['4 KiB random reads', 'QD1 host', 'QD1 guest', 'QD32 host', 'QD32 guest'],
           fio_row('IOPS', bare, guest, lambda job: job['iops'], ',.0f')]
    fio += [fio_row(f'p{number:g}, us', bare, guest, percentile(number), ',.0f') for number in (50, 99, 99.9)]
    written = guest['verify']['jobs'][0]
    print(f"""torc demo: a Linux guest with a passed-through NVMe drive

  device       {host['bdf']}, {host['model']}, serial {host['serial']}
  driver       vfio-pci (before: {host['driver']})
  IOMMU group  {host['group']}
  NUMA node    {host['node']}
  host         Linux {host['kernel']}, emulated; {host['cpus']} CPUs
  guest        Linux {host['guest_kernel']}, {run['cpus']} vCPUs, 512 MiB
  command      {command_lines(run['command'])}

In the guest, fio wrote {written['write']['io_bytes'] >> 20} MiB and verified {written['read']['io_bytes'] >> 20} MiB \
by crc32c: {'no error' if written['error'] == 0 else f'error {written["error"]}'}.

{table(fio)}

{table([['MSI-X vector', 'in the guest'] + [f'CPU{cpu}' for cpu in range(run['cpus'])] + ['fired']] + vectors(run), 2)}

{table(exits)}

  exec to the first guest instruction   {run['entry_ms']:8,.0f} ms
  exec to the guest's first line        {run['line_ms']:8,.0f} ms
  userspace exits until then            {sum(run['user_exits'].values()):8,}
  private memory beside guest RAM       {sum(run['private_kib'].values()) / 1024:8.1f} MiB

The host is an emulated machine, whose times say little about real ones: compare host with guest, and counts.
There is no AVIC and no posted interrupt in it, so every interrupt costs the guest exits that it need not on hardware.""")


if __name__ == '__main__':
    {'numbers': numbers, 'demo': demo}[sys.argv[1]](sys.argv[2])
