#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torc-bench net reads from iperf3, sockperf and ping, and that it can be put on a page. Usage: test_bench_net.py BENCH."""
import json
import os
import subprocess
import sys
import unittest
import unittest.mock

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
from bench_machine import NIC, PEER, Machine  # noqa: E402
from bench_results import made_up_net  # noqa: E402
from torc_bench import net, page, verdict, workloads  # noqa: E402
from torc_bench.vmms import HOST, VIRTIO  # noqa: E402

SOCKPERF = '''sockperf: [Total Run] RunTime=1.000 sec; Warm up time=400 msec; SentMessages=16001; ReceivedMessages=16000
sockperf: \x1b[2;35mTotal 10000 observations\x1b[0m; each percentile contains 100.00 observations
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
                                                  'max': 5600.186, 'n': 10000, 'count': 16000})

    def test_iperf3(self):
        self.assertEqual(net.stream('{"end": {"sum_received": {"bits_per_second": 2.5e9}}}'), {'mbits': 2500, 'count': None})

    def test_packets_are_those_that_arrived(self):
        text = json.dumps({'end': {'sum_received': {'bytes': 18 * 4000, 'seconds': 2, 'packets': 9000, 'lost_packets': 5000},
                                   'sum_sent': {'packets': 16000}}})
        self.assertEqual(net.packets(text), {'pps': 2000, 'loss': 75, 'count': 4000})

    def test_ping_without_the_first(self):
        lines = ['64 bytes from 198.18.7.2: icmp_seq=1 ttl=64 time=900 ms']
        lines += [f'64 bytes from 198.18.7.2: icmp_seq={n} ttl=64 time={(n * 7 % 100 + 1) / 1000} ms' for n in range(1000)]
        self.assertEqual(net.ping('\n'.join(lines)), {'p50': 50, 'p99': 99, 'p99.9': None, 'p99.99': None, 'max': 100,
                                                      'n': 1000, 'count': 1001})
        with self.assertRaisesRegex(RuntimeError, 'no answer'):
            net.ping('100% packet loss')

    def test_frames_of_64_bytes(self):
        self.assertEqual(workloads.LEAST_PAYLOAD + 8 + 20 + 14 + 4, 64)

    def test_each_is_told_where_and_how_long(self):
        for test in workloads.NETWORK:
            # Whole seconds; 0 is for ever.
            for seconds, whole in (2.6, '3'), (0.3, '1'):
                words = test.command('198.18.7.2', seconds)
                self.assertIn('198.18.7.2', words)
                self.assertEqual(words[words.index('-w' if test.parser == 'ping' else '-t') + 1], whole)
            self.assertIn(test.parser, net.PARSERS)


class Wire(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().__enter__()
        self.addCleanup(self.machine.__exit__)
        self.said = []
        for name, value in ('command', lambda *words: self.said.append(' '.join(words))), ('Namespace', FakeNamespace):
            patch = unittest.mock.patch.object(net, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        FakeNamespace.said = self.said

    def wire(self, peer):
        request = self.machine.request('net', peer=peer)
        session = unittest.mock.Mock(request=request, device=request.device, bound=True, others=(2, 3))
        session.give_to_host = lambda: self.said.append('device to the host')
        return net.Wire(session)

    def test_a_macvlan_is_made_in_its_namespace(self):
        with self.wire('wire1'):
            self.assertEqual(self.said, ['ip link add link wire1 name torcbench1 netns 77 type macvlan mode bridge',
                                         'address torcbench1'])

    def test_interfaces_are_back_as_they_were(self):
        self.machine.file('sys/class/net/wire1/flags', '0x1002')
        self.machine.file('sys/class/net/wire1/mtu', '1500')
        with self.wire(PEER):
            self.assertEqual(self.said, ['take wire1', 'address wire1'])
            del self.said[:]
        self.assertEqual(self.said, ['device to the host', 'ip link set dev wire1 mtu 1500',
                                     'ip link set dev wire0 mtu 9000 up'])

    def test_an_interface_that_udev_renames_meanwhile_is_taken_by_its_new_name(self):
        net_folder = f'{self.machine.root}/{self.machine.device(NIC)}/net'

        def take(name):
            self.said.append(name)
            if name == 'wire0':
                os.rename(f'{net_folder}/wire0', f'{net_folder}/enp2s0')
                raise RuntimeError('Cannot find device "wire0"')
        self.assertEqual(net.named(self.machine.host.device(NIC), take), 'enp2s0')
        self.assertEqual(self.said, ['wire0', 'enp2s0'])
        with unittest.mock.patch.object(net, 'RENAMED', 2), self.assertRaises(RuntimeError):
            net.named(self.machine.host.device(NIC), unittest.mock.Mock(side_effect=RuntimeError))

    def test_clients_die_with_torc_bench_and_their_cpu_time_is_not_the_hosts(self):
        wire = self.wire('wire1')
        measurement = net.Measurement(wire.session, wire, 1, None)
        own = iter((5.0, 7.5))
        counts = iter(({'busy': 10.0, 'exits': 0, 'interrupts': 0, 'notices': None},
                       {'busy': 13.0, 'exits': 32000, 'interrupts': 5, 'notices': None}))
        measurement.client = unittest.mock.Mock(return_value=subprocess.CompletedProcess([], 0, SOCKPERF, ''))
        with wire, unittest.mock.patch.object(net, 'children_s', lambda: next(own)), \
                unittest.mock.patch.object(measurement, 'count', lambda *_: next(counts)), \
                unittest.mock.patch.object(net, 'now', iter((100.0, 101.0)).__next__):
            test = next(test for test in workloads.NETWORK if test.parser == 'sockperf')
            found = measurement.test(None, 'torc', test, '198.18.7.2')
        self.assertEqual(measurement.client.call_args[0][0][:4], ['setpriv', '--pdeathsig', 'KILL', 'enter'])
        self.assertEqual([found[key] for key in ('cpu', 'exits', 'exits_trip', 'notices', 'n')], [0.5, 32000, 2, None, 10000])

    def test_exits_by_reason_for_each_packet(self):
        wire = self.wire('wire1')
        measurement = net.Measurement(wire.session, wire, 1, None)
        wire.session.tracer.exits.side_effect = [{'hlt': 5}, {'hlt': 4005, 'msr': 1000}]
        wire.session.tracer.user_exits.side_effect = [{}, {'IO': 2}]
        text = json.dumps({'end': {'sum_received': {'bytes': 18 * 4000, 'seconds': 2}, 'sum_sent': {'packets': 4000}}})
        measurement.client = unittest.mock.Mock(return_value=subprocess.CompletedProcess([], 0, text, ''))
        test = next(test for test in workloads.NETWORK if test.each == 'packet')
        with wire, unittest.mock.patch.object(net, 'vcpus_of', return_value={11: 0}):
            found = measurement.counted(unittest.mock.Mock(), test, '198.18.7.2')
        self.assertEqual(found, {'ios': 4000, 'exits': {'hlt': 1, 'msr': 0.25}, 'user_exits': {'IO': 0.0005}})

    def test_stages_are_followed_while_the_load_lasts(self):
        wire = self.wire('wire1')
        measurement, said = net.Measurement(wire.session, wire, 1, None), []
        client, interrupts = unittest.mock.MagicMock(), iter((100, 100, 100 + net.SOME))
        client.__enter__.return_value.terminate.side_effect = lambda: said.append('load ends')
        test = next(test for test in workloads.NETWORK if test.stages)
        with wire, unittest.mock.patch.object(net.subprocess, 'Popen', return_value=client) as popen, \
                unittest.mock.patch.object(net.counters, 'device_interrupts', lambda _: next(interrupts)), \
                unittest.mock.patch.object(net.stages, 'follow', lambda session, pid: said.append(f'trace {pid}') or {'total': None}):
            found = measurement.traced(unittest.mock.Mock(process=unittest.mock.Mock(pid=4711)), test, '198.18.7.2')
        self.assertEqual(found, {'total': None})
        self.assertEqual(said[-2:], ['trace 4711', 'load ends'])
        words = popen.call_args[0][0]
        self.assertEqual(words[:4], ['setpriv', '--pdeathsig', 'KILL', 'enter'])
        self.assertEqual(words[words.index('-t') + 1], str(net.LONG_S))
        self.assertEqual(list(interrupts), [])


class FakeNamespace:
    """Of process 77."""

    enter = ['enter']
    said = None

    def __init__(self):
        self.holder = unittest.mock.Mock(pid=77)

    def take(self, name):
        self.said.append(f'take {name}')

    def address(self, name, _address):
        self.said.append(f'address {name}')


class Page(unittest.TestCase):
    def test_without_a_module_a_virtio_interface_is_left_out(self):
        with Machine() as machine:
            request = machine.request('net', peer='wire1')
            self.assertEqual(net.virtio(request), ['torc-ring', 'torc-vhost'])
            for module, left in ('vhost_net', ['torc-ring']), ('tun', []):
                machine.program('modprobe', f'[ "$3" != {module} ]')
                self.assertEqual(net.virtio(request), left)
                self.assertIn('virtio vhost: this kernel has no module', dict(net.describe(request, []))['left out'])

    def test_virtio_interfaces_are_beside_the_passed_through(self):
        with Machine() as machine:
            order = net.order(machine.request('net', peer='wire1', peers=('qemu',)), 1)
        self.assertEqual(order, order[::-1])
        self.assertEqual(order[:5], [HOST, 'torc', 'qemu', *VIRTIO])
        results = made_up_net(order)
        text = page.text(results)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
        self.assertIn('virtio vhost', text)
        self.assertRegex(text, r'throughput, Mbit/s +942 +942 +1.00±0.00')
        self.assertRegex(text, r'exits per packet +2.250')
        self.assertRegex(text, r'exits per round trip +2.250')
        self.assertRegex(text, r'exits per packet or trip, by reason +torc')
        self.assertIn('  iperf3 -c 198.18.7.2 -t 3 -J -R', text)
        self.assertRegex(text, r'an interrupt of torc, by stage +p50, us')
        self.assertRegex(text, r'all of it, until the guest has it +2.4 +2.5 +40')
        self.assertEqual(verdict.line(results, 'tcp-to-peer', 'torc-ring'), "virtio ring: throughput within the spread of the host's")


if __name__ == '__main__':
    unittest.main()
