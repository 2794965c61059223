# SPDX-License-Identifier: Apache-2.0
"""What the checks need to know about C files.

No parser: the tree is formatted by clang-format (a check of its own), so that a function's body starts with a brace
alone in the first column and ends with one.
"""
import os
import re

PREPROCESSOR = re.compile(r'\s*#')
INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')
DECLARATOR = re.compile(r'(\w+)\s*\(')
NOT_A_PROTOTYPE = re.compile(r'\s*(typedef|_Static_assert|static_assert)\b')


def includes(lines):
    """Yields (line number, '"' or '<', path)."""
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def include_group(line, own):
    """Where an include belongs: own header, system, cmocka (which wants four of these before it), kernel, project."""
    match = INCLUDE.match(line)
    if match.group(1) == '"':
        return 0 if match.group(2) == own else 4
    if match.group(2) == 'cmocka.h':
        return 2
    return 3 if match.group(2).startswith(('linux/', 'asm/')) else 1


def ordered_includes(lines, name):
    """(index, lines that are there, lines as they should be) of a file's first includes: groups with a blank line between."""
    first = next((i for i, line in enumerate(lines) if INCLUDE.match(line)), None)
    if first is None:
        return 0, [], []
    end = last = first
    while end < len(lines) and (INCLUDE.match(lines[end]) or not lines[end].strip()):
        last = end if INCLUDE.match(lines[end]) else last
        end += 1
    there = lines[first:last + 1]
    own, groups = re.sub(r'\.cc?$', '.h', name), {}
    # One of several files has its folder's for its own.
    begin = INCLUDE.match(there[0])
    if own not in [INCLUDE.match(line).group(2) for line in there if line.strip()] and \
            os.path.dirname(begin.group(2)) == os.path.dirname(name):
        own = begin.group(2)
    for line in filter(str.strip, there):
        groups.setdefault(include_group(line, own), []).append(line)
    wanted = []
    for group in sorted(groups):
        wanted += ([''] if wanted else []) + sorted(groups[group], key=lambda line: INCLUDE.match(line).group(2))
    return first, there, wanted


def body_length(lines, first, last):
    """Lines of lines[first..last] that are not part of a table (a braced initialiser of several lines)."""
    count, depth = 0, 0
    for line in lines[first:last + 1]:
        if depth == 0 and not re.search(r'=\s*(\([^()]*\)\s*)?\{', line):
            count += 1
            continue
        depth = max(0, depth + line.count('{') - line.count('}'))
    return count


def functions(lines):
    """Yields (line number, name, length) of every function definition; the signature counts."""
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == '{':
            start = number
            while start > 0 and lines[start - 1].strip() and \
                    not PREPROCESSOR.match(lines[start - 1]) and \
                    not re.search(r'(;|\*/|^\})\s*$', lines[start - 1]):
                start -= 1
        elif line.rstrip() == '}' and start is not None:
            match = DECLARATOR.search(' '.join(lines[start:number]))
            name = match.group(1) if match else '?'
            yield start + 1, name, body_length(lines, start, number)
            start = None


class Statement:
    """A declaration or definition at file level, and the comment that ends on the line above it."""

    def __init__(self, line, doc):
        self.line, self.doc, self.text = line, doc, ''

    def function(self):
        """Name of the function that it declares, or None."""
        head = self.text.split('{')[0]
        match = DECLARATOR.search(head)
        if not match or NOT_A_PROTOTYPE.match(head) or '=' in head.split('(')[0]:
            return None
        if re.match(r'\s*(struct|union|enum)\s+\w*\s*$', head) or match.group(1) == '__attribute__':
            return None
        return match.group(1)


class HeaderReader:
    """Splits a header into statements, a line at a time."""

    def __init__(self):
        self.statement, self.depth, self.found = None, 0, []
        self.comment, self.in_comment, self.continued = [], False, False

    def feed(self, number, line):
        if self.in_comment:
            self.comment.append(line)
            self.in_comment = '*/' not in line
        elif self.continued or (PREPROCESSOR.match(line) and not self.statement):
            self.continued = line.rstrip().endswith('\\')
            self.comment = []
        elif not self.statement and line.lstrip().startswith('/*'):
            self.comment = [line]
            self.in_comment = '*/' not in line
        elif not self.statement and not line.strip():
            self.comment = []
        else:
            self.feed_code(number, line)

    def feed_code(self, number, line):
        code = re.sub(r'/\*.*?\*/', '', line)
        if '/*' in code:
            # A comment within a statement: nothing in it may count as code.
            code = code[:code.index('/*')]
            self.in_comment = True
        if not self.statement:
            self.statement = Statement(number, '\n'.join(self.comment))
            self.comment = []
        self.statement.text += code + '\n'
        self.depth += code.count('{') - code.count('}')
        if self.depth == 0 and code.rstrip().endswith((';', '}')):
            self.found.append(self.statement)
            self.statement = None


def statements(lines):
    """The statements of a header."""
    reader = HeaderReader()
    for number, line in enumerate(lines, 1):
        reader.feed(number, line)
    return reader.found
