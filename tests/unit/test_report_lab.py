#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/report_lab.py and its plots, on measurements that are made up. Usage: test_report_lab.py REPORT_LAB."""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

REPORT = sys.argv.pop(1)
sys.path.insert(0, os.path.dirname(REPORT))

import plots  # noqa: E402 pylint: disable=wrong-import-position
import report_lab  # noqa: E402 pylint: disable=wrong-import-position

# The n-th run of each system: I/Os per second; of the options one value for both runs.
IOPS = {'host': [2000, 3000, 10000], 'torc': [1000, 1500, 2000], 'qemu': [400, 500, 600]}
OPTION_IOPS = {'default': 1000, 'idle-guest': 1500, 'no-pv-eoi': 800, 'unpinned': 1000, 'hugepages': 1100,
               'no-poll': 250}


def job(system, iops):
    counts = {} if system == 'host' else {'exits': 2.5, 'halts': 0.5, 'user_exits': 0, 'calls': 0.25}
    return {'iops': iops, 'p50_us': 100, 'p99_us': 900, 'p99.9_us': 1000, **counts}


def run(system, iops):
    disks = {f'{disk} {name}': job(system, iops) for disk in report_lab.DISKS for _, name in report_lab.JOBS}
    # The first answers are slow, and then 1 to 100 in some order.
    result = {'system': system, 'disks': disks,
              'net': {'up': iops / 10, 'down': iops / 5, 'ping_us': [9999] + [1 + n * 7 % 100 for n in range(100)]}}
    if system != 'host':
        result['start'] = {'entry_ms': iops / 10, 'line_ms': iops, 'user_exits': 1000, 'private_mib': 4.5}
    return result


RESULTS = {
    'facts': {'date': '2026-11-28', 'kernel': '6.12.0', 'cpus': 4, 'machine_cpus': 2},
    'runs': [run(system, IOPS[system][n]) for n in range(3) for system in IOPS],
    'options': [{'option': option, **run('torc', iops + n)} for n in range(2) for option, iops in OPTION_IOPS.items()],
}


