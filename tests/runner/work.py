# SPDX-License-Identifier: Apache-2.0
"""Programs that a run starts: all of them end with it."""
import atexit
import os
import signal
import subprocess
import threading

_running = set()
_lock = threading.Lock()
_ended = False

# For what runs beside the lab, which has to have its CPUs in time; yet it gets some of those of a busy machine.
BESIDE = ['nice', '-n', '5']


class Stopped(Exception):
    """The run ends; nothing more is started."""


def start(command, **options):
    """As subprocess.Popen, in a process group of its own."""
    with _lock:
        if _ended:
            raise Stopped()
        process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
        _running.add(process)
    return process


def wait(process):
    try:
        return process.wait()
    finally:
        with _lock:
            _running.discard(process)


def run(command, **options):
    """(exit status, stdout and stderr) of a program that ends by itself."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', **options)
    output = process.communicate()[0]
    return wait(process), output


def end_all():
    global _ended
    with _lock:
        _ended = True
        for process in _running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass


def end_on_signals():
    """SIGINT, SIGTERM and SIGHUP end what runs, and then the run."""
    def on_signal(number, _):
        end_all()
        os._exit(128 + number)
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, on_signal)
    atexit.register(end_all)
