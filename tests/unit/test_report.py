#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every format of torc-trace report, read as other programs would, against what trace_fixture.h records.

Usage: test_report.py TORC_TRACE KNOWN_TRACE. At 1 GHz, request i of 1 to 1,000 takes i us, and 0.4 us more with KVM's events;
interrupt i of the passed-through vector takes 2 us and i * 0.1 us.
"""
import collections
import csv
import io
import json
import statistics
import subprocess
import sys
import tempfile
import unittest

TOOL, KNOWN = sys.argv[1:3]
del sys.argv[1:3]
REQUESTS = 1000
KVM_NS = 400
STAGES = ['kick', 'pop', 'submit', 'complete', 'publish', 'interrupt', 'accept', 'inject', 'eoi']
VECTOR_STAGES = ['ring', 'forward', 'msi', 'accept', 'inject', 'entry', 'eoi']


def vector_ns(i):
    """Of interrupt i, each stage."""
    return [1000, 500, 100, 50, 150, 50, 150 + 100 * i]


def make_reports():
    """{format: what the tool prints}."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/recording'
        subprocess.run([KNOWN, path], check=True)
        return {name: subprocess.run([TOOL, 'report', f'--{name}', path], check=True, stdout=subprocess.PIPE,
                                     text=True).stdout for name in ('json', 'csv', 'hgrm', 'perfetto')}


class Report(unittest.TestCase):
    text = make_reports()

    def near(self, value, wanted):
        """Within what the histogram promises."""
        self.assertLessEqual(abs(value - wanted), 0.01 * wanted, f'{value}, not {wanted} within 1%')


class Json(Report):
    def setUp(self):
        self.root = json.loads(self.text['json'])
        self.objects = {each['name']: each for each in self.root['objects']}

    def test_percentiles_are_those_of_the_known_distribution(self):
        latency = self.objects['disk0 queue 0']['histograms']['latency']
        self.assertEqual((latency['unit'], latency['count'], latency['min'], latency['max'], latency['mean']),
                         ('us', REQUESTS, 1, REQUESTS, 500.5))
        for name, wanted in ('p50', 500), ('p90', 900), ('p99', 990), ('p99.9', 999), ('p99.99', 1000):
            self.near(latency[name], wanted)

    def test_counters_and_kinds(self):
        self.assertEqual({name: each['kind'] for name, each in self.objects.items()},
                         {'vcpu0': 'vcpu', 'ring0': 'ring', 'disk0 queue 0': 'queue', 'vfio0 MSI-X vector 1': 'vector'})
        self.assertEqual(self.objects['vcpu0']['counters']['mmio'], REQUESTS)
        self.assertEqual(self.objects['disk0 queue 0']['counters']['requests'], REQUESTS)
        self.assertEqual(self.objects['vfio0 MSI-X vector 1']['counters']['interrupts'], REQUESTS)
        self.assertEqual(self.objects['vfio0 MSI-X vector 1']['histograms']['forward']['max'], 0.7)
        self.assertEqual({each['name']: (each['events'], each['dropped']) for each in self.root['threads']},
                         {'ring0': (10 * REQUESTS + 1, 0), 'vcpu0': (2 * REQUESTS, 0)})
        self.assertEqual((self.root['vm'], self.root['whole']), ('<test> & "quotes"', True))

    def test_slowest_requests_and_their_stages(self):
        requests = self.root['requests']
        self.assertEqual((requests['complete'], requests['incomplete']), (REQUESTS, 1))
        self.assertEqual([each['head'] for each in requests['slowest']], list(range(REQUESTS, REQUESTS - 20, -1)))
        for each in requests['slowest']:
            self.assertAlmostEqual(each['total_us'], each['head'] + KVM_NS / 1000, 6)
            self.assertAlmostEqual(sum(each['stages_us'].values()), each['total_us'], 6)
            self.assertAlmostEqual(each['stages_us']['complete'], 0.4 * each['head'], 6)
            self.assertEqual(list(each['stages_us']), STAGES)
            self.assertEqual((each['bytes'], each['result']), (4608, -5))

    def test_stages_of_requests_and_of_a_passed_through_vector(self):
        stages = self.root['requests']['stages']
        self.assertEqual(list(stages), STAGES)
        self.assertEqual(stages['complete']['count'], REQUESTS)
        self.near(stages['complete']['p99'], 0.4 * 990)
        vector, = self.root['vectors']
        self.assertEqual((vector['name'], vector['ring']), ('vfio0 MSI-X vector 1', True))
        self.assertEqual((vector['interrupts'], vector['host_interrupts']), (REQUESTS, REQUESTS))
        self.assertEqual(vector['ring_cost']['max'], 0.7)
        self.assertEqual(list(vector['stages']), VECTOR_STAGES)
        for stage, longest in zip(VECTOR_STAGES, vector_ns(REQUESTS)):
            self.assertEqual((vector['stages'][stage]['count'], vector['stages'][stage]['max']), (REQUESTS, longest / 1000))
        total = vector['total']
        self.assertEqual((total['count'], total['min'], total['max']), (REQUESTS, 2.1, 102))
        for name, wanted in ('p50', 52), ('p90', 92), ('p99', 101), ('p99.9', 101.9):
            self.near(total[name], wanted)


