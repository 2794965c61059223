# SPDX-License-Identifier: Apache-2.0
"""One page of a result: text for a terminal of 80 columns, HTML with plots, CSV. All read the same rows."""
import csv
import html
import json
import textwrap

import plots
from report import table
from torc_bench import metrics, results as found, verdict, workloads
from torc_bench.vmms import HOST, title

COLUMNS = 80
# What the name of a metric does not say.
IN_TABLES = {unit: f', {unit}' for unit in ('us', 'MiB/s', 'Mbit/s', '%')} | {'us/IO': ', us'}
# Systems beside the host that a table has, where it is not too wide then.
ABREAST = 2
PER = {'nvme': 'I/O', 'net': 'packet or trip'}
STAGES = {'host': "the host's handler", 'ring': "torc's ring", 'forward': 'forwarded to the irqfd', 'msi': 'routed as an MSI',
          'accept': 'taken by the local APIC', 'inject': 'injected', 'entry': 'the vCPU enters the guest',
          'eoi': 'the guest ends it'}


def number(value, form):
    return '-' if value is None else format(value, form)


def side_cell(metric, values):
    """Nothing where there can be nothing: the bare host has no exits."""
    return '' if not metric.ratio and not found.known(values) else number(found.median(values), metric.form)


def ratio_cell(metric, values, host):
    beside = found.ratio(values, host) if metric.ratio else None
    if not beside:
        return ''
    return f'{beside[0]:.2f}±{beside[1]:.2f}' if len(values) > 1 else f'{beside[0]:.2f}'


def job_table(results, job, systems):
    """rows[0] is the head: the host, and each system with its ratio."""
    head = ['', title(HOST)]
    for system in systems:
        head += [title(system), 'x host']
    body = [head]
    for metric, sides in found.rows(results, job):
        row = [metric.name + IN_TABLES.get(metric.unit, ''), side_cell(metric, sides.get(HOST, []))]
        for system in systems:
            row += [side_cell(metric, sides[system]), ratio_cell(metric, sides[system], sides.get(HOST, []))]
        body.append(row)
    return body


def others(results):
    return [system for system in found.systems(results) if system != HOST]


def tables(results, job):
    """As many tables as it takes for all systems on a terminal."""
    systems = others(results)
    if not systems:
        return [job_table(results, job, [])]
    for abreast in range(ABREAST, 0, -1):
        bodies = [job_table(results, job, systems[at:at + abreast]) for at in range(0, len(systems), abreast)]
        if abreast == 1 or all(len(line) <= COLUMNS for body in bodies for line in table(body).splitlines()):
            return bodies
    return []


def reasons_table(results, job):
    """Exits by reason, of each VMM."""
    counted = {system: found.detail(results, job, system, 'reasons') for system in found.systems(results)}
    counted = {system: reasons for system, reasons in counted.items() if reasons}
    if not counted:
        return []
    body = [[f'exits per {PER[results["what"]]}, by reason', *(title(system) for system in counted)]]
    for kind, prefix in ('exits', ''), ('user_exits', 'to the VMM: '):
        names = {name for reasons in counted.values() for name, count in reasons[kind].items() if count >= 0.0005}
        for name in sorted(names, key=lambda name: -max(reasons[kind].get(name, 0) for reasons in counted.values())):
            body.append([prefix + name, *(f'{reasons[kind].get(name, 0):.3f}' for reasons in counted.values())])
    return body


def stages_table(results, job):
    """Where torc's interrupts spend their time."""
    stages = found.detail(results, job, 'torc', 'stages')
    if not stages or not stages.get('stages'):
        return []
    body = [['an interrupt of torc, by stage', 'p50, us', 'mean, us', 'n']]
    order = [name for name in STAGES if name in stages['stages']]
    for name in order + [name for name in stages['stages'] if name not in STAGES]:
        stage = stages['stages'][name]
        body.append([f'{name}: {STAGES.get(name, "")}', f'{stage["p50"]:,.1f}', f'{stage["mean"]:,.1f}', f'{stage["count"]:,}'])
    if stages['total']:
        body.append(['all of it, until the guest has it', *(f'{stages["total"][key]:,.1f}' for key in ('p50', 'mean')), f'{stages["total"]["count"]:,}'])
    return body


