# SPDX-License-Identifier: Apache-2.0
"""An NVMe drive on the bare host and in guests, in turn."""
import json
import shlex
import subprocess
import time

from guests import BEFORE_WINDOW_S, sampled_rates
from torc_bench import counters, metrics, stages, workloads
from torc_bench.error import understood
from torc_bench.session import expect, vcpus_of
from torc_bench.vmms import HOST, title
from tracing import exits_of, window

# What a guest of a machine nobody knows may take to its shell, and the bare host to its.
START_S = {HOST: 3}
VMM_START_S = 15
# Of a job, beside the time that it is told to run: until fio begins, and its result on the serial line.
AROUND_S = 1.5
# For what hangs; a busy machine may take long.
SLOW_S = 600
MODULES = ('nvme',)
PROGRAMS = ('fio',)
WORK = 'fio'


def estimate(jobs_, system, seconds, first):
    total = START_S.get(system, VMM_START_S)
    for job in jobs_:
        total += seconds + workloads.RAMP_S + AROUND_S
        if system != HOST and first:
            total += workloads.COUNTED_S + 2 * AROUND_S
        if system == 'torc' and first:
            total += (workloads.TRACED_S + 2 * AROUND_S) * job.stages
    return total


def order(request, rounds):
    """Host, torc, peers and back, so that what drifts with time is on all alike."""
    once = [HOST, 'torc', *request.peers]
    return (once + once[::-1]) * rounds


class Measurement:
    def __init__(self, session, seconds, engine, progress):
        self.session, self.seconds, self.engine, self.progress = session, seconds, engine, progress
        self.host, self.device = session.host, session.device
        self.namespace = session.device.namespace()

    def run(self, system, jobs_, detailed):
        """One run: {"system", "command", "jobs": {name: {...}}}. @detailed: also exits by reason, and stages."""
        session = self.session
        session.give(system)
        words = session.chroot() if system == HOST else session.vmm(system)
        result = {'system': system, 'command': '' if system == HOST else shlex.join(words), 'jobs': {}}
        begin = time.monotonic()
        with session.start(system, words) as guest:
            session.come_up(guest, system)
            guest.tell(f'{self.find_disk(system)} || exit 1\n'.encode())
            expect(guest, 'TORC-DISK', SLOW_S)
            result['start_s'] = time.monotonic() - begin
            session.place_vectors(system)
            for job in jobs_:
                self.progress.say(f'{title(system)}: {job.title}')
                if job.writes and system == HOST:
                    session.look_again()
                found = self.timed(guest, system, job)
                if detailed and system != HOST and self.session.tracer:
                    found['reasons'] = self.counted(guest, job)
                if detailed and system == 'torc' and job.stages and self.session.tracer:
                    found['stages'] = self.traced(guest, job)
                result['jobs'][job.name] = found
            session.finish(guest)
        return result

    def find_disk(self, system):
        if system != HOST:
            return f'find_disk {self.namespace.nsid}'
        name = self.device.namespace(self.namespace.nsid).disk
        return f'use_disk {name} {shlex.quote(self.device.statistics(name))}'

    def tell(self, guest, job, name, runtime, seconds, ramp=workloads.RAMP_S, cpus=()):
        fio = ' '.join(job.fio('$disk', self.namespace.bytes, runtime, self.engine, ramp, cpus))
        guest.tell(f'measure {name} {seconds:g} {fio} || exit 1\n'.encode())
        expect(guest, f'TORC-WINDOW {name}$', SLOW_S)
        time.sleep(BEFORE_WINDOW_S)

    def timed(self, guest, system, job):
        """What fio says, and what is counted all the time anyway; nothing is traced."""
        near = self.session.near
        # It ends before fio does, also where a slow guest's sleeps are long.
        seconds = max(0.3, self.seconds - 0.5)
        cpus = self.session.cpus if system == HOST and self.session.are_isolated else ()
        self.tell(guest, job, job.name, self.seconds, seconds, cpus=cpus)
        seen = window(seconds, exits=lambda: exits_of(guest.process.pid) if system != HOST else None,
                      interrupts=lambda: counters.device_interrupts(self.device),
                      notices=lambda: counters.notices(self.host) if system != HOST else None,
                      busy=lambda: counters.busy_seconds(self.host, near))
        match = expect(guest, f'TORC-FIO {job.name} (.*)', SLOW_S + 2 * self.seconds)
        done = completed(guest, job.name, seen['seconds'])
        told = understood('fio', lambda text: fio_metrics(text, job.writes), match[1])
        command = shlex.join(job.fio(f'/dev/{self.namespace.disk}', self.namespace.bytes, self.seconds, self.engine, cpus=cpus))
        return {**told, 'command': command, 'cpu': per_io(seen['busy'] * 1e6, done),
                **{key: per_io(seen[key], done) for key in ('interrupts', 'exits', 'notices')}}

    def counted(self, guest, job):
        """Exits by reason per I/O, and those to the VMM: histograms of tracepoints, beside a fio of its own."""
        name, tracer, seconds = f'{job.name}-counted', self.session.tracer, workloads.COUNTED_S
        threads = list(vcpus_of(guest.process.pid))
        tracer.histograms(True, threads=threads)
        try:
            self.tell(guest, job, name, seconds + 1, seconds, 0)
            seen = window(seconds, exits=tracer.exits, user_exits=tracer.user_exits)
        finally:
            tracer.histograms(False, threads=threads)
        expect(guest, f'TORC-FIO {name} ', SLOW_S)
        done = completed(guest, name, seen['seconds'])
        return {'ios': done, **{kind: {reason: count / done for reason, count in seen[kind].items()}
                                for kind in ('exits', 'user_exits')}} if done else None

    def traced(self, guest, job):
        """The stages of the drive's interrupts; the load outlasts them."""
        name = f'{job.name}-traced'
        if not self.host.program('torc-trace'):
            return None
        self.tell(guest, job, name, workloads.TRACED_S + 2, 0.3, 0)
        found = stages.follow(self.session, guest.process.pid)
        expect(guest, f'TORC-FIO {name} ', SLOW_S)
        return found


