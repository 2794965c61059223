#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of torc-bench in Chromium, of results that are made up. Usage: test_bench_page.py BENCH."""
import os
import re
import shutil
import sys
import tempfile
import unittest

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
from bench_results import made_up, made_up_net, run  # noqa: E402
from browser import PROGRAM, Browser, pixels  # noqa: E402
from plots import COLOURS  # noqa: E402
from torc_bench import page  # noqa: E402
from torc_bench.vmms import VIRTIO  # noqa: E402

WIDTH, HEIGHT = 1200, 900
# Pairs of words of a plot that are drawn over each other.
OVERLAPS = '''[...document.querySelectorAll("svg")].flatMap(svg => {
    const words = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
    return words.flatMap(([a, p], i) => words.slice(i + 1).filter(([b, q]) =>
        p.left < q.right && q.left < p.right && p.top + 2 < q.bottom && q.top + 2 < p.bottom).map(([b, q]) => a + " / " + b));
})'''


def rgb(colour):
    return tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5))


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert shutil.which(PROGRAM), f'no {PROGRAM}; sh tests/setup.sh installs it'
        cls.folder = tempfile.mkdtemp()
        found = made_up()
        # As many VMMs as there are, and command lines without a space to break them at.
        found['runs'] += [run('cloud-hypervisor', 9000, 104), run('cloud-hypervisor', 9100, 104)]
        found['machine']['kernel_command_line'] = 'isolcpus=' + ','.join(str(cpu) for cpu in range(200))
        found['runs'][1]['command'] = 'torc --cmdline ' + 'x' * 500
        page.write(found, cls.folder)
        os.mkdir(f'{cls.folder}/net')
        page.write(made_up_net(['host', 'torc', 'qemu', *VIRTIO] * 2), f'{cls.folder}/net')
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        shutil.rmtree(cls.folder)

    def open(self, width=WIDTH, name=''):
        self.browser.open(f'{self.folder}/{name}report.html', width, HEIGHT)

    def test_nothing_is_wrong_and_nothing_is_asked_for(self):
        self.open()
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual(self.browser.evaluate('document.title'), 'torc-bench nvme: Fast Drive at 0000:01:00.0')

    def test_the_verdict_and_the_whole_first_table_are_seen_first(self):
        self.open()
        text = self.browser.evaluate('document.querySelector("h2 + p").innerText')
        self.assertRegex(text, r'^torc: p50 \+3\.0 us, 1\.03 times')
        table = self.browser.boxes('table')[0]
        self.assertLess(table[1] + table[3], HEIGHT)

    def test_of_a_network(self):
        self.open(name='net/')
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual(self.browser.evaluate('document.title'), 'torc-bench net: wire0 at 0000:02:00.0')
        self.assertEqual(self.browser.evaluate('document.querySelector("h2 + p").innerText'), "torc: throughput within the spread of the host's")
        head = self.browser.evaluate('[...document.querySelector("table tr").cells].map(e => e.innerText)')
        self.assertEqual([name for name in head if name not in ('', 'x host')],
                         ['host', 'torc', 'QEMU', 'virtio ring', 'virtio vhost'])
        self.assertIn('exits per packet or trip, by reason', self.browser.evaluate('document.body.innerText'))

    def test_all_systems_are_in_one_table(self):
        self.open()
        head = self.browser.evaluate('[...document.querySelector("table tr").cells].map(e => e.innerText)')
        self.assertEqual([name for name in head if name not in ('', 'x host')], ['host', 'torc', 'QEMU', 'Cloud Hypervisor'])

    def test_it_fits_every_window(self):
        for width, name in (WIDTH, ''), (400, ''), (WIDTH, 'net/'), (400, 'net/'):
            self.open(width, name)
            self.assertEqual(self.browser.evaluate('document.documentElement.scrollWidth'), width)
            boxes = self.browser.boxes('h1, h2, div.wide, table.facts')
            self.assertGreater(len(boxes), 20)
            for x, _, wide, high in boxes:
                self.assertTrue(x >= 0 and x + wide <= width and high > 10, (x, wide, high))

    def test_plots_can_be_read(self):
        """In a narrow window by moving them aside: each word is whole, and none is on another."""
        for width, name in (WIDTH, ''), (400, ''), (WIDTH, 'net/'):
            self.open(width, name)
            for x, _, wide, high in self.browser.boxes('svg'):
                self.assertGreaterEqual(wide, 640)
                words = [box for box in self.browser.boxes('svg text') if x <= box[0] < x + wide]
                self.assertLessEqual(max(box[0] + box[2] for box in words), x + wide)
        self.open()
        overlaps = self.browser.evaluate(OVERLAPS)
        self.assertEqual(overlaps, [])

    def test_light_and_dark(self):
        for scheme, is_dark in ('light', False), ('dark', True):
            self.browser.open(f'{self.folder}/report.html', WIDTH, HEIGHT, scheme)
            row = pixels(self.browser.picture(self.browser.boxes('svg')[0], 1))[0]
            self.assertEqual(sum(row[0]) < 3 * 64, is_dark)
            words = self.browser.evaluate('getComputedStyle(document.querySelector("svg text")).fill')
            self.assertEqual(sum(int(part) for part in re.findall(r'\d+', words)) > 3 * 128, is_dark)

    def test_each_run_is_a_dot_in_the_colour_of_its_system(self):
        self.open()
        dots = self.browser.evaluate('[...document.querySelector("svg").querySelectorAll("circle")].map('
                                     'e => e.getAttribute("fill"))')
        systems = 4
        self.assertEqual(set(dots), set(COLOURS[:systems]))
        rows = pixels(self.browser.picture(self.browser.boxes('svg')[0], 1))
        drawn = {pixel for row in rows for pixel in row}
        for colour in COLOURS[:systems]:
            self.assertIn(rgb(colour), drawn)


if __name__ == '__main__':
    unittest.main()
