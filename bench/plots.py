# SPDX-License-Identifier: Apache-2.0
"""A page of HTML with plots in it: SVG, nothing from elsewhere. Each measurement is a dot beside its median."""
import html
import math
import statistics

WIDTH, LABEL, RIGHT = 920, 300, 48
LINE, GAP, TOP, BOTTOM = 16, 8, 8, 44
# Values further apart than this are on a logarithmic axis.
LOG_FROM = 8
COLOURS = ('#5f6670', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#8a6d00')

STYLE = '''
:root { color-scheme: light dark; --ink: #1c2024; --dim: #4a5058; --grid: #d8dce0; --faint: #eef0f2; --page: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --dim: #a2a9b1; --grid: #3c434b; --faint: #2a3037; --page: #16191d; }
}
body { font: 15px/1.45 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--page); }
h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; margin: .6rem 0 1rem; font-size: 12.5px; }
th, td { padding: .2rem .4rem; border-bottom: 1px solid var(--grid); text-align: right; white-space: nowrap; }
div.wide { overflow-x: auto; }
table.facts td { white-space: normal; overflow-wrap: anywhere; text-align: left; vertical-align: top; }
table.facts td:first-child { white-space: nowrap; color: var(--dim); }
code { overflow-wrap: anywhere; }
th:first-child, td:first-child { text-align: left; }
svg { display: block; width: 100%; min-width: 640px; height: auto; font: 12px system-ui, sans-serif; margin: .4rem 0; }
p.note { color: var(--dim); }
'''


class Axis:
    """From a value to its place: linear from 0, or logarithmic where the values lie far apart and none is 0."""

    def __init__(self, values):
        low, high = min(values), max(values)
        self.log = low > 0 and high / low >= LOG_FROM
        if self.log:
            self.low, self.high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
            if self.high == self.low:
                self.high *= 10
        else:
            self.low, self.high = 0, self.round_up(high) or 1

    @staticmethod
    def round_up(value):
        """The next 1, 2, 2.5 or 5 times a power of ten."""
        if value <= 0:
            return 0
        power = 10 ** math.floor(math.log10(value))
        return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= value * 0.999999)

    def at(self, value):
        part = math.log(value / self.low) / math.log(self.high / self.low) if self.log else value / self.high
        return LABEL + part * (WIDTH - LABEL - RIGHT)

    def ticks(self):
        if not self.log:
            return [self.high * part / 5 for part in range(6)]
        powers = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
        factors = (1, 2, 5) if len(powers) < 4 else (1,)
        return [factor * 10 ** power for power in powers for factor in factors if factor * 10 ** power <= self.high]


def number(value):
    return f'{value:,.0f}' if value == round(value) else f'{value:,.3g}'


def text(x, y, content, anchor='start', colour='var(--ink)'):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill: {colour}">{html.escape(content)}</text>'


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="stroke: {colour}" stroke-width="{width}"/>'


def side(axis, y, name, values, colour):
    """One line: who, a dot for each value, a bar at the median."""
    parts = [text(LABEL - 8, y + 4, name, 'end', colour)]
    for value in values:
        parts.append(f'<circle cx="{axis.at(value):.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.55">'
                     f'<title>{html.escape(name)}: {number(value)}</title></circle>')
    if values:
        middle = axis.at(statistics.median(values))
        parts.append(line(middle, y - 7, middle, y + 7, colour, 2.5))
    return parts


def plot(rows, unit, names):
    """
    An SVG of rows that share a unit: {"name", "sides": {side: [values]}}; names: {side: what it is called}.
    Nothing where nothing was measured.
    """
    rows = [row for row in rows if any(row['sides'].values())]
    values = [value for row in rows for side_ in row['sides'].values() for value in side_]
    if not values:
        return ''
    axis = Axis(values)
    lines = sum(sum(1 for side_ in row['sides'].values() if side_) for row in rows)
    bottom = TOP + lines * LINE + len(rows) * GAP
    title = f'{unit or "count"}, {"logarithmic" if axis.log else "linear"}'
    parts = [f'<div class="wide"><svg viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" aria-label="{html.escape(title)}">']
    for tick in axis.ticks():
        x = axis.at(tick)
        parts += [line(x, TOP, x, bottom, 'var(--grid)'), text(x, bottom + 14, number(tick), 'middle', 'var(--dim)')]
    parts.append(text(LABEL, bottom + 32, title, 'start', 'var(--dim)'))
    y = TOP
    for row in rows:
        parts.append(text(0, y + LINE / 2 + 4, row['name']))
        for (key, found), colour in zip(row['sides'].items(), COLOURS):
            if found:
                parts += side(axis, y + LINE / 2, names[key], found, colour)
                y += LINE
        y += GAP
        parts.append(line(0, y - GAP / 2, WIDTH - RIGHT, y - GAP / 2, 'var(--faint)'))
    return '\n'.join(parts + ['</svg></div>'])


def table(rows):
    """rows[0] is the head."""
    def cells(tag, row):
        return '<tr>' + ''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in row) + '</tr>'
    lines = [cells('th', rows[0]), *(cells('td', row) for row in rows[1:])]
    return '\n'.join(['<div class="wide"><table>', *lines, '</table></div>'])


def facts(pairs, code=False):
    """Of each a name and what there is to say of it, or to type."""
    tag = 'code' if code else 'span'
    lines = [f'<tr><td>{html.escape(name)}</td><td><{tag}>{html.escape(str(value))}</{tag}></td></tr>' for name, value in pairs]
    return '\n'.join(['<table class="facts">', *lines, '</table>'])


def page(title, parts):
    return f'''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width"/>
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
{chr(10).join(parts)}
</body>
</html>
'''
