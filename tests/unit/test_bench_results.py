#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages of torc-bench, of results that are made up. Usage: test_bench_results.py BENCH."""
import copy
import csv
import io
import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
from bench_results import made_up, run  # noqa: E402
from torc_bench import metrics, nvme, page, results, stages, verdict  # noqa: E402

class Ratios(unittest.TestCase):
    def test_each_run_is_beside_the_hosts_of_the_same_half(self):
        self.assertEqual(results.ratios([2, 30], [1, 10]), [2, 3])
        self.assertEqual(results.ratio([2, 30], [1, 10]), (2.5, 0.5))

    def test_what_one_run_does_not_tell_has_no_ratio(self):
        self.assertIsNone(results.ratio([2, None], [1, 1]))
        self.assertIsNone(results.ratio([], [1, 1]))
        self.assertIsNone(results.ratio([1], [0]))


class Percentiles(unittest.TestCase):
    def test_ten_samples_have_to_be_beyond_it(self):
        self.assertEqual([metrics.told(99, n) for n in (999, 1000)], [False, True])
        self.assertEqual([metrics.told(99.99, n) for n in (99999, 100000)], [False, True])

    def test_of_fio(self):
        text = json.dumps({'jobs': [{'read': {
            'iops': 1000.5, 'bw_bytes': 1 << 20, 'total_ios': 9000,
            'lat_ns': {'N': 9000, 'max': 5000000, 'percentile': {
                '50.000000': 1000, '99.000000': 2000, '99.900000': 3000, '99.990000': 4000}}}}]})
        found = nvme.fio_metrics('fio: a warning\n' + text, False)
        self.assertEqual(found, {'iops': 1000.5, 'mib': 1, 'p50': 1, 'p99': 2, 'p99.9': None, 'p99.99': None,
                                 'max': 5000, 'n': 9000})


class Stages(unittest.TestCase):
    def test_vectors_are_put_together(self):
        def vector(n, p50):
            return {'interrupts': n, 'host_interrupts': n, 'total': {'count': n, 'mean': p50, 'p50': p50},
                    'stages': {'host': {'count': n, 'mean': p50, 'p50': p50}, 'eoi': {'count': 0}}}
        found = stages.of_report({'vectors': [vector(30, 1), vector(10, 5), vector(0, 0)]})
        self.assertEqual(found['stages'], {'host': {'count': 40, 'mean': 2, 'p50': 1}})
        self.assertEqual((found['interrupts'], found['total']['mean']), (40, 2))