def heading(results):
    device = results['device']
    name = device.get('model') or device.get('interface') or device['bdf']
    return f'torc-bench {results["what"]}: {name} at {device["bdf"]}'


def notes(results):
    counts = [sum(run['system'] == system for run in results['runs']) for system in found.systems(results)]
    often = f'{counts[0]}' if len(set(counts)) == 1 else f'{min(counts)} to {max(counts)}'
    text = [f'Incomplete: {results["incomplete"]}'] if results.get('incomplete') else []
    text = [*text,
            f'Medians of {often} run{"" if often == "1" else "s"} of each system, in turn; "x host" is the median of the ratios of '
            f'each run to the host\'s run of the same half round, and half of their range.',
            *(['fio keeps latencies in steps of 1/64 of a power of two: of 1 us from 65 us on, of 4 us from 262 us on.']
              if results['what'] == 'nvme' else []),
            f'A percentile with fewer than {metrics.LEAST_BEYOND} samples beyond it in one of the runs is "-".']
    posted = results['machine']['posted_interrupts']
    text.append('Posted interrupts: yes; they reach a running vCPU past the host, which cannot see their way.'
                if posted == 'yes' else f'Posted interrupts: {posted}.')
    text.append(f'Exits by reason are counted for {workloads.COUNTED_S:g} s of the first run of each system, and stages for '
                f'{workloads.TRACED_S:g} s of torc\'s, beside a load of their own: they need not add up to what the table has.')
    text += [f'Not counted: {what}.' for what in results['machine'].get('not_counted', [])]
    if results['machine'].get('other_machines'):
        text.append(f'Other virtual machines ran meanwhile, {results["machine"]["other_machines"]} at most: host CPU and '
                    'posting notices are theirs, too.')
    if results['machine'].get('hypervisor'):
        text.append('This machine is a virtual one: its times mean nothing, and they and their ratios vary with what else its host '
                    'does, from run to run and from one measurement to the next. Where it runs without hardware help, so do '
                    'exits.')
    return text


def facts(results):
    device, machine, settings = results['device'], results['machine'], results['settings']
    found_facts = [('date', results['date']), ('device', ', '.join(f'{key} {value}' for key, value in device.items()
                                                                   if value not in (None, '', 'bdf') and key != 'bdf')),
                   ('CPU', f'{machine["cpu"]}, {machine["cpus"]} CPUs, governor {machine["governor"]}'),
                   ('kernel', f'Linux {machine["kernel"]}, on the host and in the guests'),
                   ('booted with', machine['kernel_command_line']),
                   ('settings', ', '.join(f'{key} {value}' for key, value in settings.items()))]
    found_facts += [(name, version) for name, version in results['versions'].items()]
    found_facts += [('check', line) for line in check_lines(results.get('check'))]
    return found_facts


def check_lines(check):
    """What torc-vfio check --json found that is not just ok. The driver is torc-bench's own matter."""
    if check is None:
        return ['this torc-vfio has no check']
    rows = [row for row in check.get('checks', []) if row.get('verdict') != 'ok' and row.get('check') != 'driver']
    return [f'{row.get("verdict")}: {row.get("check")}: {row.get("reason")}' +
            ''.join(f'; {line}' for line in row.get('now') or []) for row in rows] or ['nothing is in the way']


def commands(results):
    """To repeat it."""
    first = {}
    for run in results['runs']:
        if run['command']:
            first.setdefault(run['system'], run['command'])
    lines = [('all of this', results['command']), *((title(system), line) for system, line in first.items())]
    for job in results['jobs']:
        line = next((run['jobs'][job['name']].get('command') for run in results['runs'] if job['name'] in run['jobs']), None)
        lines += [(job['name'], line)] if line else []
    return lines


