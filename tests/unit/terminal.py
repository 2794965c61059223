#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The terminal that torc runs on, in the hands of signals: raw while torc runs, as it was whenever another sees it.

usage: terminal.py TORC TINY; prints TAP. TINY: tests/lab/cases/tiny.py
"""

import fcntl
import os
import pathlib
import pty
import resource
import signal
import subprocess
import sys
import tempfile
import termios
import time

TORC, TINY = sys.argv[1:]
PATIENCE = 60
# What the kernel does without asking, what does not end a process by default, and what ends a VM in order.
OTHERS = {"SIGKILL", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT", "SIGCHLD", "SIGURG", "SIGWINCH", "SIGCLD"}
IN_ORDER = {"SIGINT", "SIGTERM", "SIGHUP"}
IGNORED = {"SIGPIPE", "SIGXFSZ"}
KICK = {"SIGRTMIN"}  # torc's own, to its vCPUs
ENDING = sorted(s for s in signal.Signals if s.name not in OTHERS | IN_ORDER | IGNORED | KICK)


def until(what, condition):
    """Wait for it; a time limit is for what never comes."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not after {PATIENCE} s")
        time.sleep(0.01)


def be_foreground_job():
    """What a shell does in a new process."""
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    ignore_nothing()


def be_without_control():
    """As setsid(1) does: the terminal controls another session."""
    os.setsid()
    ignore_nothing()


def ignore_nothing():
    """Whatever this process ignores."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A pseudo terminal, and torc as the foreground job of a session on it that this process leads."""

    def __init__(self, kernel, become=be_foreground_job):
        self.before = termios.tcgetattr(0)
        self.torc = subprocess.Popen(
            [TORC, "--kernel", kernel, "--memory", "64M", "--serial", "tty"],
            stderr=subprocess.PIPE,
            preexec_fn=become,
        )
        until("raw mode", lambda: self.is_raw() or self.torc.poll() is not None)
        assert self.torc.poll() is None, self.torc.stderr.read()

    @staticmethod
    def is_raw():
        return not termios.tcgetattr(0)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def is_stopped(self):
        return "State:\tT" in pathlib.Path(f"/proc/{self.torc.pid}/status").read_text()

    def take_back(self):
        """As a shell does when its job has stopped or ended."""
        os.tcsetpgrp(0, os.getpgrp())

    def end(self, number, status):
        """Ends by a signal, with an exit status; the terminal is as it was."""
        self.torc.send_signal(number)
        got = self.torc.wait(PATIENCE)
        self.take_back()
        assert got == status, f"exit status {got}, not {status}: {self.torc.stderr.read()}"
        assert termios.tcgetattr(0) == self.before, "the terminal is not as it was"


def by_any_signal(kernel):
    for number in ENDING:
        try:
            Terminal(kernel).end(number, -number)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{number!r}: {error}") from error


def in_order(kernel):
    for name in IN_ORDER:
        Terminal(kernel).end(signal.Signals[name], 0)


def some_are_ignored(kernel):
    terminal = Terminal(kernel)
    for name in IGNORED:
        terminal.torc.send_signal(signal.Signals[name])
    terminal.end(signal.SIGTERM, 0)


def stop_by(number, kernel):
    """The shell's own settings come and go; its last ones are what it has in the end."""
    terminal = Terminal(kernel)
    terminal.torc.send_signal(number)
    until("stopped", terminal.is_stopped)
    terminal.take_back()
    if number == signal.SIGTSTP:
        assert termios.tcgetattr(0) == terminal.before, "a shell sees torc's settings"
    mine = list(terminal.before)
    mine[3] &= ~termios.ECHOE
    termios.tcsetattr(0, termios.TCSANOW, mine)
    terminal.before = termios.tcgetattr(0)
    # In the background it has no part in the terminal, and runs.
    terminal.torc.send_signal(signal.SIGCONT)
    until("going on", lambda: not terminal.is_stopped())
    for _ in range(20):
        time.sleep(0.01)
        assert not terminal.is_stopped(), "stopped in the background"
    assert termios.tcgetattr(0) == terminal.before, "another's terminal is changed from the background"
    os.tcsetpgrp(0, terminal.torc.pid)
    terminal.torc.send_signal(signal.SIGCONT)
    until("raw mode again", terminal.is_raw)
    terminal.end(signal.SIGTERM, 0)