def report(results):
    """(text, html) of the program."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/lab.json', 'w', encoding='utf-8') as file:
            json.dump(results, file)
        subprocess.run([sys.executable, REPORT, folder], check=True, capture_output=True)
        pages = []
        for name in 'report.txt', 'report.html':
            with open(f'{folder}/{name}', encoding='utf-8') as file:
                pages.append(file.read())
        return pages


def parse(html):
    return xml.etree.ElementTree.fromstring(html.replace('<!DOCTYPE html>', ''))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text, cls.html = report(RESULTS)

    def line(self, section, name):
        part = self.text[self.text.index(f'\n{section}'):]
        return next(line for line in part.splitlines() if line.startswith(name))

    def test_a_percentile_of_too_few_samples_is_left_out(self):
        few = copy.deepcopy(RESULTS)
        for run_ in few['runs'] + few['options']:
            for found in run_['disks'].values():
                found['p99_us'] = None
        text, _ = report(few)
        self.assertRegex(text, r'reads, QD1, p99, us *\n')
        self.assertRegex(text, r'NVMe reads, QD1, p99, us *\n')

    def test_median_extremes_and_ratios(self):
        line = re.split('  +', self.line('NVMe drive', 'reads, QD1, IOPS'))
        self.assertEqual(line, ['reads, QD1, IOPS', '3,000 [2,000 - 10,000]', '1,500 [1,000 - 2,000]',
                                '500 [400 - 600]', '0.50*', '3.00'])

    def test_what_the_host_does_not_have_is_left_out(self):
        self.assertRegex(self.line('NVMe drive', 'reads, QD1, KVM exits'), r'per I/O +2\.50 +2\.50 +1\.00\*$')
        self.assertRegex(self.line('NVMe drive', 'reads, QD1, userspace'), r'per I/O +0\.00 +0\.00$')

    def test_percentiles_of_pings_leave_the_first_out(self):
        self.assertRegex(self.line('virtio-net', 'ping, median, us'), r'us +50 +50 +50 +1\.00\* +1\.00\*$')
        self.assertRegex(self.line('virtio-net', 'ping, p99, us'), r'us +99 +99 +99')

    def test_each_option_is_on_and_off(self):
        for title, off, on, value in (('idle=guest', '1,000', '1,500', '1.50'), ('PV EOI', '800', '1,000', '1.25'),
                                      ('hugepages=on', '1,000', '1,100', '1.10'),
                                      ('ring polling', '250', '1,000', '3.99')):
            line = re.split('  +', self.line(f'torc: {title}', 'NVMe reads, QD1, IOPS'))
            self.assertEqual([line[1].split()[0], line[2].split()[0], line[3]], [off, on, value], title)
        self.assertTrue(self.line('torc: vCPU pinned', 'NVMe reads, QD1, IOPS').endswith('1.00*'))

    def test_the_page_is_well_formed_and_has_all_sections(self):
        root = parse(self.html)
        titles = [node.text for node in root.iter('h2')]
        self.assertEqual(len(titles), 4 + len(report_lab.OPTIONS))
        self.assertEqual(len(list(root.iter('table'))), len(titles))
        self.assertIn('3,000 [2,000 - 10,000]', [node.text for node in root.iter('td')])

    def test_nothing_comes_from_elsewhere(self):
        self.assertNotRegex(self.html, r'(src|href|url\(|@import|https?:)')

    def test_each_measurement_is_a_dot(self):
        values = sum(len(side) for section in report_lab.sections(RESULTS) for row in section['rows']
                     for side in row['sides'].values())
        self.assertEqual(len(list(parse(self.html).iter('circle'))), values)

    def test_what_was_not_measured_is_an_error(self):
        broken = copy.deepcopy(RESULTS)
        del broken['runs'][1]['disks']['nvme randread 1']
        with self.assertRaises(subprocess.CalledProcessError):
            report(broken)


class Plot(unittest.TestCase):
    NAMES = {'off': 'off', 'on': 'a < b'}

    def plot(self, off, on):
        return parse(plots.plot([{'name': 'x & y', 'sides': {'off': off, 'on': on}}], 'IOPS', self.NAMES)).find('svg')

    @staticmethod
    def dots(svg):
        return [float(node.get('cx')) for node in svg.iter('circle')]

    @staticmethod
    def medians(svg):
        return [float(node.get('x1')) for node in svg.iter('line') if node.get('stroke-width') == '2.5']

    def test_linear_from_zero_where_values_are_near(self):
        svg = self.plot([100, 200, 150], [400])
        left, width = plots.LABEL, plots.WIDTH - plots.LABEL - plots.RIGHT
        self.assertEqual(self.dots(svg), [round(left + width * part, 1) for part in (0.2, 0.4, 0.3, 0.8)])
        self.assertEqual(self.medians(svg), [round(left + width * part, 1) for part in (0.3, 0.8)])
        self.assertIn('linear', svg.get('aria-label'))

    def test_logarithmic_where_they_are_far_apart(self):
        svg = self.plot([10, 1000], [100])
        left, width = plots.LABEL, plots.WIDTH - plots.LABEL - plots.RIGHT
        self.assertEqual(self.dots(svg), [left, left + width, left + width / 2])
        self.assertIn('logarithmic', svg.get('aria-label'))

    def test_a_zero_has_no_logarithm(self):
        self.assertEqual(self.dots(self.plot([0], [1000]))[0], plots.LABEL)

    def test_all_zero(self):
        self.assertEqual(self.dots(self.plot([0], [0])), [plots.LABEL] * 2)

    def test_nothing_measured_is_no_plot(self):
        self.assertEqual(plots.plot([{'name': 'x', 'sides': {'off': [], 'on': []}}], '', self.NAMES), '')


if __name__ == '__main__':
    unittest.main()
