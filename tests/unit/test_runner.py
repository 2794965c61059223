#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/runner: what is chosen, what is made of the output of Meson, the lab and the fuzzers, and the table of times.
Usage: test_runner.py RUNNER"""
import contextlib
import io
import os
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv.pop(1))
# pylint: disable=wrong-import-position
import host  # noqa: E402
import lab  # noqa: E402
import plan  # noqa: E402
import report as reports  # noqa: E402
import work  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'times.tsv')
        self.report = reports.Report(self.path)

    def said(self, function, *arguments):
        """What it prints."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            function(*arguments)
        return out.getvalue()

    def results(self):
        return [(row[3], row[4]) for row in self.report.rows if row[0] == 'case']


class Choice(Case):
    def test_words_are_parts_of_names(self):
        wanted = plan.Wanted(['lab/device', 'ring'])
        self.assertTrue(wanted('lab/devices/igb'))
        self.assertTrue(wanted('tsan/unit/ring_poll'))
        self.assertFalse(wanted('gcc/lint/shell'))

    def test_what_ends_in_a_slash_is_all_below_it(self):
        wanted = plan.Wanted(exact={'asan/unit/ring', 'lab/plain/'})
        self.assertTrue(wanted('lab/plain/disk'))
        self.assertTrue(wanted('asan/unit/ring'))
        self.assertFalse(wanted('asan/unit/ring_poll'))

    def test_words_that_nothing_has_are_known(self):
        wanted = plan.Wanted(['ring', 'nosuch'])
        wanted('gcc/unit/ring_poll')
        self.assertEqual(wanted.unmatched, {'nosuch'})

    def test_some_are_known_before_anything_is_built(self):
        self.assertEqual(plan.without_tests(['lab/plain/disk', 'lab/plian', 'fuzz/nosuch', 'lab/host/plain', 'gcc/x', 'ring']),
                         ['lab/plian', 'fuzz/nosuch', 'lab/host/plain'])

    def test_what_takes_long_is_for_soaks_or_who_asks(self):
        def names(wanted):
            return {name for boot in plan.boots(wanted) for name in boot.names}
        with unittest.mock.patch.dict(os.environ, TORC_SOAK=''):
            self.assertFalse(any(name.startswith('lab/bench/') for name in names(plan.Wanted())))
            self.assertIn('lab/bench/nvme', names(plan.Wanted(['lab/bench'])))

    def test_releases_are_for_soaks_or_who_asks(self):
        with unittest.mock.patch.dict(os.environ, TORC_SOAK=''):
            self.assertEqual(plan.distros(plan.Wanted()), [])
            self.assertEqual(plan.distros(plan.Wanted(['distro/sid', 'unit'])), ['sid'])
        with unittest.mock.patch.dict(os.environ, TORC_SOAK='1'):
            self.assertEqual(plan.distros(plan.Wanted()), plan.DISTROS)
            self.assertEqual(plan.distros(plan.Wanted(quick=True)), [])

    def test_what_failed_and_is_no_more_is_known(self):
        wanted = plan.Wanted(exact={'gcc/unit/ring', 'gcc/unit/gone', 'lab/plain/'})
        wanted('gcc/unit/ring')
        wanted('lab/plain/disk')
        self.assertEqual(wanted.unmatched, {'gcc/unit/gone'})

    def test_builds_are_made_for_what_may_be_in_them(self):
        self.assertTrue(plan.Wanted().in_build('tsan'))
        self.assertTrue(plan.Wanted(['unit/ring']).in_build('tsan'))
        self.assertFalse(plan.Wanted(['gcc/unit', 'lab/plain']).in_build('tsan'))
        self.assertFalse(plan.Wanted(quick=True).in_build('asan'))
        self.assertTrue(plan.Wanted(exact={'asan/unit/acpi'}).in_build('asan'))
        self.assertFalse(plan.Wanted(exact={'asan/unit/acpi'}).in_build('gcc'))

    def test_every_row_names_what_is_there(self):
        there = {f'{group.name}/{case}' for group in plan.groups() for case in group.cases}
        self.assertLessEqual(set(plan.SANITIZED), there)
        self.assertLessEqual({name[4:] for name in plan.QUICK if name.startswith('lab/')}, there)
        for name in plan.FUZZERS:
            self.assertTrue(os.path.exists(f'tests/fuzz/fuzz_{name}.c'))

    @unittest.mock.patch.dict(os.environ, TORC_SOAK='1')
    def test_all_cases_are_in_some_boot_the_sanitized_last(self):
        boots = plan.boots(plan.Wanted())
        names = [name for boot in boots for name in boot.names]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({name for name in names if name.startswith('lab/')},
                         {f'lab/{group.name}/{case}' for group in plan.groups() for case in group.cases})
        sanitized = [boot.has('lab-sanitized') for boot in boots]
        self.assertEqual(sanitized, sorted(sanitized))


