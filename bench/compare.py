#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py BEFORE.json AFTER.json: what compare.sh prints. See there."""
import json
import math
import statistics
import sys

from report import table

P = 0.01
LEAST_CHANGE = 0.05
LEAST_REPETITIONS = 5
NS = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}


def load(path):
    """{benchmark: [ns of each repetition]}"""
    with open(path, encoding='utf-8') as file:
        results = json.load(file)['benchmarks']
    times = {}
    for result in results:
        if result.get('run_type', 'iteration') == 'iteration' and not result.get('error_occurred'):
            times.setdefault(result['name'], []).append(result['real_time'] * NS[result['time_unit']])
    return times


def mann_whitney(a, b):
    """The two-sided p that both come from the same distribution: exact, or by the normal approximation with ties."""
    wins = sum((x > y) + (x == y) / 2 for x in a for y in b)
    n, m = len(a), len(b)
    ranks = sorted(a + b)
    ties = [ranks.count(value) for value in set(ranks)]
    if max(ties) == 1:
        at_most = min(wins, n * m - wins)
        counts = wins_distribution(n, m)
        return min(1, 2 * sum(counts[:int(at_most) + 1]) / math.comb(n + m, n))
    total = n + m
    variance = n * m / 12 * (total + 1 - sum(t ** 3 - t for t in ties) / (total * (total - 1)))
    if not variance:
        return 1
    z = max(0, abs(wins - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def wins_distribution(n, m):
    """How many of the orders of n and m values give each U: the coefficients of a Gaussian binomial."""
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, n * m + 1):
            counts[u] += counts[u - i]
    return counts


def verdict(before, after):
    """('slower', 'faster', '' or why not, p)"""
    if min(len(before), len(after)) < LEAST_REPETITIONS:
        return 'too few repetitions', None
    p = mann_whitney(before, after)
    change = statistics.median(after) / statistics.median(before) - 1
    if p >= P or abs(change) < LEAST_CHANGE:
        return '', p
    return ('slower' if change > 0 else 'faster'), p


def main():
    try:
        before, after = (load(path) for path in sys.argv[1:])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f'compare.sh: {error}', file=sys.stderr)
        return 2
    both = [name for name in before if name in after]
    if not both:
        print('compare.sh: no benchmark is in both files', file=sys.stderr)
        return 2
    body, slower = [['', 'before', 'after', 'change', 'p', '']], 0
    for name in both:
        text, p = verdict(before[name], after[name])
        medians = statistics.median(before[name]), statistics.median(after[name])
        slower += text == 'slower'
        body.append([name, *(f'{median:,.1f} ns' for median in medians), f'{100 * (medians[1] / medians[0] - 1):+.1f}%',
                     '' if p is None else f'{p:.4f}', text])
    print(table(body))
    for side, names in ('before', [n for n in before if n not in after]), ('after', [n for n in after if n not in before]):
        if names:
            print(f'\nonly {side}: {", ".join(names)}')
    return 1 if slower else 0


if __name__ == '__main__':
    sys.exit(main())
