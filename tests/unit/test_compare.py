#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/compare.sh, on files whose times are made up. Usage: test_compare.py COMPARE."""
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

COMPARE = sys.argv.pop(1)
sys.path.insert(0, os.path.dirname(COMPARE))

from compare import mann_whitney  # noqa: E402 pylint: disable=wrong-import-position


def noise(median, repetitions=9, seed=1):
    source = random.Random(seed)
    return [median * source.uniform(0.97, 1.03) for _ in range(repetitions)]


class Compare(unittest.TestCase):
    def compare(self, before, after):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, times in ('before', before), ('after', after):
                paths.append(f'{folder}/{name}.json')
                rows = [{'name': bench, 'run_type': 'iteration', 'real_time': time, 'time_unit': 'us'}
                        for bench, each in times.items() for time in each]
                rows += [{'name': f'{bench}_median', 'run_type': 'aggregate', 'real_time': 1, 'time_unit': 'us'}
                         for bench in times]
                with open(paths[-1], 'w', encoding='utf-8') as file:
                    json.dump({'benchmarks': rows}, file)
            run = subprocess.run(['sh', COMPARE, *paths], capture_output=True, text=True, check=False)
            return run.returncode, run.stdout + run.stderr

    def test_noise_is_no_change(self):
        status, text = self.compare({'a': noise(10)}, {'a': noise(10, seed=2)})
        self.assertEqual(status, 0)
        self.assertNotRegex(text, 'slower|faster')

    def test_what_got_slower_is_named_and_fails(self):
        status, text = self.compare({'a': noise(10), 'b': noise(5)}, {'a': noise(12, seed=2), 'b': noise(5, seed=3)})
        self.assertEqual(status, 1)
        self.assertRegex(text, r'(?m)^a .*slower$')
        self.assertNotRegex(text, r'(?m)^b .*slower')

    def test_what_got_faster_is_named_and_passes(self):
        status, text = self.compare({'a': noise(10)}, {'a': noise(7, seed=2)})
        self.assertEqual(status, 0)
        self.assertIn('faster', text)

    def test_a_small_change_is_none_however_certain(self):
        self.assertEqual(self.compare({'a': [10 + i / 1e3 for i in range(9)]},
                                      {'a': [10.2 + i / 1e3 for i in range(9)]})[0], 0)

    def test_medians_apart_within_the_noise_are_no_change(self):
        self.assertEqual(self.compare({'a': [5, 7, 8, 9, 10, 11, 12, 13, 15]},
                                      {'a': [6, 7.5, 8.5, 10.5, 11.2, 11.5, 12.5, 13.5, 14]})[0], 0)

    def test_one_outlier_is_no_change(self):
        self.assertEqual(self.compare({'a': noise(10)}, {'a': noise(10, 8, seed=2) + [1000]})[0], 0)

    def test_few_repetitions_prove_nothing(self):
        status, text = self.compare({'a': [10] * 3}, {'a': [20] * 3})
        self.assertEqual(status, 0)
        self.assertIn('too few', text)

    def test_what_is_on_one_side_only_is_said(self):
        self.assertIn('only after: b', self.compare({'a': noise(10)}, {'a': noise(10), 'b': noise(1)})[1])

    def test_nothing_in_common_cannot_be_compared(self):
        self.assertEqual(self.compare({'a': noise(10)}, {'b': noise(10)})[0], 2)

    def test_p_is_that_of_all_orders(self):
        a, b = [1, 2, 4, 7], [3, 5, 6, 8, 9]
        u = sum(x > y for x in a for y in b)
        orders = [sum(x > y for x in first for y in range(1, 10) if y not in first)
                  for first in itertools.combinations(range(1, 10), 4)]
        extreme = sum(min(each, 20 - each) <= min(u, 20 - u) for each in orders)
        self.assertAlmostEqual(mann_whitney(a, b), extreme / len(orders))


if __name__ == '__main__':
    unittest.main()
