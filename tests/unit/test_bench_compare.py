#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""torc-bench compare, on results that are made up. Usage: test_bench_compare.py BENCH."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = sys.argv.pop(1)


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

    def test_noise_is_no_change(self):
        status, text = self.compare(result([100, 103], [110, 120]), result([101, 102], [112, 119]))
        self.assertEqual(status, 0, text)
        self.assertIn('nothing changed beyond the spread', text)

    def test_what_got_worse_is_named_and_fails(self):
        status, text = self.compare(result([100, 103], [110, 112]), result([101, 102], [140, 145]))
        self.assertEqual(status, 1)
        self.assertRegex(text, r'(?m)^torc +p50 +111.0 +142.5 +\+28.4% +worse$')
        self.assertRegex(text, r'(?m)^torc +p50 x host +1.09 +1.40 +\+\d+.\d% +worse$')
        self.assertRegex(text, r'(?m)^torc +I/Os per second .*worse$')
        self.assertNotRegex(text, '(?m)^host')

    def test_what_got_better_passes(self):
        status, text = self.compare(result([100, 103], [140, 145]), result([101, 102], [110, 112]))
        self.assertEqual(status, 0)
        self.assertIn('better', text)
        self.assertNotIn('worse\n\n', text)

    def test_a_small_change_is_none_however_certain(self):
        self.assertIn('nothing changed', self.compare(result([100, 100], [200, 200]), result([100, 100], [205, 205]))[1])

    def test_many_runs_that_overlap_are_tested(self):
        low, high = [100, 101, 102, 103, 104, 105, 116], [115, 117, 118, 119, 120, 121, 122]
        self.assertIn('worse', self.compare(result(low, low), result(low, high))[1])

    def test_one_run_tells_nothing(self):
        status, text = self.compare(result([100], [110]), result([100], [200]))
        self.assertEqual(status, 0)
        self.assertIn('one run', text)

    def test_what_else_is_different_is_said(self):
        after = result([1, 2], [1, 2], machine={'kernel': '6.18'}, versions={'fio': '4'})
        text = self.compare(result([1, 2], [1, 2]), after)[1]
        self.assertIn('kernel: 6.12 -> 6.18', text)
        self.assertIn('fio: 3 -> 4', text)

    def test_what_cannot_be_compared(self):
        for after in result([1], [1], what='net'), result([1], [1], jobs=[]), {'format': 9}, []:
            status, text = self.compare(result([1], [1]), after)
            self.assertEqual(status, 2, text)
            self.assertIn('remedy:', text)


if __name__ == '__main__':
    unittest.main()