class Verdict(unittest.TestCase):
    def setUp(self):
        self.results = made_up()

    def test_in_plain_words(self):
        self.assertEqual(verdict.lines(self.results, 'randread-1')[0],
                         "torc: p50 +3.0 us, 1.03 times the host's; 1.4 us of it from interrupt to guest; "
                         'I/Os per second 0.97 times')

    def test_what_is_added_is_of_the_same_pairs_as_the_ratio(self):
        """The difference of the medians is 0."""
        self.assertIn('p50 +10.0 us', verdict.latency({'host': [100, 140, 131], 'torc': [110, 150, 131]}, 'torc'))

    def test_within_the_spread(self):
        self.assertIn("p50 +0.0 us, within the spread of the host's", verdict.lines(self.results, 'randread-1')[1])

    def test_posted_interrupts_cannot_be_seen(self):
        self.results['machine']['posted_interrupts'] = 'yes'
        self.assertNotIn('posted', verdict.line(self.results, 'randread-1', 'torc'))
        for each in self.results['runs']:
            each['jobs']['randread-1']['interrupts'] = 0.001
        self.assertIn('are posted, so the host cannot see', verdict.line(self.results, 'randread-1', 'torc'))

    def test_a_way_that_is_longer_than_what_was_added_is_no_part_of_it(self):
        self.results['runs'][1]['jobs']['randread-1']['stages']['total']['p50'] = 8
        self.assertIn('the interrupt takes 8.0 us to the guest', verdict.line(self.results, 'randread-1', 'torc'))

    def test_nor_is_one_of_a_run_that_had_added_less(self):
        torc = next(each for each in self.results['runs'] if each['system'] == 'torc')
        self.assertIn('stages', torc['jobs']['randread-1'])
        torc['jobs']['randread-1']['p50'] = self.results['runs'][0]['jobs']['randread-1']['p50'] + 1
        self.assertIn('the interrupt takes 1.4 us to the guest', verdict.line(self.results, 'randread-1', 'torc'))

    def test_throughput_within_the_spread(self):
        for each in self.results['runs']:
            each['jobs']['randread-1']['iops'] = 1000 if each['system'] == 'host' else 990
        self.results['runs'][0]['jobs']['randread-1']['iops'] = 980
        self.assertIn("I/Os per second within the spread of the host's", verdict.line(self.results, 'randread-1', 'torc'))

    def test_where_too_little_is_told(self):
        for each in self.results['runs']:
            each['jobs']['randread-1'].update(p50=None, iops=None)
        self.assertEqual(verdict.line(self.results, 'randread-1', 'torc'), 'torc: too little was measured to tell')


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.results = made_up()
        cls.text = page.text(cls.results)
        cls.html = page.page(cls.results)

    def test_fits_a_terminal(self):
        self.assertEqual([line for line in self.text.splitlines() if len(line) > 80], [])

    def test_four_systems_do_as_well(self):
        more = copy.deepcopy(self.results)
        more['runs'] += [run('cloud-hypervisor', 9000, 120)] * 2
        text = page.text(more)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
        self.assertIn('Cloud Hypervisor', text)

    def test_a_long_name_does_as_well(self):
        more = copy.deepcopy(self.results)
        for each in more['runs']:
            each['system'] = each['system'].replace('qemu', 'cloud-hypervisor')
            for found in each['jobs'].values():
                found['iops'] *= 1000
                found['max'] *= 1000
        self.assertEqual([line for line in page.text(more).splitlines() if len(line) > 80], [])

    def line(self, name):
        return next(line for line in self.text.splitlines() if line.startswith(name))

    def test_values_ratios_and_their_spread(self):
        self.assertEqual(self.line('I/Os per second').split()[3:],
                         ['10,000', '9,700', '0.97±0.01', '7,500', '0.75±0.25'])
        self.assertEqual(self.line('p50').split()[2:], ['100.0', '103.0', '1.03±0.01', '100.0', '1.00±0.10'])

    def test_what_too_few_samples_tell_is_a_dash_and_n_is_there(self):
        self.assertEqual(self.line('p99.99').split()[2:], ['-', '-', '-'])
        self.assertIn('30,000', self.line('n, I/Os timed'))

    def test_nothing_exits_on_the_bare_host(self):
        self.assertEqual(self.line('exits per I/O ').split()[3:], ['2.500', '2.500'])

    def test_exits_by_reason_without_the_rarest(self):
        self.assertLess(self.text.index('\nmsr '), self.text.index('\nhlt '))
        self.assertIn('to the VMM: IO', self.text)
        self.assertNotIn('rare', self.text)

    def test_where_the_time_goes(self):
        self.assertRegex(self.text, "host: the host's handler +0.5 +0.6 +100\nentry: the vCPU enters the guest +0.8 +0.9 +90")
        self.assertRegex(self.text, 'all of it, until the guest has it +1.4 +1.5 +90')

    def test_what_repeats_it(self):
        for words in ('torc-bench nvme 01:00.0', 'torc --kernel k', 'qemu --kernel k', 'Linux 6.12', 'fio-3.33',
                      'fio --name=randread-1', 'was made for this'):
            self.assertIn(words, self.text)
            self.assertIn(words, self.html)

    def test_the_page_is_well_formed_and_each_value_is_a_dot(self):
        more = copy.deepcopy(self.results)
        more['runs'] += [run(system, 9000, 120) for system in ('cloud-hypervisor', 'torc-ring', 'torc-vhost')]
        root = xml.etree.ElementTree.fromstring(page.page(more).replace('<!DOCTYPE html>', ''))
        values = [value for each in more['runs'] for found in each['jobs'].values()
                  for metric in metrics.NVME for value in [found.get(metric.key)] if value is not None]
        self.assertEqual(len(list(root.iter('circle'))), len(values))
        self.assertNotRegex(self.html, r'(src|href|url\(|@import|https?:)')

    def test_csv_has_each_value_of_each_run(self):
        file = io.StringIO()
        page.write_csv(self.results, file)
        rows = list(csv.DictReader(io.StringIO(file.getvalue())))
        self.assertIn({'job': 'randread-1', 'metric': 'p50', 'unit': 'us', 'system': 'torc', 'run': '2', 'value': '104'}, rows)
        self.assertIn('', [row['value'] for row in rows if row['metric'] == 'exits' and row['system'] == 'host'])

    def test_what_is_written_can_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            page.write(self.results, folder)
            self.assertEqual(sorted(os.listdir(folder)), ['report.html', 'report.txt', 'result.csv', 'result.json'])
            self.assertEqual(results.load(f'{folder}/result.json')['summary']['randread-1']['p50']['torc']['ratio'], 1.03)

    def test_what_torc_vfio_check_found(self):
        self.assertIn('this torc-vfio has no check', self.text)
        found = copy.deepcopy(self.results)
        found['check'] = {'checks': [{'check': 'ASPM', 'verdict': 'could be better', 'reason': 'on', 'now': ['echo off']},
                                     {'check': 'smt', 'verdict': 'fact', 'reason': 'on', 'now': []},
                                     {'check': 'driver', 'verdict': 'in the way', 'reason': 'not bound', 'now': []},
                                     {'check': 'x', 'verdict': 'ok', 'reason': 'fine', 'now': []}]}
        self.assertRegex(page.text(found), '  check +could be better: ASPM: on; echo off\n +check +fact: smt: on\n')
        self.assertNotIn('fine', page.text(found))
        self.assertNotIn('not bound', page.text(found))
        found['check'] = {'checks': []}
        self.assertIn('nothing is in the way', page.text(found))


if __name__ == '__main__':
    unittest.main()
