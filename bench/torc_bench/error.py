# SPDX-License-Identifier: Apache-2.0
"""What is in the way or went wrong, as torc says it: the object, why, and what can be done about it."""
import signal


class Refusal(Exception):
    """Printed once, by command.py, before anything was changed."""

    def __init__(self, what, reason, remedy):
        super().__init__(f'{what}: {reason}')
        self.what, self.reason, self.remedy = what, reason, remedy

    def __str__(self):
        lines = '\n          '.join(self.remedy.split('\n'))
        return f'{self.what}: {self.reason}\n  remedy: {lines}'


class Interrupted(BaseException):
    """A signal wants this process to end. What was changed is put back on the way out, as with KeyboardInterrupt."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number
        self.is_back = False

    def __str__(self):
        return f'interrupted by {signal.Signals(self.args[0]).name}' + ('; the device is back' if self.is_back else '')


def last_lines(text, most=8):
    return '\n'.join(line[:300] for line in text.strip().splitlines()[-most:])


def understood(program, parse, text):
    """What parse() makes of a program's output. Raises with its last lines where that is not as it used to be."""
    try:
        return parse(text)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RuntimeError(f'{program}: what it says is not understood ({type(error).__name__}: {error})\n'
                           f'{last_lines(text)}') from error
