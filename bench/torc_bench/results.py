# SPDX-License-Identifier: Apache-2.0
"""
A measurement's results, as result.json has them, and what is made of them: rows of values, ratios, their spread.

result.json: {"format": 1, "what": "nvme"|"net", "command", "date", "device", "machine", "versions", "settings", "check",
"runs": [{"system", "command", "start_s", "jobs": {name: {metric: value, "reasons": ..., "stages": ...}}}],
"jobs": [{"name", "title"}]}. The values of a metric are those of metrics.py.
"""
import json
import statistics

from torc_bench import metrics
from torc_bench.vmms import HOST

FORMAT = 1


def load(path):
    with open(path, encoding='utf-8') as file:
        results = json.load(file)
    if not isinstance(results, dict) or results.get('format') != FORMAT or results.get('what') not in metrics.OF:
        raise ValueError(f'{path}: no result.json of torc-bench, or of another version of it')
    return results


def systems(results):
    """In the order in which they were first measured."""
    return list(dict.fromkeys(run['system'] for run in results['runs']))


def values(results, job, key):
    """{system: [value of each run]}; None where there was too little to tell."""
    return {system: [run['jobs'][job].get(key) for run in results['runs']
                     if run['system'] == system and job in run['jobs']] for system in systems(results)}


def known(found):
    """Without those that are None."""
    return [value for value in found if value is not None]


def median(found):
    """None when one of the runs did not tell, or there is none."""
    return statistics.median(found) if found and None not in found else None


def ratios(above, below):
    """Of each run by the host's run of the same half of a round: what drifts is on both alike."""
    return [a / b for a, b in zip(above, below) if a is not None and b]


def ratio(above, below):
    """(median, half of the range) of the ratios, or None."""
    if None in (median(above), median(below)):
        return None
    found = ratios(above, below)
    return (statistics.median(found), (max(found) - min(found)) / 2) if found else None


def rows(results, job):
    """[(metric, {system: [values]})] of what was measured, also where it tells too little."""
    keys = {key for run in results['runs'] for key in run['jobs'].get(job, {})}
    return [(metric, values(results, job, metric.key)) for metric in metrics.OF[results['what']] if metric.key in keys]


def detail(results, job, system, key):
    """What one run of the system had beside the numbers, or None."""
    return next((run['jobs'][job][key] for run in results['runs'] if run['system'] == system and
                 run['jobs'].get(job, {}).get(key)), None)


def overlap(a, b):
    """Whether no difference can be told."""
    return min(a) <= max(b) and min(b) <= max(a)


def summary(results):
    """What a program may want instead of the runs: medians, ratios and their spread, by job, metric and system."""
    found = {}
    for job in results['jobs']:
        for metric, sides in rows(results, job['name']):
            for system, side in sides.items():
                beside = ratio(side, sides[HOST]) if metric.ratio and system != HOST else None
                found.setdefault(job['name'], {}).setdefault(metric.key, {})[system] = {
                    'median': median(side), 'values': side, 'unit': metric.unit,
                    'ratio': beside and beside[0], 'spread': beside and beside[1]}
    return found
