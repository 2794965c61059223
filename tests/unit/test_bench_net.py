#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torc-bench net reads from iperf3, sockperf and ping, and that it can be put on a page. Usage: test_bench_net.py BENCH."""
import json
import sys
import unittest

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
from torc_bench import net, page, verdict, workloads  # noqa: E402
from torc_bench.vmms import HOST, VIRTIO  # noqa: E402

SOCKPERF = '''sockperf: \x1b[2;35mTotal 10000 observations\x1b[0m; each percentile contains 100.00 observations
sockperf: ---> <MAX> observation = 5600.186
sockperf: ---> percentile 99.999 = 5600.186
sockperf: ---> percentile 99.990 = 2916.584
sockperf: ---> percentile 99.900 = 1668.589
sockperf: ---> percentile 99.000 =  604.337
sockperf: ---> percentile 50.000 =   17.190
'''


class Programs(unittest.TestCase):
    def test_sockperf(self):
        self.assertEqual(net.sockperf(SOCKPERF), {'p50': 17.19, 'p99': 604.337, 'p99.9': 1668.589, 'p99.99': None,
                                                  'max': 5600.186, 'n': 10000})

    def test_iperf3(self):
        self.assertEqual(net.stream('{"end": {"sum_received": {"bits_per_second": 2.5e9}}}'), {'mbits': 2500})

    def test_packets_are_those_that_arrived(self):
        text = json.dumps({'end': {'sum_received': {'bytes': 18 * 4000, 'seconds': 2, 'packets': 9000, 'lost_packets': 5000},
                                   'sum_sent': {'packets': 16000}}})
        self.assertEqual(net.packets(text), {'pps': 2000, 'loss': 75})

    def test_ping_without_the_first(self):
        lines = ['64 bytes from 198.18.7.2: icmp_seq=1 ttl=64 time=900 ms']
        lines += [f'64 bytes from 198.18.7.2: icmp_seq={n} ttl=64 time={(n * 7 % 100 + 1) / 1000} ms' for n in range(1000)]
        self.assertEqual(net.ping('\n'.join(lines)), {'p50': 50, 'p99': 99, 'p99.9': None, 'p99.99': None, 'max': 100,
                                                      'n': 1000})
        with self.assertRaisesRegex(RuntimeError, 'no answer'):
            net.ping('100% packet loss')

    def test_frames_of_64_bytes(self):
        self.assertEqual(workloads.LEAST_PAYLOAD + 8 + 20 + 14 + 4, 64)

    def test_each_is_told_where_and_how_long(self):
        for test in workloads.NETWORK:
            words = test.command('198.18.7.2', 2.5)
            self.assertIn('198.18.7.2', words)
            self.assertTrue({'2.5', '2'} & set(words), words)
            self.assertIn(test.parser, net.PARSERS)


class Page(unittest.TestCase):
    def test_virtio_interfaces_are_beside_the_passed_through(self):
        order = net.order(('qemu',), 1)
        self.assertEqual(order, order[::-1])
        self.assertEqual(order[:5], [HOST, 'torc', 'qemu', *VIRTIO])
        common = {'exits': 5, 'interrupts': 2, 'posted': 0, 'cpu': 0.5}
        runs = [{'system': system, 'command': 'x', 'jobs': {
            'udp-ping-pong': {**net.sockperf(SOCKPERF), **common}, 'tcp-to-peer': {'mbits': 900, **common}}}
                for system in order]
        results = {'what': 'net', 'command': '', 'date': '', 'device': {'bdf': '0000:02:00.0', 'interface': 'wire0'},
                   'machine': {'cpu': '', 'cpus': 4, 'kernel': '', 'kernel_command_line': '', 'governor': '',
                               'posted_interrupts': 'no: x'}, 'settings': {}, 'versions': {}, 'runs': runs,
                   'jobs': [{'name': test.name, 'title': test.title} for test in workloads.NETWORK
                            if test.name in runs[0]['jobs']]}
        text = page.text(results)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
        self.assertIn('virtio vhost', text)
        self.assertRegex(text, r'throughput, Mbit/s +900 +900 +1.00±0.00')
        self.assertEqual(verdict.line(results, 'tcp-to-peer', 'torc-ring'), 'virtio ring: throughput 1.00 times')


if __name__ == '__main__':
    unittest.main()
