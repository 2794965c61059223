#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of torc-trace report in Chromium: what is drawn of the recording of trace_fixture.h, and that nothing is wrong.

Usage: test_page.py TORC_TRACE KNOWN_TRACE. At 1 GHz, request i of 1 to 1,000 takes i us from 2 i ms on, interrupt i of the
passed-through vector 2 us and i * 0.1 us.
"""
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from browser import PROGRAM, Browser, pixels

TOOL, KNOWN = sys.argv[1:3]
del sys.argv[1:3]
WIDTH, HEIGHT = 1200, 900


def like(rows, colour):
    """Those of a picture's pixels that are of a colour, or near it."""
    return {pixel for row in rows for pixel in set(row) if all(abs(a - b) <= 24 for a, b in zip(pixel, colour))}


def share(rows, colour):
    """Of all pixels."""
    found = like(rows, colour)
    return sum(pixel in found for row in rows for pixel in row) / len(rows) / len(rows[0])


def middle(rows, colour, left, right):
    """How far down pixels of a colour are on average, of a share of the width; 0 is the top."""
    found = like(rows, colour)
    places = [y for y, row in enumerate(rows) for pixel in row[int(left * len(row)):int(right * len(row))]
              if pixel in found]
    return sum(places) / len(places) / len(rows)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert shutil.which(PROGRAM), f'no {PROGRAM}; sh tests/setup.sh installs it'
        cls.folder = tempfile.mkdtemp()
        cls.path = f'{cls.folder}/report.html'
        subprocess.run([KNOWN, f'{cls.folder}/recording'], check=True)
        with open(cls.path, 'w', encoding='utf-8') as file:
            subprocess.run([TOOL, 'report', f'{cls.folder}/recording'], check=True, stdout=file)
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        shutil.rmtree(cls.folder)

    def colour(self, selector, of='fill'):
        style = self.browser.evaluate(f'getComputedStyle(document.querySelector("{selector}")).{of}')
        return tuple(int(part) for part in re.findall(r'\d+', style)[:3])

    def test_nothing_is_wrong_and_nothing_is_asked_for(self):
        self.browser.open(self.path, WIDTH, HEIGHT)
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual(self.browser.evaluate('document.title'), 'torc-trace: <test> & "quotes"')

    def test_what_is_wrong_shows(self):
        with open(self.path, encoding='utf-8') as file:
            page = file.read()
        for broken, complaint in (('<script>missing()</script>', 'Uncaught'), ('<script>console.error(1)</script>', "'value': 1"),
                                  ('<img src="missing.png">', r'asks for file:.*missing\.png')):
            with open(f'{self.folder}/broken.html', 'w', encoding='utf-8') as file:
                file.write(page.replace('</body>', broken + '</body>'))
            self.browser.open(f'{self.folder}/broken.html')
            self.assertRegex(' '.join(self.browser.complaints), complaint)

    def test_the_slowest_request_is_seen_first(self):
        self.browser.open(self.path, WIDTH, HEIGHT)
        text = self.browser.evaluate('document.querySelector("#slowest").innerText')
        self.assertRegex(text, r'(?s)^The slowest virtio request\s+1\.00 ms.*disk0 queue 0, head 1000, 4,608 bytes.*Most of it is publish')
        self.assertRegex(text, r'\npublish\s+500\.0\s+50\.0%')
        (_, y, _, height), = self.browser.boxes('#slowest')
        self.assertLess(y + height, HEIGHT)
        (_, _, whole, _), = self.browser.boxes('#slowest .bar')
        for stage, wanted in (3, 0.1), (4, 0.4), (5, 0.5):
            (_, _, width, _), = self.browser.boxes(f'#slowest .bar .s{stage}')
            self.assertAlmostEqual(width / whole, wanted, delta=0.005)
        rows, others = self.browser.evaluate('[...document.querySelectorAll(".slowest")].map('
                                             'e => [...e.rows].map(e => e.innerText.split("\\t")))')
        self.assertEqual([row[0] for row in rows[1:]], [f'disk0 queue 0, head {i}' for i in range(1000, 980, -1)])
        self.assertEqual(rows[1][4:], ['0.0', '10.0', '40.0', '50.0', '0.0', '0.0', '0.0'])
        self.assertEqual([row[2] for row in others[1:]], [f'{2 + i / 10:.1f}' for i in range(1000, 980, -1)])
        self.assertEqual(others[1][4:], ['1.0', '0.5', '0.1', '0.0', '0.1', '0.0', '98.2'])

    def test_the_slowest_interrupt_is_next(self):
        self.browser.open(self.path, WIDTH, HEIGHT)
        text = self.browser.evaluate('document.querySelector("#slowest-interrupt").innerText')
        self.assertRegex(text, r'(?s)^The slowest interrupt of a passed-through device\s+102 us\s*vfio0 MSI-X vector 1\. Most of it '
                               r'is eoi: until the guest has acknowledged it.*\neoi\s+100\.2\s+98\.2%')
        (_, y, _, _), (_, above, _, high) = self.browser.boxes('#slowest-interrupt, #slowest')[::-1]
        self.assertGreaterEqual(y, above + high)

    def test_it_fits_every_window(self):
        for width in WIDTH, 400:
            self.browser.open(self.path, width, HEIGHT)
            self.assertEqual(self.browser.evaluate('document.documentElement.scrollWidth'), width)
            boxes = self.browser.boxes('svg, .bar, table, h1, h2')
            self.assertGreater(len(boxes), 30)
            for x, _, wide, high in boxes:
                self.assertTrue(x >= 0 and wide > 100 and high > 10, (x, wide, high))
            for x, _, wide, _ in self.browser.boxes('svg, h1, h2, #slowest .bar'):
                self.assertLessEqual(x + wide, width)

    def test_plots_are_drawn_light_and_dark(self):
        for scheme, is_dark in ('light', False), ('dark', True):
            self.browser.open(self.path, WIDTH, HEIGHT, scheme)
            ground, bars = self.colour('body', 'backgroundColor'), self.colour('.plot rect')
            self.assertEqual(sum(ground) < 3 * 64, is_dark)
            self.assertGreater(sum(abs(a - b) for a, b in zip(ground, bars)), 150)
            self.check_distribution(bars, ground)
            self.check_heat_map(self.colour('.map rect'), ground)

    def check_distribution(self, bars, ground):
        """Every value from 1 to 1,000 once: with a logarithmic axis the most are to the right."""
        titles = self.browser.evaluate('[...document.querySelectorAll("figure")].map(e => e.innerText.split("\\n")[0])')
        boxes = self.browser.boxes('figure svg')
        self.assertEqual(len(titles), len(boxes))
        rows = pixels(self.browser.picture(boxes[titles.index('disk0 queue 0: latency')], 1))
        self.assertGreater(share(rows, bars), 0.08)
        self.assertGreater(share(rows, ground), 0.2)
        self.assertGreater(share(rows, self.colour('.plot .mark', 'stroke')), 0.001)
        self.assertGreater(middle(rows, bars, 0.1, 0.5), middle(rows, bars, 0.5, 0.95) + 0.03)
        labels = self.browser.evaluate('[...document.querySelectorAll("figure")].find(e => e.innerText.startsWith('
                                       '"disk0 queue 0: latency")).querySelector("svg").textContent')
        for label in 'max 1.00 ms', '\n1 us\n', '\n10 us\n', '\n100 us\n', '\n1 ms\n', 'time, logarithmic':
            self.assertIn(label, labels)
        marked = {float(percent): float(us) for percent, us in re.findall(r'\np([\d.]+) (\d+) us', labels)}
        self.assertEqual(list(marked), [50, 90, 99, 99.9])
        for percent, us in marked.items():
            self.assertAlmostEqual(us, 10 * percent, delta=0.1 * percent)

    def check_heat_map(self, hot, ground):
        """Latency rises with time, ever slower on its logarithmic axis."""
        boxes = self.browser.boxes('.map')
        self.assertEqual(len(boxes), 2)
        for box in boxes:
            rows = pixels(self.browser.picture(box, 0.5))
            rows = rows[:int(len(rows) * 0.85)]  # without its legend
            self.assertGreater(share(rows, ground), 0.8)
            heights = [middle(rows, hot, left, left + 0.2) for left in (0.75, 0.5, 0.25)]
            self.assertEqual(heights, sorted(heights))
            self.assertLess(heights[0], 0.15)


if __name__ == '__main__':
    unittest.main()
