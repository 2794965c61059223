# SPDX-License-Identifier: Apache-2.0
"""torc-bench's command line: what was asked for, what will be done about it, and doing it."""
import argparse
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time

from torc_bench import compare, counters, net, nvme, page, refusals, results as found
from torc_bench.error import Interrupted, Refusal
from torc_bench.host import Host
from torc_bench.session import SIGNALS, Progress, Session, duration
from torc_bench.vmms import VMMS, title

MEASURES = {'nvme': nvme, 'net': net}


USAGE = f'''\
Usage: torc-bench nvme BDF [OPTION]...
       torc-bench net BDF --peer BDF|INTERFACE [OPTION]...
       torc-bench compare BEFORE AFTER
Measure a drive or a network interface on the bare host and passed through to
guests of torc and of other VMMs, in turn. As root.

  nvme               reads of a drive by fio, at several queue depths
  net                TCP, UDP, round trips and small packets by iperf3, sockperf
                     and ping
  compare            two folders of results: what changed beyond the spread;
                     status 1 when something got worse

  --runtime SECONDS  of each job (10)
  --rounds N         each is every system there and back (3)
  --vs VMM,...       also {', '.join(name for name in VMMS if name != 'torc')}
  --destructive      of a drive, writes as well: WHAT IS ON IT IS LOST
  --peer WHAT        the other end of the wire: the BDF of another NIC, which
                     goes to a network namespace, or an interface of the host
  --out FOLDER       a new one for the results (torc-bench-nvme-DATE-TIME)
  -h, --help         this text
  -V, --version      torc's
It says first what it will do and how long that takes. Ctrl-C ends it and puts
everything back; after a kill -9, torc-vfio unbind BDF does. See torc-bench(1).
'''


class Usage(argparse.Action):
    def __call__(self, *_):
        print(USAGE, end='')
        sys.exit(0)


class Version(argparse.Action):
    def __call__(self, *_):
        program = this_host().program('torc')
        print('torc-bench of ' + (subprocess.check_output([program, '--version'], text=True).strip() if program else 'torc'))
        sys.exit(0)


def this_host():
    """Programs that were installed with this one are beside it."""
    return Host(search=os.path.dirname(os.path.realpath(sys.argv[0])))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f'torc-bench: {message}\n  remedy: torc-bench --help', file=sys.stderr)
        sys.exit(2)


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < math.inf:
            raise ValueError
        return value
    parse.__name__ = 'positive number'
    return parse


def parser():
    top = Parser(prog='torc-bench', add_help=False)
    top.add_argument('-h', '--help', action=Usage, nargs=0)
    top.add_argument('-V', '--version', action=Version, nargs=0)
    commands = top.add_subparsers(dest='what', required=True, metavar='COMMAND', parser_class=Parser)
    for name in 'nvme', 'net':
        each = commands.add_parser(name, allow_abbrev=False, add_help=False)
        each.add_argument('bdf', metavar='BDF')
        each.add_argument('--runtime', type=positive(float), default=10)
        each.add_argument('--rounds', type=positive(int), default=3)
        each.add_argument('--vs', default='')
        each.add_argument('--out', default='')
        if name == 'nvme':
            each.add_argument('--destructive', action='store_true')
        else:
            each.add_argument('--peer', default='')
    compare_parser = commands.add_parser('compare', allow_abbrev=False, add_help=False)
    compare_parser.add_argument('before', metavar='BEFORE')
    compare_parser.add_argument('after', metavar='AFTER')
    for each in commands.choices.values():
        each.add_argument('-h', '--help', action=Usage, nargs=0)
    return top


def request_of(arguments, host):
    return refusals.Request(host, arguments.what, host.device(arguments.bdf),
                            peers=tuple(name for name in arguments.vs.split(',') if name),
                            destructive=getattr(arguments, 'destructive', False), peer=getattr(arguments, 'peer', ''),
                            out=arguments.out)


def plan(request, session, jobs, order, seconds, folder):
    """What will be done, and how long that takes: [(name, words)]."""
    device, measure = request.device, MEASURES[request.what]
    facts = device.describe()
    estimate = sum(second for _, second in session_estimates(request, jobs, order, seconds))
    lines = [('device', f'{device.bdf}, {facts.get("model") or facts.get("interface")}, driver {device.driver}, '
                        f'IOMMU group {device.group}, NUMA node {device.node}')]
    lines += [('systems', ', '.join(title(system) for system in order))]
    lines += measure.describe(request, jobs)
    lines += [('CPUs', f'{words(session.cpus)} for {measure.WORK} and the vCPUs, {words(session.others)} for interrupts'),
              ('device goes', f'to vfio-pci and back to {device.driver}, by torc-vfio; also after Ctrl-C. After kill -9: '
                              f'torc-vfio unbind {device.bdf}'),
              ('takes', f'about {duration(estimate)}'), ('results', folder)]
    return lines