class Csv(Report):
    def setUp(self):
        self.head, *self.rows = csv.reader(io.StringIO(self.text['csv']), strict=True)

    def test_columns(self):
        self.assertEqual(self.head, ['queue', 'head', 'bytes', 'result', 'begin_ns', 'total_ns'] +
                         [f'{stage}_ns' for stage in STAGES] + ['vector'] +
                         [f'vector_{stage}_ns' for stage in VECTOR_STAGES])
        self.assertEqual({len(row) for row in self.rows}, {len(self.head)})
        self.assertEqual(len(self.rows), 2 * REQUESTS)

    def test_a_row_for_each_request_whose_stages_add_up(self):
        for i, row in enumerate(self.rows[:REQUESTS], 1):
            self.assertEqual(row[:4], ['disk0 queue 0', str(i), '4608', '-5'])
            begin, total, *stages = [float(cell) for cell in row[4:6 + len(STAGES)]]
            self.assertEqual(begin, 2e6 * i - 100)
            self.assertAlmostEqual(total, 1000 * i + KVM_NS, 6)
            self.assertAlmostEqual(sum(stages), total, 6)
            self.assertFalse(any(row[6 + len(STAGES):]))

    def test_a_row_for_each_interrupt_whose_stages_add_up(self):
        for i, row in enumerate(self.rows[REQUESTS:], 1):
            self.assertFalse(any(row[:4] + row[6:6 + len(STAGES)]))
            self.assertEqual(row[6 + len(STAGES)], 'vfio0 MSI-X vector 1')
            self.assertEqual([float(cell) for cell in row[4:6]], [2e6 * i + 1.2e6, 2000 + 100 * i])
            self.assertEqual([float(cell) for cell in row[7 + len(STAGES):]], vector_ns(i))