class Meson(Case):
    def parts(self, **test):
        test = {'result': 'OK', 'duration': 1.5, **test}
        return list(host.parts(test, 'gcc/unit/x', test.get('stdout', '')))

    def test_a_program_is_a_test(self):
        self.assertEqual(self.parts(), [('ok', 'gcc/unit/x', 1.5, '')])
        self.assertEqual(self.parts(result='TIMEOUT'), [('not ok', 'gcc/unit/x', 1.5, '')])
        self.assertEqual(self.parts(result='SKIP', stdout='a\nno KVM'), [('skip', 'gcc/unit/x', 1.5, 'no KVM')])

    def test_lines_of_tap_are_tests_too(self):
        self.assertEqual(self.parts(stdout='ok 1 - this\nnot ok 2 - that\nok 3 - other # SKIP why\n1..3'), [
            ('ok', 'gcc/unit/x: this', None, ''), ('not ok', 'gcc/unit/x: that', None, ''),
            ('skip', 'gcc/unit/x: other', None, 'why'), ('ok', 'gcc/unit/x', 1.5, '')])

    def test_a_skipped_case_of_cmocka_is_told(self):
        self.assertEqual(self.parts(stdout='skipped: no KVM\n[  SKIPPED ] this\n'), [
            ('ok', 'gcc/unit/x', 1.5, ''), ('skip', 'gcc/unit/x: this and the like', None, 'skipped: no KVM')])


