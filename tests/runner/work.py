# SPDX-License-Identifier: Apache-2.0
"""Programs that a run starts: all of them end with it."""
import atexit
import os
import signal
import subprocess
import threading
import time

_running = set()
_lock = threading.Lock()
_ended = False
_stopping = False

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
    """Ends them, and waits until they have; those that do not listen, after ten seconds."""
    global _ended
    with _lock:
        _ended = True
        left = list(_running)
    for number in signal.SIGTERM, signal.SIGKILL:
        for process in left:
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                pass
        until = time.monotonic() + 10
        while left and time.monotonic() < until:
            left = [process for process in left if is_running(process)]
            time.sleep(0.05)


def is_running(process):
    """Whoever started it may be about to reap it."""
    try:
        with open(f'/proc/{process.pid}/stat', encoding='utf-8') as stat:
            return stat.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def is_stopping():
    """Whether a signal ends the run: what fails from then on does so for that."""
    return _stopping


def stay_if_stopping():
    """Where a signal ends the run, its thread does; nobody else comes to an end before."""
    if _stopping:
        threading.Event().wait()


def end_on_signals(last):
    """SIGINT, SIGTERM and SIGHUP end what runs, then call @last, then end the run. In a thread of its own: the one that is
    interrupted may have the lock."""
    def end(number):
        global _stopping
        _stopping = True
        end_all()
        last()
        os._exit(128 + number)

    def on_signal(number, _):
        threading.Thread(target=end, args=(number,), daemon=True).start()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, on_signal)
    atexit.register(end_all)
