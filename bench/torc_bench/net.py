# SPDX-License-Identifier: Apache-2.0
"""
A network interface on the bare host and in guests, in turn, against the other end of its wire.

The other end is in a network namespace, and so is the device on the bare host: else the host's kernel would take the
short way between two addresses of its own. A namespace is held by a process that dies with this one; a NIC goes back to
the host then by itself. All clients are at the other end, so that only what serves them changes.
"""
import json
import math
import os
import re
import shlex
import subprocess
import time

from torc_bench import counters, metrics, refusals, workloads
from torc_bench.error import understood
from torc_bench.session import command, die_with_us, expect
from torc_bench.vmms import HOST, VIRTIO, title
from tracing import now, total_exits

PROGRAMS = ('iperf3', 'sockperf', 'ip')
START_S = {HOST: 5}
VMM_START_S = 20
AROUND_S = 1.5
# 198.18.0.0/15 is for benchmarks (RFC 2544).
PEER, DEVICE = '198.18.7.1', '198.18.7.2'
TAP_PEER, TAP_GUEST = '198.18.8.1', '198.18.8.2'
TAP, MACVLAN = 'torcbench0', 'torcbench1'
MAC = '52:54:00:7b:00:02'
ANSWER_S, BUSY_S = 120, 20


def jobs(_request):
    return workloads.NETWORK


def modules(request):
    return (request.device.read('modalias'), 'virtio_net', 'virtio_pci')


def order(peers, rounds):
    once = [HOST, 'torc', *peers, *VIRTIO]
    return (once + once[::-1]) * rounds


def estimate(jobs_, system, seconds, _first):
    return START_S.get(system, VMM_START_S) + len(jobs_) * (seconds + AROUND_S)


def describe(request, jobs_):
    other = 'goes to a network namespace, and back' if refusals.is_address(request.peer) else \
        'stays as it is; a macvlan on it is the other end'
    return [('tests', ', '.join(job.name for job in jobs_)), ('peer', f'{request.peer} {other}')]


class Namespace:
    """A network namespace, and a process that holds it."""

    def __init__(self):
        self.holder = subprocess.Popen(die_with_us('unshare', '--net', 'sleep', 'infinity'))
        end = now() + 10
        while self.of(self.holder.pid) == self.of('self'):
            if now() > end or self.holder.poll() is not None:
                raise RuntimeError('no network namespace')
            time.sleep(0.01)

    @staticmethod
    def of(pid):
        return os.readlink(f'/proc/{pid}/ns/net')

    @property
    def enter(self):
        return ['nsenter', '-t', str(self.holder.pid), '-n']

    def ip(self, *words):
        return command(*self.enter, 'ip', *words)

    def take(self, interface):
        command('ip', 'link', 'set', 'dev', interface, 'netns', str(self.holder.pid))

    def address(self, interface, address):
        self.ip('address', 'replace', f'{address}/24', 'dev', interface)
        self.ip('link', 'set', interface, 'up')

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Wire:
    """The other end, for as long as it takes."""

    def __init__(self, session):
        self.session, self.request = session, session.request
        self.peer = self.device = None

    def __enter__(self):
        name = refusals.peer_interface(self.request)
        self.peer = Namespace()
        try:
            if not refusals.is_address(self.request.peer):
                command('ip', 'link', 'add', 'link', name, 'name', MACVLAN, 'type', 'macvlan', 'mode', 'bridge')
                name = MACVLAN
            self.peer.take(name)
            self.peer.address(name, PEER)
        except BaseException:
            self.peer.close()
            raise
        return self

    def __exit__(self, *_):
        self.release()
        self.peer.close()
        if refusals.is_address(self.request.peer):
            back(self.request.host.device(self.request.peer))

    def release(self):
        if self.device:
            self.device.close()
            self.device = None
            back(self.session.device)

    def bare(self):
        """(command, address, interface): the device in a namespace of its own."""
        name = self.session.device.interfaces()[0]
        self.device = Namespace()
        self.device.take(name)
        return self.session.chroot(self.device.enter), DEVICE, name


def back(device):
    """What a namespace had is the host's again, a moment after it is gone."""
    end = now() + 30
    while not device.interfaces() and device.driver not in (None, 'vfio-pci') and now() < end:
        time.sleep(0.05)


