#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""torc-bench compare, on results that are made up. Usage: test_bench_compare.py BENCH."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv.pop(1)
HOST = [100, 101, 102, 103, 104]


def result(host, torc, **more):
    """@host, @torc: p50 of each run, in microseconds."""
    runs = [{'system': system, 'command': '', 'jobs': {'a': {'iops': 1e6 / p50, 'p50': p50, 'p99.99': None, 'n': 5000}}}
            for system, values in (('host', host), ('torc', torc)) for p50 in values]
    return {'format': 1, 'what': 'nvme', 'jobs': [{'name': 'a', 'title': 'The job'}], 'runs': runs, 'device': {},
            'machine': {'kernel': '6.12'}, 'settings': {}, 'versions': {'fio': '3'}, **more}


class Compare(unittest.TestCase):
    def compare(self, before, after):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(f'{folder}/b')
            for path, what in (f'{folder}/a.json', before), (f'{folder}/b/result.json', after):
                with open(path, 'w', encoding='utf-8') as file:
                    json.dump(what, file)
            run = subprocess.run([sys.executable, f'{BENCH}/torc-bench', 'compare', f'{folder}/a.json', f'{folder}/b'],
                                 capture_output=True, text=True, check=False)
            return run.returncode, run.stdout + run.stderr

    def test_equal_results_are_seldom_told_worse(self):
        """Of sides that differ by chance alone: a hundred rows are looked at, and there is one exit status."""
        rng, worse = random.Random(7), 0
        for _ in range(30):
            sides = []
            for _ in range(2):
                both = result([rng.gauss(100, 8) for _ in range(6)], [rng.gauss(110, 8) for _ in range(6)])
                for run in both['runs']:
                    run['jobs']['a'].update({key: rng.gauss(100, 8) for key in ('mean', 'max', 'cpu_us', 'exits', 'interrupts')})
                sides.append(both)
            worse += self.compare(*sides)[0]
        self.assertLessEqual(worse, 2)

    def test_what_was_not_measured_is_no_result(self):
        whole = result(HOST, HOST)
        for runs in [], None:
            status, text = self.compare({**whole, 'runs': runs}, whole)
            self.assertEqual(status, 2, text)
            self.assertIn('remedy:', text)
        self.assertIn('a.json is incomplete: it was killed', self.compare({**whole, 'incomplete': 'it was killed'}, whole)[1])

    def test_noise_is_no_change(self):
        noise = [100, 103, 101, 102, 99]
        status, text = self.compare(result(noise, [110, 120, 130, 119, 125]), result(noise, [112, 121, 129, 150, 140]))
        self.assertEqual(status, 0, text)
        self.assertIn('nothing changed beyond the spread', text)

    def test_what_got_worse_is_named_and_fails(self):
        status, text = self.compare(result(HOST, [109, 110, 111, 112, 113]), result(HOST, [140, 141, 142, 143, 144]))
        self.assertEqual(status, 1)
        self.assertRegex(text, r'(?m)^torc +p50 +111.0 +142.0 +\+27.9% +worse$')
        self.assertRegex(text, r'(?m)^torc +p50 x host +1.09 +1.39 +\+\d+.\d% +worse$')
        self.assertRegex(text, r'(?m)^torc +I/Os per second .*worse$')
        self.assertNotRegex(text, '(?m)^host')

    def test_what_got_better_passes(self):
        status, text = self.compare(result(HOST, [140, 141, 142, 143, 144]), result(HOST, [109, 110, 111, 112, 113]))
        self.assertEqual(status, 0)
        self.assertIn('better', text)
        self.assertNotIn('worse\n\n', text)

    def test_a_small_change_is_none_however_certain(self):
        self.assertIn('nothing changed', self.compare(result([100] * 6, [200] * 6), result([100] * 6, [205] * 6))[1])

    def test_many_runs_that_overlap_are_tested(self):
        low, high = [100, 101, 102, 103, 104, 105, 116], [115, 117, 118, 119, 120, 121, 122]
        self.assertIn('worse', self.compare(result(low, low), result(low, high))[1])

    def test_few_runs_tell_nothing_however_far_apart(self):
        for before, after in ([100], [200]), ([100, 101, 102, 103], [200, 201, 202, 203]), (HOST, [200, 201]):
            status, text = self.compare(result(before, before), result(before[:len(after)], after))
            self.assertEqual(status, 0)
            self.assertRegex(text, r'(?m)^torc +p50 .* too few runs$')
            self.assertIn('too few runs to tell', text)
            self.assertIn('--rounds 3 or more', text)

    def test_the_longest_of_all_is_no_verdict(self):
        before, after = result(HOST, HOST), result(HOST, HOST)
        for side, factor in (before, 1), (after, 2):
            for at, run in enumerate(side['runs']):
                run['jobs']['a']['max'] = factor * (1000 + at)
        status, text = self.compare(before, after)
        self.assertEqual(status, 0)
        self.assertRegex(text, '(?m)^torc +max .*changed$')

    def test_what_else_is_different_is_said(self):
        after = result([1, 2], [1, 2], machine={'kernel': '6.18'}, versions={'fio': '4'})
        text = self.compare(result([1, 2], [1, 2]), after)[1]
        self.assertIn('kernel: 6.12 -> 6.18', text)
        self.assertIn('fio: 3 -> 4', text)

    def test_facts_that_were_checked_are_compared(self):
        def side(reason):
            return result([1], [1], check={'checks': [{'check': 'smt', 'verdict': 'fact', 'reason': reason},
                                                      {'check': 'ksm', 'verdict': 'ok', 'reason': reason}]})
        text = self.compare(side('on'), side('off'))[1]
        self.assertIn('smt: on -> off', text)
        self.assertNotIn('ksm', text)

    def test_what_cannot_be_compared(self):
        for after in result([1], [1], what='net'), result([1], [1], jobs=[]), {'format': 9}, []:
            status, text = self.compare(result([1], [1]), after)
            self.assertEqual(status, 2, text)
            self.assertIn('remedy:', text)


if __name__ == '__main__':
    unittest.main()