def words(cpus):
    return ','.join(str(cpu) for cpu in sorted(cpus))


def session_estimates(request, jobs, order, seconds):
    """[(system, seconds)] of each run."""
    seen, estimates = set(), []
    for system in order:
        estimates.append((system, MEASURES[request.what].estimate(jobs, system, seconds, system not in seen)))
        seen.add(system)
    return estimates


def versions(host, request):
    """What each program says of itself, in its first line."""
    found_versions = {}
    programs = [('torc', ['torc'])] + [(title(name), VMMS[name].programs) for name in request.peers]
    programs += [(name, [name]) for name in refusals.WORKERS[request.what]]
    for name, candidates in programs:
        path = next(filter(None, map(host.program, candidates)), None)
        flag = '-V' if name in ('ping', 'ip') else '--version'
        done = subprocess.run([path, flag], capture_output=True, text=True, check=False) if path else None
        lines = (done.stdout or done.stderr).splitlines() if done else []
        found_versions[name] = lines[0].strip() if lines else 'unknown'
    return found_versions


def posts_interrupts(check):
    """'yes', or why not; @check: what torc-vfio check has found."""
    for row in (check or {}).get('checks', []):
        if row['check'] == 'posted interrupts':
            return 'yes' if row['verdict'] == 'ok' else f'no: {row["reason"]}'
    return 'no: without an IOMMU there are none' if check else 'not known: torc-vfio check says nothing'


def measure(arguments):
    host = this_host()
    request = request_of(arguments, host)
    refusals.look(request)
    module = MEASURES[request.what]
    jobs, order = module.jobs(request), module.order(request, arguments.rounds)
    folder = os.path.abspath(arguments.out or time.strftime(f'torc-bench-{request.what}-%Y%m%d-%H%M%S'))
    session = Session(request, folder, module.PROGRAMS, module.modules(request))
    for name, line in plan(request, session, jobs, order, arguments.runtime, folder):
        print(page.wrapped(name, line))
    print(flush=True)
    check, _ = host.torc_vfio('check', request.device.bdf)
    results = {'format': found.FORMAT, 'what': request.what, 'command': shlex.join(['torc-bench', *sys.argv[1:]]),
               'date': time.strftime('%Y-%m-%d %H:%M'), 'device': request.device.describe(),
               'machine': counters.facts(host, session.near, posts_interrupts(check)), 'versions': versions(host, request),
               'settings': {'vCPUs': len(session.cpus), 'CPUs': words(session.cpus), 'interrupts on': words(session.others),
                            'memory MiB': refusals.MEMORY_MIB, 'seconds': arguments.runtime, 'rounds': arguments.rounds},
               'check': check, 'jobs': [{'name': job.name, 'title': job.title} for job in jobs],
               'runs': []}
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Refusal(f'--out {folder}', error.strerror, 'name a folder that can be made') from None

    def save(runs):
        results['runs'] = runs
        # Until all of it is there.
        results['incomplete'] = 'it was killed before all was measured'
        with open(f'{folder}/result.json', 'w', encoding='utf-8') as file:
            json.dump(results, file, indent=1)

    progress = Progress(session_estimates(request, jobs, order, arguments.runtime))
    progress.say('making the initramfs of the guests')
    failure = None
    try:
        with session:
            results['settings']['guests booted with'] = session.cmdline
            module.measure(session, arguments.runtime, arguments.rounds, progress, save)
        results.pop('incomplete', None)
    except (Refusal, RuntimeError, OSError, Interrupted) as error:
        failure = error
        results['incomplete'] = str(error).splitlines()[0]
    results['machine'].update(not_counted=session.hidden, other_machines=session.other_machines)
    if results['runs']:
        page.write(results, folder)
        with open(f'{folder}/report.txt', encoding='utf-8') as file:
            print(file.read())
        print(f'torc-bench: saved in {folder}: report.txt, report.html, result.json, result.csv', file=sys.stderr)
    if failure:
        print(f'torc-bench: logs are in {folder}', file=sys.stderr)
        raise failure
    return 0


def interrupt(number, _):
    raise Interrupted(number)


def main():
    arguments = parser().parse_args()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        if arguments.what == 'compare':
            return compare.main(arguments.before, arguments.after)
        return measure(arguments)
    except Refusal as refusal:
        print(f'torc-bench: {refusal}', file=sys.stderr)
        return 2 if arguments.what == 'compare' else 1
    except (RuntimeError, OSError) as error:
        print(f'torc-bench: {error}', file=sys.stderr)
        return 1
    except Interrupted as end:
        print(f'torc-bench: {end}', file=sys.stderr)
        return end.status