def moved_to_the_foreground(kernel):
    """A shell sends no SIGCONT to a job that runs in the background already."""
    terminal = Terminal(kernel)
    terminal.torc.send_signal(signal.SIGTSTP)
    until("stopped", terminal.is_stopped)
    terminal.take_back()
    terminal.torc.send_signal(signal.SIGCONT)
    until("going on", lambda: not terminal.is_stopped())
    # It has taken the signal by then, and found the terminal another's.
    for _ in range(20):
        time.sleep(0.01)
        assert not terminal.is_raw(), "another's terminal is changed from the background"
    os.tcsetpgrp(0, terminal.torc.pid)
    until("raw mode again", terminal.is_raw)
    terminal.end(signal.SIGTERM, 0)


def in_the_background(kernel):
    """Stopped while it is raw, and ended in the background: another program has made of the terminal what it wants."""
    terminal = Terminal(kernel)
    terminal.torc.send_signal(signal.SIGSTOP)
    until("stopped", terminal.is_stopped)
    terminal.take_back()
    its = list(terminal.before)
    its[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(0, termios.TCSANOW, its)
    terminal.before = termios.tcgetattr(0)
    terminal.torc.send_signal(signal.SIGCONT)
    until("going on", lambda: not terminal.is_stopped())
    terminal.end(signal.SIGTERM, 0)


def without_control(kernel):
    """SIGTSTP does not stop who has no session to come back to."""
    terminal = Terminal(kernel, be_without_control)
    mine = list(terminal.before)
    mine[3] &= ~termios.ECHOE
    # Its settings tell when it has taken the signal: it has them back, or makes raw ones of these.
    termios.tcsetattr(0, termios.TCSANOW, mine)
    terminal.before = termios.tcgetattr(0)
    terminal.torc.send_signal(signal.SIGCONT)
    until("raw mode again", terminal.is_raw)
    terminal.torc.send_signal(signal.SIGTSTP)
    for _ in range(20):
        time.sleep(0.01)
        assert not terminal.is_stopped()
    until("raw mode", terminal.is_raw)
    terminal.end(signal.SIGTERM, 0)


TESTS = {
    "signals that end torc": by_any_signal,
    "signals that end the guest": in_order,
    "signals that it ignores": some_are_ignored,
    "SIGSTOP and SIGCONT": lambda kernel: stop_by(signal.SIGSTOP, kernel),
    "SIGTSTP and SIGCONT": lambda kernel: stop_by(signal.SIGTSTP, kernel),
    "moved to the foreground": moved_to_the_foreground,
    "the end in the background": in_the_background,
    "a terminal that controls another session": without_control,
}


def lead_session(kernel, test, errors):
    """In a child whose terminal is a new one. Who leads a session takes it back from the background."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.environ["TERM"] = "dumb"
    # No cores of processes that are to die.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        test(kernel)
    except Exception as error:  # whatever it is, the parent tells of it
        os.write(errors, repr(error).encode())
        os._exit(1)
    os._exit(0)


def run(kernel, test):
    """The error of a test; nothing where it passes."""
    errors, other = os.pipe()
    pid, master = pty.fork()
    if not pid:
        lead_session(kernel, test, other)
    os.close(other)
    fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        try:
            os.read(master, 4096)
        except OSError:
            time.sleep(0.01)
    os.close(master)
    with os.fdopen(errors) as text:
        return text.read()


def main():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("1..0 # SKIP /dev/kvm cannot be opened")
        return 0
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory(prefix="torc-terminal.") as folder:
        kernel = os.path.join(folder, "halt")
        subprocess.run([sys.executable, TINY, "halt", kernel], check=True)
        for i, (name, test) in enumerate(TESTS.items()):
            error = run(kernel, test)
            failed += bool(error)
            print("not ok" if error else "ok", i + 1, name)
            if error:
                print(f"# {error}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
