# SPDX-License-Identifier: Apache-2.0
"""
torc-bench compare: what changed between two results, beyond the spread of their runs.

As bench/compare.sh does: the Mann-Whitney U test finds it, and medians are far enough apart. With fewer than five runs on a
side it can find nothing, and neither can anything else: of two runs each a third lie apart by chance.
"""
import math
import os
import statistics

from compare import LEAST_CHANGE, LEAST_REPETITIONS, P, mann_whitney
from report import table
from torc_bench import metrics, results as found
from torc_bench.error import Refusal
from torc_bench.vmms import HOST, title

FEW = 'too few runs'

# What may explain a change, or be the point of it.
FACTS = (('device', 'bdf'), ('device', 'model'), ('device', 'serial'), ('device', 'link'), ('machine', 'cpu'),
         ('machine', 'cpus'), ('machine', 'kernel'), ('machine', 'kernel_command_line'), ('machine', 'governor'),
         ('machine', 'posted_interrupts'), ('settings', 'vCPUs'), ('settings', 'seconds'), ('settings', 'memory MiB'),
         ('settings', 'guests booted with'))


def load(path):
    try:
        return found.load(f'{path}/result.json' if os.path.isdir(path) else path)
    except (OSError, ValueError) as error:
        raise Refusal(path, str(error), 'a folder that torc-bench nvme or net has left, or its result.json') from None


def level(before, after, nr_rows):
    """
    The p below which a change is none by chance, where so many are looked at: P in all, or as little as these runs can tell,
    which is that no run of the one side is among the other's.
    """
    return max(P / nr_rows, 2 / math.comb(len(before) + len(after), len(after)) * (1 + 1e-9))


def change(metric, before, after, nr_rows):
    """(relative change or None, 'better', 'worse', 'changed', '' or why that cannot be told)"""
    if None in before + after or not before or not after:
        return None, 'too little'
    middle, now = statistics.median(before), statistics.median(after)
    if not middle:
        return None, '' if not now else 'changed'
    part = now / middle - 1
    if abs(part) < LEAST_CHANGE:
        return part, ''
    if min(len(before), len(after)) < LEAST_REPETITIONS:
        return part, FEW
    if mann_whitney(before, after) > level(before, after, nr_rows):
        return part, ''
    if metric.better == metrics.NEITHER:
        return part, 'changed'
    return part, 'better' if (part > 0) == (metric.better == metrics.HIGHER) else 'worse'


def job_values(before, after, job):
    """[(system, metric, [(what of it, values, values)])]: each value, and its ratio to the host's."""
    rows = []
    for metric, sides in found.rows(before, job):
        others = found.values(after, job, metric.key)
        for system in (each for each in sides if each in others):
            pairs = [('', sides[system], others[system])]
            has_host = metric.ratio and system != HOST and HOST in sides and HOST in others
            # Where one of the runs tells too little, no ratio does.
            if has_host and not any(None in side for values in (sides, others) for side in (values[system], values[HOST])):
                pairs.append((' x host', *(found.ratios(values[system], values[HOST]) for values in (sides, others))))
            rows.append((system, metric, [pair for pair in pairs if pair[1] and pair[2]]))
    return rows


def job_rows(before, after, job, nr_rows):
    """[(system, metric, what of it, values, values, change, words)]"""
    rows = []
    for system, metric, pairs in job_values(before, after, job):
        found_rows = [(system, metric, kind, a, b, *change(metric, a, b, nr_rows)) for kind, a, b in pairs]
        # What changed beside the host has to have changed by itself, too, or else it was the host that did; and likewise.
        if len({row[-1] for row in found_rows} - {FEW}) > 1:
            found_rows = [(*row[:-1], '' if row[-1] in ('better', 'worse') else row[-1]) for row in found_rows]
        rows += found_rows
    return rows


def cell(metric, kind, values):
    middle = found.median(values)
    return '-' if middle is None else f'{middle:.2f}' if kind else format(middle, metric.form)


def body(rows):
    lines = [['', '', 'before', 'after', 'change', '']]
    for system, metric, kind, before, after, part, words in rows:
        lines.append([title(system), metric.name + kind, cell(metric, kind, before), cell(metric, kind, after),
                      '' if part is None else f'{part:+.1%}', words])
    return lines


def checked(results):
    """{check: reason} of what torc-vfio check calls facts."""
    return {row['check']: row['reason'] for row in (results.get('check') or {}).get('checks', []) if row['verdict'] == 'fact'}


def differences(before, after):
    """[(what, before, after)] of machine, device, settings, versions and what was checked."""
    facts = checked(before), checked(after)
    rows = [(name, *(side.get(name) for side in facts)) for name in dict.fromkeys([*facts[0], *facts[1]])]
    rows += [(key.replace('_', ' '), before[part].get(key), after[part].get(key)) for part, key in FACTS]
    names = dict.fromkeys([*before['versions'], *after['versions']])
    rows += [(name, before['versions'].get(name), after['versions'].get(name)) for name in names]
    return [row for row in rows if row[1] != row[2]]


def main(path_before, path_after):
    """Prints it. Return: 0; 1 when something got worse."""
    before, after = load(path_before), load(path_after)
    for path, side in (path_before, before), (path_after, after):
        if not isinstance(side.get('runs'), list) or not side['runs']:
            raise Refusal(path, 'it has no runs: nothing was measured until its end', 'another result')
    if before['what'] != after['what']:
        raise Refusal(path_after, f'a result of {after["what"]}, and the other one of {before["what"]}',
                      'two results of the same command')
    both = [job for job in before['jobs'] if job['name'] in [other['name'] for other in after['jobs']]]
    if not both:
        raise Refusal(path_after, 'no job is in both results', 'two results of the same command')
    for name, was, now in differences(before, after):
        print(f'{name}: {was} -> {now}')
    for path, side in (path_before, before), (path_after, after):
        if side.get('incomplete'):
            print(f'{path} is incomplete: {side["incomplete"]}')
    worse = 0
    nr_rows = max(1, sum(len(job_values(before, after, job['name'])) for job in both))
    for job in both:
        rows = job_rows(before, after, job['name'], nr_rows)
        changed = [row for row in rows if row[-1] in ('better', 'worse', 'changed', FEW)]
        worse += sum(row[-1] == 'worse' for row in rows)
        print(f'\n{job["title"]}\n')
        print(table(body(changed), 2) if changed else 'nothing changed beyond the spread')
    least = min(len(side['runs']) // len(found.systems(side)) for side in (before, after))
    if least < LEAST_REPETITIONS:
        print(f'\ntoo few runs to tell what got worse: {least} of each system on a side, and {LEAST_REPETITIONS} are needed; '
              'measure with --rounds 3 or more')
        return 0
    print(f'\n{worse} got worse' if worse else '\nnothing got worse')
    return 1 if worse else 0

