# SPDX-License-Identifier: Apache-2.0
"""
A network interface on the bare host and in guests, in turn, against the other end of its wire.

The other end is in a network namespace, and so is the device on the bare host: else the host's kernel would take the
short way between two addresses of its own. A namespace is held by a process that dies with this one; a NIC goes back to
the host then by itself. All clients are at the other end, so that only what serves them changes.
"""
import contextlib
import json
import math
import os
import re
import resource
import shlex
import subprocess
import time

from torc_bench import counters, metrics, refusals, stages, workloads
from torc_bench.error import understood
from torc_bench.session import command, die_with_us, expect, vcpus_of
from torc_bench.vmms import HOST, VIRTIO, title
from tracing import difference, exits_of, less, now

PROGRAMS = ('iperf3', 'sockperf', 'ip')
WORK = 'the servers'
START_S = {HOST: 5}
VMM_START_S = 20
AROUND_S = 1.5
# 198.18.0.0/15 is for benchmarks (RFC 2544).
PEER, DEVICE = '198.18.7.1', '198.18.7.2'
TAP_PEER, TAP_GUEST = '198.18.8.1', '198.18.8.2'
TAP, MACVLAN = 'torcbench0', 'torcbench1'
MAC = '52:54:00:7b:00:02'
ANSWER_S, BUSY_S = 120, 20
# A load is there once so many interrupts have come, and goes on until it is ended; sockperf takes 10 MiB for each second of it.
SOME, LONG_S = 20, 30
# So often, each after 0.1 s.
RENAMED = 20


def jobs(_request):
    return workloads.NETWORK


def modules(request):
    return (request.device.read('modalias'), 'virtio_net', 'virtio_pci')


def virtio(request):
    """The virtio interfaces that this kernel has what they need for."""
    return [system for system, row in VIRTIO.items() if all(refusals.has_module(request, name) for name in row.modules)]


def order(request, rounds):
    once = [HOST, 'torc', *request.peers, *virtio(request)]
    return (once + once[::-1]) * rounds


def estimate(jobs_, system, seconds, first):
    total = START_S.get(system, VMM_START_S) + len(jobs_) * (seconds + AROUND_S)
    if first and system != HOST:
        total += sum(workloads.COUNTED_S + AROUND_S for test in jobs_ if test.each)
    if first and system == 'torc':
        total += sum(workloads.TRACED_S + 2 * AROUND_S for test in jobs_ if test.stages)
    return total


def describe(request, jobs_):
    other = 'goes to a network namespace, and back' if refusals.is_address(request.peer) else \
        'stays as it is; a macvlan on it is the other end'
    missing = [title(system) for system in VIRTIO if system not in virtio(request)]
    return [('tests', ', '.join(job.name for job in jobs_)), ('peer', f'{request.peer} {other}'),
            *([('left out', f'{", ".join(missing)}: this kernel has no module for it')] if missing else [])]


