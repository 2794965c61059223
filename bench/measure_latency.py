#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run a guest that times itself, under torc and QEMU in turn: A B B A.

measure_latency.py STAGE OUT ROUNDS COUNT   what bench/latency.sh prints

STAGE as for measure.py, with the kernel tests/lab/payload/latency.c as STAGE/latency, which measures each thing COUNT times.
Needs /dev/kvm and nothing else: neither tracing nor root.
"""
import os
import re
import shlex
import subprocess
import sys

import guests
from tracing import say

FIELDS = ('count', 'p50', 'p90', 'p99', 'p99.9', 'max')


class LatencyBench(guests.Bench):
    def __init__(self, stage, count):  # pylint: disable=super-init-not-called # no tracing here
        self.stage = stage
        self.kernel = f'{stage}/latency'
        self.disk = self.bdf = None
        self.cmdline = f'count={count}'

    def run_payload(self, vmm):
        command = self.command(vmm, None, False, 2, self.cmdline)
        command += ['--rng', 'src=/dev/urandom'] if vmm == 'torc' else \
            ['-object', 'rng-random,filename=/dev/urandom,id=entropy', '-device', 'virtio-rng-pci,rng=entropy']
        environ = dict(os.environ, LD_LIBRARY_PATH=f'{self.stage}/torc') if vmm == 'torc' else os.environ
        output = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=environ, timeout=300, check=True).stdout.decode(errors='replace')
        if 'DONE' not in output:
            raise RuntimeError(f'{vmm} ended before the guest was done:\n{output}')
        found = re.findall(r'LATENCY (\S+) (none|[\d ]+)', output)
        return {'vmm': vmm, 'command': shlex.join(command),
                'cycles': {what: dict(zip(FIELDS, map(int, numbers.split())))
                           for what, numbers in found if numbers != 'none'}}


def measure_all(stage, rounds, count):
    bench, runs = LatencyBench(stage, count), []
    plan = ['torc', 'qemu', 'qemu', 'torc'] * rounds
    for number, vmm in enumerate(plan, 1):
        runs.append(bench.run_payload(vmm))
        say(f'{number}/{len(plan)} {vmm}: ' +
            ', '.join(f'{what} {cycles["p50"]:,}' for what, cycles in runs[-1]['cycles'].items()))
    return {'runs': runs}


def main():
    stage, out, rounds, count = sys.argv[1:]
    return guests.save(out, 'latency', lambda: measure_all(stage, int(rounds), int(count)))


if __name__ == '__main__':
    sys.exit(main())