class Hgrm(Report):
    def distributions(self):
        """{title: (rows of four numbers, the last one without the fourth, {name: footer's number})}."""
        found, rows, footer = {}, [], {}
        for line in self.text['hgrm'].splitlines():
            if line.startswith('#['):
                for pair in line.strip('#[]').split(','):
                    name, value = pair.split('=')
                    footer[name.strip()] = float(value)
            elif line.startswith('# '):
                rows, footer = [], {}
                found[line[2:]] = rows, footer
            elif line and line.split() != ['Value', 'Percentile', 'TotalCount', '1/(1-Percentile)']:
                value, percentile, count, *rest = line.split()
                rows.append((float(value), float(percentile), int(count), *[float(each) for each in rest]))
        return found

    def test_it_is_the_known_distribution(self):
        found = self.distributions()
        self.assertEqual(set(found), {'vcpu0 handle (us)', 'disk0 queue 0 latency (us)', 'disk0 queue 0 batch',
                                      'vfio0 MSI-X vector 1 forward (us)', 'vfio0 MSI-X vector 1 total (us)'})
        for value, percentile, *_ in found['vfio0 MSI-X vector 1 total (us)'][0]:
            self.near(value, 2 + max(0.1, percentile * REQUESTS / 10))
        rows, footer = found['disk0 queue 0 latency (us)']
        self.assertEqual(rows[0][:2], (1, 0))
        self.assertEqual(rows[-1], (REQUESTS, 1, REQUESTS))
        for value, percentile, count, *inverse in rows:
            self.near(value, max(1, percentile * REQUESTS))
            self.assertAlmostEqual(count, max(1, percentile * REQUESTS), delta=0.5)
            if inverse:
                self.near(inverse[0], 1 / (1 - percentile))
        self.assertEqual(footer['Total count'], REQUESTS)
        self.assertEqual(footer['Max'], REQUESTS)
        self.assertEqual(footer['Mean'], 500.5)
        self.near(footer['StdDeviation'], statistics.pstdev(range(1, REQUESTS + 1)))

    def test_columns_rise(self):
        for rows, footer in self.distributions().values():
            values, percentiles, counts = zip(*[row[:3] for row in rows])
            self.assertEqual(list(values), sorted(values))
            self.assertEqual(list(percentiles), sorted(set(percentiles)))
            self.assertEqual(list(counts), sorted(counts))
            self.assertEqual(counts[-1], footer['Total count'])
            self.assertEqual({len(row) for row in rows[:-1]}, {4})