def completed(guest, name, seconds):
    """I/Os in the host's window of so many seconds, by the rate in the guest's; 0 on a machine that stood still."""
    return sampled_rates(guest, name, SLOW_S)[0] * seconds


def per_io(count, ios):
    return count / ios if ios and count is not None else None


def fio_metrics(text, writes):
    """What fio's JSON says of a job that reads or writes: numbers by the keys of metrics.py."""
    data = json.loads(text[text.index('{'):])['jobs'][0]['write' if writes else 'read']
    latency = data['lat_ns']
    n = latency.get('N', data['total_ios'])
    values = {key: latency['percentile'][f'{percent:f}'] / 1000 for key, percent in metrics.PERCENTILES.items()}
    return {'iops': data['iops'], 'mib': data['bw_bytes'] / 2 ** 20, **metrics.percentiles(values, n),
            'max': latency['max'] / 1000, 'n': n}


def jobs(request):
    return workloads.nvme(request.destructive)


def modules(_request):
    return MODULES


def describe(request, jobs_):
    """For the plan: what happens to the drive."""
    writes = 'WRITES to the drive: what is on it is lost' if request.destructive else 'reads only; nothing is written'
    namespace = request.device.namespace()
    return [('jobs', ', '.join(job.name for job in jobs_)),
            ('drive', f'namespace {namespace.nsid} ({namespace.disk}); {writes}')]


def measure(session, seconds, rounds, progress, save):
    """All runs, in order; save(runs) after each."""
    request = session.request
    engine = 'io_uring' if 'io_uring' in subprocess.run([session.host.program('fio'), '--enghelp'], capture_output=True,
                                                        text=True, check=False).stdout else 'libaio'
    measurement, runs, seen = Measurement(session, seconds, engine, progress), [], set()
    session.renew()
    for system in order(request, rounds):
        progress.next_run()
        progress.say(title(system))
        runs.append(measurement.run(system, jobs(request), system not in seen))
        seen.add(system)
        save(runs)