class Namespace:
    """A network namespace, and a process that holds it."""

    def __init__(self):
        self.holder = subprocess.Popen(die_with_us('unshare', '--net', 'sleep', 'infinity'))
        end = now() + 10
        while self.of(self.holder.pid) == self.of('self'):
            if now() > end or self.holder.poll() is not None:
                raise RuntimeError('no network namespace')
            time.sleep(0.01)
        # Sockets of who was killed keep the namespace, and the NIC in it, until they give up to send their last.
        command(*self.enter, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/tcp_orphan_retries')

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


class Link:
    """What is put back of an interface that was away: by its device, as its name may be another one then."""

    def __init__(self, device):
        self.device = device
        self.mtu = device.host.read('sys/class/net', device.interfaces()[0], 'mtu')
        self.is_up = device.host.is_up(device.interfaces()[0])

    def put_back(self):
        appear(self.device)
        up = ['up'] if self.is_up else []
        named(self.device, lambda name: command('ip', 'link', 'set', 'dev', name, 'mtu', self.mtu, *up))


class Wire:
    """The other end, for as long as it takes."""

    def __init__(self, session):
        self.session, self.request = session, session.request
        self.peer = self.device = None
        self.links = [Link(session.device)]

    def __enter__(self):
        peer = self.request.peer
        self.peer = Namespace()
        try:
            if refusals.is_address(peer):
                device = self.request.host.device(peer)
                self.links.append(Link(device))
                name = named(device, self.peer.take)
            else:
                # Made where it is to be: no trace of it stays with the host, however this ends.
                command('ip', 'link', 'add', 'link', peer, 'name', MACVLAN, 'netns', str(self.peer.holder.pid),
                        'type', 'macvlan', 'mode', 'bridge')
                name = MACVLAN
            self.peer.address(name, PEER)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """With the namespaces and all that is in them; interfaces come back then by themselves."""
        self.session.end_children()
        # Each also when another one fails, the last named first.
        with contextlib.ExitStack() as stack:
            for link in self.links:
                stack.callback(link.put_back)
            if self.session.bound:
                stack.callback(self.session.give_to_host)

    def release(self):
        if self.device:
            self.device.close()
            self.device = None
            appear(self.session.device)

    def bare(self):
        """(command, address, interface): the device in a namespace of its own."""
        self.device = Namespace()
        name = named(self.session.device, self.device.take)
        return self.session.chroot(self.device.enter), DEVICE, name


def appear(device):
    """What a namespace had is the host's again, a moment after it is gone."""
    end = now() + 30
    while not device.interfaces() and now() < end:
        time.sleep(0.05)


def named(device, do):
    """Do it with the name of the device's interface, which udev may be about to change. Return: the name."""
    left = RENAMED
    while True:
        name = (device.interfaces() or ['no interface'])[0]
        try:
            do(name)
            return name
        except RuntimeError:
            left -= 1
            if not left:
                raise
            time.sleep(0.1)


class Measurement:
    def __init__(self, session, wire, seconds, progress):
        self.session, self.wire, self.seconds, self.progress = session, wire, seconds, progress

    def words(self, system):
        """(command, address, interface)"""
        session = self.session
        if system in VIRTIO:
            inside = self.wire.peer.enter + session.vmm('torc', net=TAP, mac=MAC, vhost=VIRTIO[system].vhost, device=False)
            return inside, TAP_GUEST, ''
        self.wire.release()
        session.give(system)
        return self.wire.bare() if system == HOST else (session.vmm(system), DEVICE, '')

    def run(self, system, detailed):
        """One run. @detailed: also exits by reason, and stages."""
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
                found = self.test(guest, system, test, address)
                if detailed and system != HOST and test.each and session.tracer:
                    found['reasons'] = self.counted(guest, test, address)
                if detailed and system == 'torc' and test.stages and session.tracer:
                    found['stages'] = self.traced(guest, test, address)
                result['jobs'][test.name] = found
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

    def test(self, guest, system, test, address):
        found, seen = self.load(test, address, self.seconds, lambda: self.count(guest, system))
        count, took = found.pop('count'), seen['seconds']
        found['command'] = shlex.join(test.command(address, self.seconds))
        found.update({key: None if seen[key] is None else seen[key] / took for key in ('exits', 'interrupts', 'notices')})
        if test.each:
            found[f'exits_{test.each}'] = seen['exits'] / count if count and seen['exits'] is not None else None
        # What serves the client is told, and not what it takes itself.
        found['cpu'] = max(0, (seen['busy'] - seen['own']) / took)
        return found

    def counted(self, guest, test, address):
        """Exits by reason for each packet or round trip, beside a load of its own."""
        tracer, threads = self.session.tracer, list(vcpus_of(guest.process.pid))
        tracer.histograms(True, threads=threads)
        try:
            found, seen = self.load(test, address, workloads.COUNTED_S,
                                    lambda: {'exits': tracer.exits(), 'user_exits': tracer.user_exits()})
        finally:
            tracer.histograms(False, threads=threads)
        count = found['count']
        return {'ios': count, **{kind: {reason: exits / count for reason, exits in seen[kind].items()}
                                 for kind in ('exits', 'user_exits')}} if count else None

    def traced(self, guest, test, address):
        """The stages of the NIC's interrupts, under a load that is there before and is ended afterwards."""
        if not self.session.host.program('torc-trace'):
            return None
        device = self.session.device
        enough, end = counters.device_interrupts(device) + SOME, now() + ANSWER_S
        with subprocess.Popen(self.words_of(test, address, LONG_S), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as client:
            try:
                while counters.device_interrupts(device) < enough and now() < end:
                    time.sleep(0.05)
                return stages.follow(self.session, guest.process.pid)
            finally:
                client.terminate()

    def words_of(self, test, address, seconds):
        return [*die_with_us(*self.wire.peer.enter), 'taskset', '-c', ','.join(map(str, self.session.others)),
                *test.command(address, seconds)]

    def load(self, test, address, seconds, count):
        """(what the client says, what count() counts while it runs, the client's own CPU time among it)"""
        words = self.words_of(test, address, seconds)
        for _ in range(BUSY_S):
            before, begin, own = count(), now(), children_s()
            done = self.client(words)
            seen = {'seconds': now() - begin, 'own': children_s() - own}
            after = count()
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
        seen.update({key: difference(value, before[key]) if isinstance(value, dict) else less(value, before[key])
                     for key, value in after.items()})
        return understood(shlex.join(words), PARSERS[test.parser], done.stdout), seen

    def client(self, words):
        limit = 300 + 4 * self.seconds
        try:
            return subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f'{shlex.join(words)}: still at it after {limit:.0f} s') from None

    def count(self, guest, system):
        session, is_guest = self.session, system != HOST
        return {'exits': exits_of(guest.process.pid) if is_guest else None,
                'interrupts': counters.device_interrupts(session.device),
                'notices': counters.notices(session.host) if is_guest else None,
                'busy': counters.busy_seconds(session.host, session.near)}


def children_s():
    """CPU time that processes took which this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def iperf3_error(text):
    """What iperf3 says in its JSON; its exit status may be 0 all the same."""
    try:
        data = json.loads(text)
    except ValueError:
        return text.strip()[-300:] or 'it says nothing'
    return data.get('error') or ('' if 'sum_received' in data.get('end', {}) else 'it measured nothing')


def stream(text):
    """Of iperf3's JSON, what the receiver had."""
    return {'mbits': json.loads(text)['end']['sum_received']['bits_per_second'] / 1e6, 'count': None}


def packets(text):
    """What arrived, of what was sent: iperf3's own sums leave out what came after the last that arrived."""
    end = json.loads(text)['end']
    received, sent = end['sum_received'], end['sum_sent']['packets']
    arrived = received['bytes'] / workloads.LEAST_PAYLOAD
    return {'pps': arrived / received['seconds'], 'loss': max(0, 100 * (1 - arrived / sent)), 'count': arrived}


def sockperf(text):
    """Its percentiles, in microseconds; they leave out the first and the last messages."""
    count = int(re.search(r'Total Run.*ReceivedMessages=(\d+)', text)[1])
    n = int(re.search(r'Total (\d+) observations', text)[1])
    seen = {float(percent): float(value) for percent, value in re.findall(r'percentile ([\d.]+) += +([\d.]+)', text)}
    most = re.search(r'<MAX> observation = +([\d.]+)', text)
    values = {key: seen[percent] for key, percent in metrics.PERCENTILES.items()}
    return {**metrics.percentiles(values, n), 'max': float(most[1]), 'n': n, 'count': count}


def ping(text):
    """The first answer, which may have had to find the address, is none of them."""
    times = sorted(float(ms) * 1000 for ms in re.findall(r'time=([\d.]+) ms', text)[1:])
    if not times:
        raise RuntimeError(f'ping: no answer\n{text[-300:]}')
    values = {key: times[math.ceil(len(times) * percent / 100) - 1] for key, percent in metrics.PERCENTILES.items()}
    return {**metrics.percentiles(values, len(times)), 'max': times[-1], 'n': len(times), 'count': len(times) + 1}


PARSERS = {'stream': stream, 'packets': packets, 'sockperf': sockperf, 'ping': ping}


def measure(session, seconds, rounds, progress, save):
    """All runs, in order; save(runs) after each."""
    subprocess.run(['modprobe', '-a', 'tun', 'vhost_net', 'macvlan'], capture_output=True, check=False)
    runs = []
    with Wire(session) as wire:
        measurement = Measurement(session, wire, seconds, progress)
        session.renew()
        for system in order(session.request, rounds):
            progress.next_run()
            progress.say(title(system))
            runs.append(measurement.run(system, system not in [run['system'] for run in runs]))
            save(runs)
