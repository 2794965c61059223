#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How torc-bench ends: well, by an error, by a signal. On a machine of folders. Usage: test_bench_session.py BENCH."""
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import unittest
import unittest.mock

BENCH = sys.argv.pop(1)
sys.path.insert(0, BENCH)

# pylint: disable=wrong-import-position
from bench_machine import BDF, Machine  # noqa: E402
from bench_results import run  # noqa: E402
from torc_bench import command, nvme, session  # noqa: E402
from torc_bench.error import Interrupted, understood  # noqa: E402


class Ends(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()
        self.addCleanup(self.machine.__exit__)
        self.session = session.Session(self.machine.request(), '/out', (), ())
        for number in session.SIGNALS:
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_all_children_are_gone_before_the_device_is_given_back(self):
        """Also one that an interrupt has come between before anybody was to end it. Only who removes traces is left."""
        child, self.session.minder = (subprocess.Popen(['sleep', '600']) for _ in range(2))
        for each in child, self.session.minder:
            self.addCleanup(each.wait)
            self.addCleanup(each.kill)
        self.session.bound = True

        def give_to_host():
            self.assertEqual(session.children(), [self.session.minder.pid])
            raise RuntimeError('no')
        self.session.give_to_host = give_to_host
        self.session.minder.stdin = unittest.mock.Mock(close=self.session.minder.kill)
        self.session.lock = os.open('/', os.O_RDONLY)
        with unittest.mock.patch.object(session, 'WORK', '/nowhere'), self.assertRaisesRegex(RuntimeError, '^no$'):
            self.session.clean_up()

    def end(self, error, clean_up=lambda: None):
        self.session.clean_up = clean_up
        self.session.__exit__(type(error), error, None)

    def test_what_cannot_be_put_back_is_said_beside_what_went_wrong_before(self):
        def clean_up():
            raise RuntimeError('unbind: busy')
        said = 'fio failed\nand then putting things back: unbind: busy\n  remedy: torc-vfio recover$'
        with self.assertRaisesRegex(RuntimeError, said):
            self.end(RuntimeError('fio failed'), clean_up)

    def test_that_the_device_is_back_is_said_only_if_it_was_gone(self):
        interrupts = [Interrupted(number) for number in (signal.SIGINT, signal.SIGTERM)]
        self.end(interrupts[0])
        self.session.moved = True
        self.end(interrupts[1])
        self.assertEqual([(str(each), each.status) for each in interrupts],
                         [('interrupted by SIGINT', 130), ('interrupted by SIGTERM; the device is back', 143)])

    def test_a_kernel_that_is_locked_down_hides_exits_and_no_more(self):
        self.machine.file('sys/kernel/security/lockdown', 'none [integrity] confidentiality')
        refused = PermissionError(1, 'Operation not permitted')
        with unittest.mock.patch.object(session, 'total_exits', side_effect=refused), \
                unittest.mock.patch.object(session, 'command'), unittest.mock.patch.object(session, 'Tracer') as tracer:
            self.session.open_counters()
            self.assertEqual(self.session.tracer, tracer.return_value)
            self.assertEqual(len(self.session.hidden), 1)
            self.assertRegex(self.session.hidden[0], r'^exits: .*not permitted \(the kernel is locked down: integrity\)$')
            tracer.side_effect = refused
            self.session.tracer = None
            self.session.open_counters()
            self.assertRegex(self.session.hidden[2], 'exits by reason, stages: .*integrity')
            self.assertIsNone(self.session.tracer)

    def test_what_a_program_says_and_nobody_understands_is_an_error_with_its_last_lines(self):
        for parse in json.loads, lambda text: {}[text], lambda text: text + 1, lambda text: 1 / 0:
            with self.assertRaisesRegex(RuntimeError, '^fio: what it says is not understood(.|\n)*\nfio: no$'):
                understood('fio', parse, '\n'.join(['x'] * 20 + ['fio: no']))


class Measured:
    """A session that does nothing."""

    near = cpus = others = (0, 1)
    cmdline = 'quiet'
    hidden, other_machines = ['exits: no'], 3

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Incomplete(unittest.TestCase):
    def measure(self, runs, error):
        """What a measurement says that fails after some runs: (exception, output, result.json or None)."""
        def measure(_session, _seconds, _rounds, _progress, save):
            for at in range(len(runs)):
                save(runs[:at + 1])
            raise error
        with Machine() as machine, unittest.mock.patch.object(nvme, 'measure', measure), \
                unittest.mock.patch.object(command, 'Session', Measured), \
                unittest.mock.patch.object(command, 'this_host', lambda: machine.host), \
                unittest.mock.patch('os.geteuid', return_value=0), \
                contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            folder = f'{machine.root}/out'
            with self.assertRaises(type(error)) as caught:
                command.measure(command.parser().parse_args(['nvme', BDF, '--out', folder]))
            try:
                with open(f'{folder}/result.json', encoding='utf-8') as file:
                    return caught.exception, out.getvalue(), json.load(file)
            except FileNotFoundError:
                return caught.exception, out.getvalue(), None

    def test_what_was_measured_is_told_when_a_later_run_fails(self):
        for error in RuntimeError('in use\n  remedy: x'), Interrupted(signal.SIGINT):
            for runs in [run('host', 10000, 100)], [run('host', 10000, 100), run('torc', 9000, 110)]:
                raised, out, result = self.measure(runs, error)
                self.assertIs(raised, error)
                self.assertIn(f'Incomplete: {str(error).splitlines()[0]}', out)
                self.assertIn('10,000', out)
                self.assertIn('Not counted: exits: no.', out)
                self.assertIn('Other virtual machines ran meanwhile, 3 at most', out)
                self.assertEqual(len(result['runs']), len(runs))
                self.assertIn('summary', result)

    def test_where_nothing_was_measured_there_is_no_page(self):
        self.assertIsNone(self.measure([], RuntimeError('no'))[2])


if __name__ == '__main__':
    unittest.main()
