# SPDX-License-Identifier: Apache-2.0
"""What is in the way, as torc says it: the object, why, and what can be done about it."""


class Refusal(Exception):
    """Printed once, by command.py, before anything was changed."""

    def __init__(self, what, reason, remedy):
        super().__init__(f'{what}: {reason}')
        self.what, self.reason, self.remedy = what, reason, remedy

    def __str__(self):
        lines = '\n          '.join(self.remedy.split('\n'))
        return f'{self.what}: {self.reason}\n  remedy: {lines}'