def repeating(results):
    where = {'nvme': 'on the host and in each guest', 'net': 'at the peer, against servers on the host and in each guest'}
    return f'Jobs run {where[results["what"]]}. The initramfs was made for this measurement, of programs and modules of the host, and is gone.'


def wrapped(name, text):
    return textwrap.fill(f'{text}', COLUMNS, initial_indent=f'  {name:<12} ', subsequent_indent=' ' * 15,
                         break_on_hyphens=False, break_long_words=False)


def text(results):
    parts = [heading(results), '']
    parts += [textwrap.fill(note, COLUMNS) for note in notes(results)]
    for job in results['jobs']:
        parts += ['', job['title'], '']
        parts += [textwrap.fill(line, COLUMNS, initial_indent='  ', subsequent_indent='    ') for line in
                  verdict.lines(results, job['name'])]
        for rows in [*tables(results, job['name']), reasons_table(results, job['name']), stages_table(results, job['name'])]:
            if len(rows) > 1:
                parts += ['', table(rows)]
    parts += ['', 'The machine', '', *(wrapped(name, value) for name, value in facts(results))]
    parts += ['', 'To repeat it', '', textwrap.fill(repeating(results), COLUMNS), '']
    parts += [wrapped(name, value) for name, value in commands(results)]
    return '\n'.join(parts) + '\n'


def plot_rows(results, metric):
    """The rows of one metric in all jobs, for plots.plot()."""
    rows = []
    for job in results['jobs']:
        sides = {system: [] if None in side else side
                 for system, side in found.values(results, job['name'], metric.key).items()}
        rows.append({'name': job['title'], 'sides': sides})
    return rows


def page(results):
    names = {system: title(system) for system in found.systems(results)}
    parts = [f'<p class="note">{html.escape(note)}</p>' for note in notes(results)]
    for job in results['jobs']:
        parts.append(f'<h2>{html.escape(job["title"])}</h2>')
        parts += [f'<p>{html.escape(line)}</p>' for line in verdict.lines(results, job['name'])]
        parts += [plots.table(rows) for rows in [job_table(results, job['name'], others(results)),
                                                 reasons_table(results, job['name']), stages_table(results, job['name'])]
                  if len(rows) > 1]
    parts.append('<h2>Each run is a dot</h2>')
    for metric in metrics.OF[results['what']]:
        unit = metrics.UNITS.get(metric.unit, metric.unit)
        plot = plots.plot(plot_rows(results, metric), unit if unit == metric.name else f'{metric.name}, {unit}', names)
        if plot:
            parts += [f'<h3>{html.escape(metric.name)}</h3>', plot]
    parts += ['<h2>The machine</h2>', plots.facts(facts(results))]
    parts += ['<h2>To repeat it</h2>', f'<p class="note">{html.escape(repeating(results))}</p>',
              plots.facts(commands(results), code=True)]
    return plots.page(heading(results), parts)


def write_csv(results, file):
    """A line for each value of each run."""
    writer = csv.writer(file)
    writer.writerow(['job', 'metric', 'unit', 'system', 'run', 'value'])
    for job in results['jobs']:
        for metric, sides in found.rows(results, job['name']):
            for system, side in sides.items():
                for run, value in enumerate(side, 1):
                    writer.writerow([job['name'], metric.key, metric.unit, system, run, '' if value is None else value])


def write(results, folder):
    """result.json, report.txt, report.html and result.csv."""
    with open(f'{folder}/result.json', 'w', encoding='utf-8') as file:
        json.dump({**results, 'summary': found.summary(results)}, file, indent=1)
    with open(f'{folder}/report.txt', 'w', encoding='utf-8') as file:
        file.write(text(results))
    with open(f'{folder}/report.html', 'w', encoding='utf-8') as file:
        file.write(page(results))
    with open(f'{folder}/result.csv', 'w', encoding='utf-8', newline='') as file:
        write_csv(results, file)
