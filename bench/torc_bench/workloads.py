# SPDX-License-Identifier: Apache-2.0
"""What is measured: one row for each job of fio and each test of a network."""
from dataclasses import dataclass

from torc_bench import contents

RAMP_S = 1
# How long exits are counted by reason, and interrupts are followed by torc-trace, each beside a load of their own.
COUNTED_S = 2
TRACED_S = 1


def milliseconds(seconds):
    """fio takes half a second for none, and reads the whole disk."""
    return f'{seconds * 1000:.0f}ms'


@dataclass
class Job:
    """@stages: torc-trace says where the time goes."""
    name: str
    title: str
    rw: str
    size: str
    depth: int
    jobs: int = 1
    stages: bool = False

    @property
    def writes(self):
        return 'write' in self.rw

    def fio(self, disk, size, seconds, engine='io_uring', ramp=RAMP_S, cpus=()):
        """
        @size: of the disk, whose ends are not written to; see contents.py. @cpus: isolated ones, of which each job gets its
        own, as the kernel would not spread them.
        """
        safely = [] if self.writes else ['--readonly']
        where = [f'--offset={contents.END}', f'--size={size - 2 * contents.END}'] if self.writes else []
        spread = [f'--cpus_allowed={",".join(map(str, cpus))}', '--cpus_allowed_policy=split'] if cpus else []
        return ['fio', *safely, f'--name={self.name}', f'--filename={disk}', f'--rw={self.rw}', f'--bs={self.size}',
                f'--iodepth={self.depth}', f'--numjobs={self.jobs}', '--group_reporting', '--direct=1',
                f'--ioengine={engine}', '--time_based', f'--runtime={milliseconds(seconds)}', f'--ramp_time={milliseconds(ramp)}',
                '--norandommap', '--randrepeat=0', '--lat_percentiles=1', '--clat_percentiles=0',
                '--percentile_list=50:99:99.9:99.99', '--eta=never', '--output-format=json', *where, *spread]


def both(name, title, suffix, size, depth, jobs=1, pattern='rand', **more):
    return [Job(f'{pattern}{rw}-{name}', f'{title} {rw}, {suffix}', f'{pattern}{rw}', size, depth, jobs, **more)
            for rw in ('read', 'write')]


ROWS = [*both('1', '4 KiB random', 'queue depth 1', '4k', 1, stages=True),
        *both('32', '4 KiB random', 'queue depth 32', '4k', 32, stages=True),
        *both('32x4', '4 KiB random', 'queue depth 32, 4 jobs', '4k', 32, 4),
        *both('128k', '128 KiB sequential', 'queue depth 8', '128k', 8, pattern='')]


def nvme(destructive):
    """The jobs; those that write are last, so that no read depends on what they have left."""
    return [job for job in ROWS if not job.writes] + [job for job in ROWS if job.writes and destructive]


# Of a frame of 64 bytes, with its checksum, what UDP over IPv4 leaves.
LEAST_PAYLOAD = 18


@dataclass
class Test:
    """
    What the other end of the wire runs against the servers of guest.sh. @command: words, of an address and seconds; @each: of
    what exits are told: a packet, a (round) trip. @stages: as a job's.
    """
    name: str
    title: str
    parser: str
    command: object
    each: str = ''
    stages: bool = False


def whole(seconds):
    """What these programs take; 0 is for ever."""
    return str(max(1, round(seconds)))


def iperf3(*more):
    return lambda address, seconds: ['iperf3', '-c', address, '-t', whole(seconds), '-J', *more]


def sockperf(port, *more):
    return lambda address, seconds: ['sockperf', 'ping-pong', '-i', address, '-p', str(port), '-t', whole(seconds),
                                     '--full-rtt', *more]


def ping(address, seconds):
    return ['ping', '-n', '-A', '-w', whole(seconds), address]


SMALL = ('-u', '-b', '0', '-l', str(LEAST_PAYLOAD))
NETWORK = [Test('tcp-to-peer', 'TCP to the peer', 'stream', iperf3('-R')),
           Test('tcp-from-peer', 'TCP from the peer', 'stream', iperf3()),
           Test('tcp-ping-pong', 'TCP ping-pong, 14 bytes, round trip', 'sockperf', sockperf(11112, '--tcp'), 'trip', stages=True),
           Test('udp-ping-pong', 'UDP ping-pong, 14 bytes, round trip', 'sockperf', sockperf(11111), 'trip', stages=True),
           Test('ping', 'ping, round trip', 'ping', ping, 'trip'),
           Test('packets-to-peer', '64-byte packets to the peer', 'packets', iperf3('-R', *SMALL), 'packet'),
           Test('packets-from-peer', '64-byte packets from the peer', 'packets', iperf3(*SMALL), 'packet')]