class Perfetto(Report):
    def setUp(self):
        self.root = json.loads(self.text['perfetto'])
        self.events = self.root['traceEvents']
        self.names = {each['tid']: each['args']['name'] for each in self.events if each['name'] == 'thread_name'}
        self.tids = {name: tid for tid, name in self.names.items()}

    def of(self, phase, *names):
        return [each for each in self.events if each['ph'] == phase and (not names or each['name'] in names)]

    def test_every_event_has_what_it_needs(self):
        for each in self.events:
            self.assertIsInstance(each['ts'], (int, float))
            self.assertIsInstance(each['pid'], int)
            self.assertIn(each['ph'], 'MXibesf')
            if each['name'] != 'process_name':
                self.assertIn(each['tid'], self.names)
            if each['ph'] in 'besf':
                self.assertTrue(each['cat'])
                self.assertIsInstance(each['id'], int)
        self.assertEqual(len({each['pid'] for each in self.events}), 1)
        self.assertLessEqual({'vcpu0', 'ring0', 'host CPU 3'}, set(self.names.values()))
        self.assertGreaterEqual(self.tids['host CPU 3'], 1 << 22)

    def slices(self, thread):
        """(name, begin, end, args) in nanoseconds."""
        return [(each['name'], round(each['ts'] * 1000), round(each['ts'] * 1000) + round(each['dur'] * 1000),
                 each['args']) for each in self.of('X') if each['tid'] == self.tids[thread]]

    def test_slices_follow_each_other(self):
        for thread in 'vcpu0', 'ring0':
            slices = self.slices(thread)
            for one, other in zip(slices, slices[1:]):
                self.assertGreaterEqual(one[2], one[1])
                self.assertEqual(one[2], other[1])

    def test_vcpus_rings_and_interrupts_are_on_one_clock(self):
        exits = [each for each in self.slices('vcpu0') if each[0] == 'exit']
        guest = [each for each in self.slices('vcpu0') if each[0] == 'guest']
        busy = [each for each in self.slices('ring0') if each[0] == 'busy'][::3]  # then after polling, and for the vector
        doorbells = self.of('i', 'kvm_fast_mmio')
        signals = [each for each in self.of('i', 'publish') if each['args']['of'] == 'disk0 queue 0']
        ends = [each for each in self.of('i', 'kvm_eoi') if each['tid'] == self.tids['vcpu0']][::2]  # then the vector's
        handlers = [each for each in self.of('i', 'irq_handler_entry') if each['tid'] == self.tids['host CPU 3']]
        forwards = [each for each in self.of('i', 'interrupt') if each['args']['of'] == 'vfio0 MSI-X vector 1']
        self.assertEqual([len(each) for each in (exits, guest, busy, doorbells, signals, ends, handlers, forwards)],
                         [REQUESTS, REQUESTS - 1] + 6 * [REQUESTS])
        for i in range(1, REQUESTS + 1):
            begin = i * 2000000
            self.assertEqual(exits[i - 1][1:], (begin - 5000, begin - 3000, {'why': 'mmio', 'address': '0xfee00000'}))
            self.assertEqual(busy[i - 1][1:3], (begin - 1000, begin + 1000 * i + 500))
            for events, at in ((doorbells, begin - 100), (signals, begin + 1000 * i), (ends, begin + 1000 * i + 300),
                               (handlers, begin + 1200000), (forwards, begin + 1201500)):
                self.assertEqual(round(events[i - 1]['ts'] * 1000), at)

    def test_guest_time_is_aligned(self):
        other = self.root['otherData']
        zero = int(other['tsc_base']) + int(other['guest_tsc_offset'])
        self.assertEqual(int(other['guest_tsc_offset']), -123456789012)
        for _, begin, _, args in (each for each in self.slices('vcpu0') if each[0] == 'guest'):
            self.assertEqual(int(args['guest_tsc']), zero + begin)
        for each in self.of('b', 'disk0 queue 0', 'vfio0 MSI-X vector 1'):
            self.assertEqual(int(each['args']['guest_tsc']), zero + round(each['ts'] * 1000))

    def test_requests_and_interrupts_nest_their_stages(self):
        stacks, last, whole = collections.defaultdict(list), {}, collections.Counter()
        for each in self.events:
            key = each.get('cat'), each.get('id')
            stack = stacks[key]
            if each['ph'] == 'b':
                self.assertEqual(bool(stack), each['name'] in STAGES + VECTOR_STAGES)
                self.assertEqual(each['ts'], last.get(key, each['ts']))
                stack.append(each)
                last[key] = each['ts']
            elif each['ph'] == 'e':
                begun = stack.pop()
                last[key] = each['ts']
                self.assertEqual(begun['name'], each['name'])
                self.assertGreaterEqual(each['ts'], begun['ts'])
                if not stack:
                    whole[each['cat']] += 1
                    self.assertEqual(round(1000 * (each['ts'] - begun['ts'])), 1000 * begun['args']['head'] + KVM_NS
                                     if each['cat'] == 'request' else sum(vector_ns(each['id'] + 1)))
        self.assertEqual(whole, {'request': REQUESTS, 'interrupt': REQUESTS})
        self.assertFalse(any(stacks.values()))

    def test_arrows_lead_from_a_doorbell_to_its_interrupt(self):
        begun = {each['id']: each for each in self.of('s')}
        ended = {each['id']: each for each in self.of('f')}
        self.assertEqual((len(begun), len(ended)), (REQUESTS, REQUESTS))
        slices = self.slices('ring0')
        for number, end in ended.items():
            self.assertEqual(end['bp'], 'e')
            self.assertEqual(round(1000 * (end['ts'] - begun[number]['ts'])), 1000 * (number + 1) + 100)
            # An arrow's end that is in no slice is not drawn.
            self.assertEqual(end['tid'], self.tids['ring0'])
            self.assertTrue(any(begin <= end['ts'] * 1000 <= until for _, begin, until, _ in
                                slices[6 * number:6 * number + 6]), number)


if __name__ == '__main__':
    unittest.main()
