# SPDX-License-Identifier: Apache-2.0
"""What a result says, in a line of plain words for each job and system."""
import statistics

from torc_bench import results as found
from torc_bench.vmms import HOST, title

# A host interrupt for less than each tenth I/O: the guest has its interrupts without the host.
FEW_INTERRUPTS = 0.1


def microseconds(value):
    return f'{value:.1f}' if abs(value) < 100 else f'{value:,.0f}'


def added_time(guest, host):
    """As the ratio: of each run to the host's of the same half of a round."""
    return statistics.median(a - b for a, b in zip(guest, host))


def latency(sides, system):
    """The p50 beside the host's, or '' where it was not told."""
    host, guest = sides.get(HOST, []), sides.get(system, [])
    beside = found.ratio(guest, host)
    if not beside:
        return ''
    added = added_time(guest, host)
    if found.overlap(guest, host):
        return f'p50 {added:+.1f} us, within the spread of the host\'s'
    return f'p50 {"+" if added > 0 else "-"}{microseconds(abs(added))} us, {beside[0]:.2f} times the host\'s'


def interrupt_part(results, job, system, sides):
    """How much of it is the way of the interrupt, or why that is not known."""
    stages = found.detail(results, job, system, 'stages')
    if not stages:
        return ''
    if 'error' in stages:
        return 'torc-trace failed: ' + stages['error'].splitlines()[0]
    if posted(results, job, system):
        return 'its interrupts are posted, so the host cannot see their way to the guest'
    if not stages['total']:
        return 'torc-trace saw no interrupt that reached the guest while it ran'
    way = stages['total']['p50']
    # What the run that was traced had added, and what all have.
    at = [bool(run['jobs'][job].get('stages')) for run in results['runs'] if run['system'] == system].index(True)
    added = min(sides[system][at] - sides[HOST][at] if at < len(sides[HOST]) else 0, added_time(sides[system], sides[HOST]))
    return f'{microseconds(way)} us of it from interrupt to guest' if 0 < way <= added else \
        f'the interrupt takes {microseconds(way)} us to the guest'


def posted(results, job, system):
    """The device works and the host takes few interrupts of it: as counted, and as the machine can."""
    counted = found.known(found.values(results, job, 'interrupts')[system])
    return results['machine']['posted_interrupts'] == 'yes' and bool(counted) and statistics.median(counted) < FEW_INTERRUPTS


def throughput(results, job, system):
    for key, name in ('iops', 'I/Os per second'), ('mbits', 'throughput'), ('pps', 'packets per second'):
        sides = found.values(results, job, key)
        host, guest = sides.get(HOST, []), sides.get(system, [])
        beside = found.ratio(guest, host)
        if not beside:
            continue
        if found.overlap(found.known(guest), found.known(host)):
            return f'{name} within the spread of the host\'s'
        return f'{name} {beside[0]:.2f} times'
    return ''


def line(results, job, system):
    sides = found.values(results, job, 'p50')
    first = latency(sides, system)
    parts = [first, interrupt_part(results, job, system, sides) if first else '', throughput(results, job, system)]
    return f'{title(system)}: ' + ('; '.join(filter(None, parts)) or 'too little was measured to tell')


def lines(results, job):
    return [line(results, job, system) for system in found.systems(results) if system != HOST]