class Lab(Case):
    def read(self, names, *lines):
        tap = lab.Tap(self.report, 'there', names)
        for line in lines:
            tap.read(line)
        tap.end()
        return tap

    def test_cases_have_their_names_and_output(self):
        said = self.said(self.read, ['lab/a/one', 'lab/a/two', 'lab-sanitized/b/one'], '1..4', '# up after 9.1 s',
                         'ok 1 - a/one (2.0 s)', 'not ok 2 - a/two (1.0 s)', '# why', 'ok 3 - b/one (0.5 s) # SKIP no NIC',
                         'ok 4 - host/there')
        self.assertEqual(self.results(), [('ok', 'lab/a/one'), ('not ok', 'lab/a/two'), ('skip', 'lab-sanitized/b/one'),
                                          ('ok', 'lab/host/there')])
        self.assertIn('not ok lab/a/two (1.0 s)\n# why\nskip lab-sanitized/b/one (0.5 s) no NIC\n', said)
        self.assertEqual([row[4] for row in self.report.rows if row[0] == 'part'], ['lab: boot of there', 'lab/a', 'lab-sanitized/b'])

    def test_a_case_that_is_not_due_is_no_other_ones_result(self):
        self.said(self.read, ['lab/a/one'], 'ok 1 - a/two (2.0 s)', 'ok 2 - host/there')
        self.assertEqual(self.results(), [('not ok', 'lab/a/two'), ('ok', 'lab/host/there')])

    def test_a_lab_without_a_last_word_is_known(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertFalse(self.read(['lab/a/one'], 'test.sh: no such case').verdict)
            self.assertTrue(self.read(['lab/a/one'], 'Bail out! no guests').verdict)

    def test_what_did_not_come_is_known(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(self.read(['lab/a/one', 'lab/a/two'], 'ok 1 - a/one (2.0 s)').done, 1)


class Fuzzer(Case):
    def test_it_goes_on_while_it_finds_edges(self):
        edges = host.Edges()
        for line, done in (('INFO: seed', False), ('#100\tINITED cov: 10 ft: 11 corp: 1', False),
                           ('#4000\tNEW    cov: 11 ft: 13 corp: 2', False), ('#8000\tREDUCE cov: 11 ft: 14', False),
                           ('#9000\tpulse  cov: 11 ft: 14', True), ('#9001\tNEW    cov: 12 ft: 14', False),
                           ('#18001\tpulse  cov: 12 ft: 14', False), ('#18002\tpulse  cov: 12 ft: 14', True)):
            edges.read(line)
            self.assertEqual(edges.is_done(), done, line)
        self.assertEqual((edges.edges, edges.found_at), (12, 9001))


class Times(Case):
    def run_one(self, failed):
        self.report.result('ok', 'gcc/unit/a', 1.25)
        self.report.result('not ok' if failed else 'ok', 'gcc/unit/b', 3)
        self.report.part('gcc: unit', 0, 4.25)
        return self.report.finish(False)

    def test_the_table_and_the_count_come_last(self):
        said = self.said(self.run_one, True)
        self.assertRegex(said, r'seconds +from +to +part\n +4\.2 +0\.0 +4\.2  gcc: unit\n')
        self.assertRegex(said, r'slowest cases\n +3\.0  gcc/unit/b\n +1\.2  gcc/unit/a\nnot ok gcc/unit/b\n')
        self.assertTrue(said.endswith('1 passed, 1 failed, 0 skipped\n'))

    def test_what_fails_because_a_signal_ends_the_run_has_not_failed(self):
        self.report.result('ok', 'a')
        with unittest.mock.patch.object(work, '_stopping', True):
            self.said(self.report.result, 'not ok', 'b')
        self.assertEqual(self.results(), [('ok', 'a')])

    def test_times_that_cannot_be_saved_leave_the_count(self):
        self.report.path = '/proc/nosuch/times.tsv'
        self.assertIn('0 passed, 0 failed', self.said(self.report.finish, False))

    def test_the_exit_status_tells(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(self.run_one(False), 0)
            self.report.result('not ok', 'gcc/unit/c')
            self.assertEqual(self.report.finish(False), 1)
            self.assertEqual(reports.Report(self.path).finish(False), 1)

    def test_two_runs_are_compared(self):
        self.said(self.run_one, False)
        second = reports.Report(self.path + '2')
        with contextlib.redirect_stdout(io.StringIO()):
            second.result('ok', 'gcc/unit/a', 2.5)
            second.result('ok', 'gcc/unit/new', 1)
            second.part('gcc: unit', 0, 2.125)
            second.finish(False)
        said = self.said(reports.compare, self.path, self.path + '2')
        self.assertRegex(said, r' 4\.2 +2\.1 +0\.50  gcc: unit\n')
        self.assertRegex(said, r' 1\.2 +2\.5 +2\.00  gcc/unit/a\n')
        self.assertIn('no more: gcc/unit/b\n', said)
        self.assertIn('new: gcc/unit/new\n', said)

    def test_a_case_with_another_result_is_told(self):
        self.said(self.run_one, False)
        second = reports.Report(self.path + '2')
        with contextlib.redirect_stdout(io.StringIO()):
            second.result('not ok', 'gcc/unit/a', 2.5)
            second.finish(False)
        self.assertIn('gcc/unit/a: ok, then not ok\n', self.said(reports.compare, self.path, self.path + '2'))

    def test_times_that_are_not_there_are_an_error(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(reports.compare(self.path + '3', self.path), 2)
        self.assertIn('times.tsv3: No such file', said.getvalue())

    def test_times_of_a_whole_run_stay(self):
        whole = self.path.replace('.tsv', '-whole.tsv')
        with contextlib.redirect_stdout(io.StringIO()):
            self.report.finish(False)
            self.assertFalse(os.path.exists(whole))
            self.report.finish(False, is_whole=True)
        self.assertTrue(os.path.exists(whole))


if __name__ == '__main__':
    unittest.main()