class Measurement:
    def __init__(self, session, wire, seconds, progress):
        self.session, self.wire, self.seconds, self.progress = session, wire, seconds, progress

    def words(self, system):
        """(command, address, interface)"""
        session = self.session
        if system in VIRTIO:
            inside = self.wire.peer.enter + session.vmm('torc', net=TAP, mac=MAC, vhost=VIRTIO[system][1], device=False)
            return inside, TAP_GUEST, ''
        self.wire.release()
        session.give(system)
        return self.wire.bare() if system == HOST else (session.vmm(system), DEVICE, '')

    def run(self, system):
        session = self.session
        words, address, interface = self.words(system)
        result = {'system': system, 'command': '' if system == HOST else shlex.join(words), 'jobs': {}}
        begin = now()
        with session.start(system, words) as guest:
            session.come_up(guest, system)
            result['start_s'] = now() - begin
            if system in VIRTIO:
                self.wire.peer.address(TAP, TAP_PEER)
            guest.tell(f'network {address} {interface} || exit 1\n'.encode())
            expect(guest, 'TORC-NETWORK', 300)
            session.place_vectors(system)
            self.answer(address)
            for test in workloads.NETWORK:
                self.progress.say(f'{title(system)}: {test.title}')
                result['jobs'][test.name] = self.test(system, test, address)
            session.finish(guest)
        self.wire.release()
        return result

    def answer(self, address):
        """Until the wire is up, and both ends know each other's address."""
        end = now() + ANSWER_S
        while subprocess.run([*self.wire.peer.enter, 'ping', '-n', '-c', '1', '-W', '1', address], check=False,
                             capture_output=True).returncode:
            if now() > end:
                raise RuntimeError(f'{address} does not answer; are {self.session.device.bdf} and '
                                   f'{self.session.request.peer} on one wire?')

    def test(self, system, test, address):
        session = self.session
        words = [*self.wire.peer.enter, 'taskset', '-c', ','.join(map(str, session.others)),
                 *test.command(address, self.seconds)]
        for _ in range(BUSY_S):
            before, begin = self.count(), now()
            done = self.client(words)
            took, after = now() - begin, self.count()
            # iperf3's server may not be there yet, or not have put the test before behind it.
            error = iperf3_error(done.stdout) if test.parser in ('stream', 'packets') else ''
            if not error:
                break
            time.sleep(1)
        if error:
            raise RuntimeError(f'{shlex.join(words)}: {error}')
        # ping's status is that of the last packet.
        if done.returncode and test.parser != 'ping':
            raise RuntimeError(f'{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}')
        found = {**understood(shlex.join(words), PARSERS[test.parser], done.stdout),
                 **{key: (after[key] - before[key]) / took for key in before}}
        if system == HOST:
            found.update(exits=None, posted=None)
        return found

    def client(self, words):
        limit = 300 + 4 * self.seconds
        try:
            return subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f'{shlex.join(words)}: still at it after {limit:.0f} s') from None

    def count(self):
        session = self.session
        return {'exits': total_exits(), 'interrupts': counters.device_interrupts(session.device),
                'posted': counters.posted_notices(session.host), 'cpu': counters.busy_seconds(session.host, session.near)}


def iperf3_error(text):
    """What iperf3 says in its JSON; its exit status may be 0 all the same."""
    try:
        data = json.loads(text)
    except ValueError:
        return text.strip()[-300:] or 'it says nothing'
    return data.get('error') or ('' if 'sum_received' in data.get('end', {}) else 'it measured nothing')


def stream(text):
    """Of iperf3's JSON, what the receiver had."""
    return {'mbits': json.loads(text)['end']['sum_received']['bits_per_second'] / 1e6}


def packets(text):
    """What arrived, of what was sent: iperf3's own sums leave out what came after the last that arrived."""
    end = json.loads(text)['end']
    received, sent = end['sum_received'], end['sum_sent']['packets']
    arrived = received['bytes'] / workloads.LEAST_PAYLOAD
    return {'pps': arrived / received['seconds'], 'loss': max(0, 100 * (1 - arrived / sent))}


def sockperf(text):
    """Its percentiles, in microseconds."""
    n = int(re.search(r'Total (\d+) observations', text)[1])
    seen = {float(percent): float(value) for percent, value in re.findall(r'percentile ([\d.]+) += +([\d.]+)', text)}
    most = re.search(r'<MAX> observation = +([\d.]+)', text)
    values = {key: seen[percent] for key, percent in metrics.PERCENTILES.items()}
    return {**metrics.percentiles(values, n), 'max': float(most[1]), 'n': n}


def ping(text):
    """The first answer, which may have had to find the address, is none of them."""
    times = sorted(float(ms) * 1000 for ms in re.findall(r'time=([\d.]+) ms', text)[1:])
    if not times:
        raise RuntimeError(f'ping: no answer\n{text[-300:]}')
    values = {key: times[math.ceil(len(times) * percent / 100) - 1] for key, percent in metrics.PERCENTILES.items()}
    return {**metrics.percentiles(values, len(times)), 'max': times[-1], 'n': len(times)}


PARSERS = {'stream': stream, 'packets': packets, 'sockperf': sockperf, 'ping': ping}


def measure(session, seconds, rounds, progress, save):
    subprocess.run(['modprobe', '-a', 'tun', 'vhost_net', 'macvlan'], capture_output=True, check=False)
    runs = []
    with Wire(session) as wire:
        measurement = Measurement(session, wire, seconds, progress)
        for system in order(session.request.peers, rounds):
            progress.next_run()
            progress.say(title(system))
            runs.append(measurement.run(system))
            save(runs)
