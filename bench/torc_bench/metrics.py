# SPDX-License-Identifier: Apache-2.0
"""
What is told of a measurement: one row for each, read by the text, HTML, JSON, CSV and by compare alike.

A value is a number, or None where there is none: nothing exits on the bare host.
"""
from dataclasses import dataclass

LOWER, HIGHER, NEITHER = 'lower', 'higher', ''
# A percentile says something when at least so many samples are beyond it.
LEAST_BEYOND = 10


@dataclass
class Metric:
    """
    @better: which way, NEITHER also where one sample decides it or where it says how much was sent; @ratio: whether beside the
    host's it says something; @form: how it is printed.
    """
    key: str
    name: str
    unit: str
    form: str
    better: str
    ratio: bool = True


LATENCY = [
    Metric('p50', 'p50', 'us', ',.1f', LOWER),
    Metric('p99', 'p99', 'us', ',.1f', LOWER),
    Metric('p99.9', 'p99.9', 'us', ',.1f', LOWER),
    Metric('p99.99', 'p99.99', 'us', ',.1f', LOWER),
    Metric('max', 'max', 'us', ',.0f', NEITHER),
]
NVME = [
    Metric('iops', 'I/Os per second', 'IOPS', ',.0f', HIGHER),
    Metric('mib', 'bandwidth', 'MiB/s', ',.1f', HIGHER),
    *LATENCY,
    Metric('n', 'n, I/Os timed', '', ',.0f', NEITHER, False),
    Metric('cpu', 'host CPU per I/O', 'us/IO', ',.2f', LOWER),
    Metric('exits', 'exits per I/O', '/IO', ',.3f', LOWER, False),
    Metric('interrupts', 'host interrupts per I/O', '/IO', ',.3f', LOWER),
    Metric('notices', 'posting notices per I/O', '/IO', ',.3f', NEITHER, False),
]
NET = [
    Metric('mbits', 'throughput', 'Mbit/s', ',.0f', HIGHER),
    Metric('pps', 'packets per second', 'pps', ',.0f', HIGHER),
    Metric('loss', 'lost packets', '%', '.2f', NEITHER, False),
    *LATENCY,
    Metric('n', 'n, round trips timed', '', ',.0f', NEITHER, False),
    Metric('cpu', 'host CPUs, less clients', 'CPUs', ',.2f', LOWER),
    Metric('exits', 'exits per second', '/s', ',.0f', LOWER, False),
    Metric('exits_packet', 'exits per packet', '/packet', ',.3f', LOWER, False),
    Metric('exits_trip', 'exits per round trip', '/trip', ',.3f', LOWER, False),
    Metric('interrupts', 'host interrupts per s', '/s', ',.0f', NEITHER, False),
    Metric('notices', 'posting notices per s', '/s', ',.0f', NEITHER, False),
]
OF = {'nvme': NVME, 'net': NET}
UNITS = {'IOPS': 'I/Os per second', 'us': 'microseconds', '/IO': 'per I/O', 'us/IO': 'microseconds of CPU per I/O',
         'MiB/s': 'MiB per second', 'Mbit/s': 'Mbit per second', 'pps': 'packets per second', '%': 'percent',
         'CPUs': 'CPUs', '/packet': 'per packet', '/trip': 'per round trip', '/s': 'per second', '': 'count'}
PERCENTILES = {'p50': 50, 'p99': 99, 'p99.9': 99.9, 'p99.99': 99.99}


def told(percent, n):
    """Whether enough samples are beyond a percentile for it to say something."""
    return n * (100 - percent) / 100 >= LEAST_BEYOND - 1e-9


def percentiles(values, n):
    """{key: value}, None for those that so many samples do not tell."""
    return {key: values[key] if told(percent, n) else None for key, percent in PERCENTILES.items()}
