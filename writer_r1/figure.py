"""Values -> a picture: dots with intervals, curves, bars, a radar; as SVG that needs no script, font or other file."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT, LINE, TOP = 760, 250, 30, 30, 58
LEAST_SPAN = 0.2  # of a scale of differences
COLOURS = ("#3f6f9f", "#b5652b", "#5c7f4f")  # told apart in print and by colour-blind eyes; shapes differ, too


class Point(NamedTuple):
    """A value with its interval; `series` is the place of its name in the legend."""

    series: int
    value: float
    lo: float
    hi: float


class Row(NamedTuple):
    label: str
    points: tuple[Point, ...]


def forest(title: str, rows: Sequence[Row], legend: Sequence[str]) -> str:
    """Return a forest plot: a row for each label, a dot with its interval for each series, a line at 0."""
    every = [p for row in rows for p in row.points]
    low, high = min(0.0, *(p.lo for p in every)), max(0.0, *(p.hi for p in every))
    room = max(0.05 * (high - low), (LEAST_SPAN - (high - low)) / 2)  # what hardly differs is not to look far apart
    low, high = low - room, high + room

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    height = TOP + LINE * len(rows) + 44
    parts = _opened(title, height)
    at = LEFT
    for k, name in enumerate(legend):
        parts += [_mark(k, at, 44), f'<text x="{at + 10}" y="48" fill="#4a443b">{escape(name)}</text>']
        at += 34 + 7 * len(name)
    bottom = TOP + LINE * len(rows) + 6
    for tick in _ticks(low, high):
        dark = ' stroke="#8a8276"' if tick == 0 else ' stroke="#e4dfd5"'
        parts += [
            f'<line x1="{x(tick)}" x2="{x(tick)}" y1="{TOP}" y2="{bottom}"{dark}/>',
            f'<text x="{x(tick)}" y="{bottom + 18}" text-anchor="middle" fill="#6b6459">{tick:g}</text>',
        ]
    for i, row in enumerate(rows):
        y = TOP + LINE * i + LINE / 2 + 2
        parts.append(f'<text x="16" y="{y + 4}" fill="#26221c">{escape(row.label)}</text>')
        for p in row.points:
            line = y + 9 * (p.series - (len(legend) - 1) / 2)
            colour = COLOURS[p.series % len(COLOURS)]
            parts += [
                f'<line x1="{x(p.lo)}" x2="{x(p.hi)}" y1="{line}" y2="{line}" stroke="{colour}" stroke-width="2"/>',
                _mark(p.series, x(p.value), line),
            ]
    return "\n".join([*parts, "</svg>", ""])


class Line(NamedTuple):
    """A named curve of points (x, y)."""

    label: str
    points: Sequence[tuple[float, float]]


def lines(title: str, curves: Sequence[Line], along: str) -> str:
    """Return a picture of curves over what is counted `along`, each named at its end; no curve may be empty."""
    xs, ys = ([p[k] for curve in curves for p in curve.points] for k in (0, 1))
    room = 0.02 if max(ys) > min(ys) else 0.1  # so that what is level has a scale, too
    low, high = min(ys) - room, max(ys) + room
    left, bottom = 56, TOP + 260
    right = WIDTH - max(130, 24 + 7 * max(len(curve.label) for curve in curves))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        far = (point[0] - min(xs)) / ((max(xs) - min(xs)) or 1.0)
        return round(left + far * (right - left), 1), round(bottom - (point[1] - low) / (high - low) * 250, 1)

    parts = [
        *_opened(title, bottom + 40),
        f'<text x="{right}" y="{bottom + 34}" text-anchor="end" fill="#6b6459">{escape(along)}</text>',
    ]
    for tick in _ticks(low, high):
        y = place((xs[0], tick))[1]
        parts += [
            f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="#e4dfd5"/>',
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#6b6459">{tick:g}</text>',
        ]
    for x in sorted(set(xs)):
        parts.append(
            f'<text x="{place((x, low))[0]}" y="{bottom + 18}" text-anchor="middle" fill="#6b6459">{x:g}</text>'
        )
    ends = _apart([place(curve.points[-1])[1] for curve in curves], 15, bottom)
    for k, (curve, end) in enumerate(zip(curves, ends, strict=True)):
        spots, colour = [place(p) for p in curve.points], COLOURS[k % len(COLOURS)]
        turn = (k + k // len(COLOURS)) % 3  # so that nine curves are told apart by colour and dashes together
        dashed = f' stroke-dasharray="{("", "5 4", "2 3")[turn]}"' if turn else ""
        along_it = " ".join(f"{x},{y}" for x, y in spots)
        parts.append(f'<polyline points="{along_it}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>')
        parts += [_mark(k, *spot) for spot in spots]
        parts.append(f'<text x="{spots[-1][0] + 12}" y="{end + 4}" fill="{colour}">{escape(curve.label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: Sequence[float], least: float, lowest: float) -> list[float]:
    """Return heights moved just so far that no two are closer than `least` and none is below `lowest`."""
    order, found = sorted(range(len(heights)), key=lambda k: heights[k]), dict[int, float]()
    above = -math.inf
    for k in order:
        found[k] = above = max(heights[k], above + least)
    below = lowest + least
    for k in reversed(order):
        found[k] = below = min(found[k], below - least)
    return [found[k] for k in range(len(heights))]


def bars(title: str, counts: Sequence[tuple[str, float]]) -> str:
    """Return a bar for each label, from 0, with its number at its end."""
    height, longest = TOP + LINE * len(counts), max([value for _, value in counts], default=0) or 1.0
    parts = _opened(title, height)
    for i, (label, value) in enumerate(counts):
        y, wide = TOP + LINE * i - 8, round(value / longest * (WIDTH - LEFT - RIGHT - 40), 1)
        parts += [
            f'<text x="16" y="{y + 15}" fill="#26221c">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{wide}" height="20" fill="{COLOURS[0]}"/>',
            f'<text x="{LEFT + wide + 8}" y="{y + 15}" fill="#4a443b">{value:g}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


RADIUS, MIDDLE, EDGE = 110, 150, 300  # of a radar, in units of its picture


def radar(title: str, series: Sequence[Sequence[float]]) -> str:
    """Return a radar of three axes or more, numbered from 1 at the top on clockwise; values are in [0, 1]."""
    count = len(series[0])

    def at(axis: int, value: float) -> tuple[float, float]:
        turn = 2 * math.pi * axis / count
        return round(MIDDLE + RADIUS * value * math.sin(turn), 1), round(MIDDLE - RADIUS * value * math.cos(turn), 1)

    def line(values: Sequence[float]) -> str:
        return " ".join(f"{x},{y}" for x, y in (at(k, value) for k, value in enumerate(values)))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {EDGE} {EDGE}" width="{EDGE}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">'
    ]
    parts += [f'<polygon points="{line([r] * count)}" fill="none" stroke="#d8cfbf"/>' for r in (1 / 3, 2 / 3, 1.0)]
    for axis in range(count):
        (x, y), (tx, ty) = at(axis, 1.0), at(axis, 1.15)
        parts += [
            f'<line x1="{MIDDLE}" y1="{MIDDLE}" x2="{x}" y2="{y}" stroke="#e4dfd5"/>',
            f'<text x="{tx}" y="{ty + 4}" text-anchor="middle" fill="#26221c">{axis + 1}</text>',
        ]
    for k, values in enumerate(series):
        colour, dashed = COLOURS[k % len(COLOURS)], ' stroke-dasharray="5 4"' if k % 2 else ""
        shape = f'fill="none" stroke="{colour}" stroke-width="2"{dashed}'
        parts += [f'<polygon points="{line(values)}" {shape}/>']
        parts += [_mark(k, *at(axis, value)) for axis, value in enumerate(values)]
    return "\n".join([*parts, "</svg>", ""])


def _opened(title: str, height: float) -> list[str]:
    """Return how a picture begins: its size, its ground and its title."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fdfcf9"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600" fill="#26221c">{escape(title)}</text>',
    ]


def _mark(series: int, x: float, y: float) -> str:
    colour = COLOURS[series % len(COLOURS)]
    if series % 2:
        return f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8" fill="{colour}"/>'
    return f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}"/>'


def _ticks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 50.0) if (high - low) / s <= 9 or s == 50.0)
    first = int(low / step) - 1
    return [t for k in range(first, first + 40) if low <= (t := round(k * step, 4)) <= high]
