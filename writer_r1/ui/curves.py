"""Series of numbers -> a small line picture, as HTML with an SVG inside. Pure; knows no gradio.

The lines stretch with the page; every word stands beside them as HTML, so that it is as large on a phone as on a desk.
Lines are told apart by their dashes and by the figure at their name, not by colour alone.
"""

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import NamedTuple

HIGH = 100.0  # units of the picture, which is stretched to its place
WIDE = 300.0
MOST = 240  # points a line: more than a screen can show of one
DASHES = 6  # kinds of line in `training.css`

Points = Sequence[tuple[float, float]]  # step, value


class Series(NamedTuple):
    """A named line; a faint one is drawn behind and has no figure."""

    name: str
    points: Points
    faint: bool = False


class Band(NamedTuple):
    """An area between two lines over the same steps."""

    low: Points
    high: Points


def plot(
    title: str,
    series: Sequence[Series],
    *,
    band: Band | None = None,
    marks: Sequence[float] = (),
    unit: str = "step",
) -> str:
    """Return a figure of the lines, with upright rules at the steps `marks`; an empty string where no line has a point.

    The last value of each line stands at its name. A step is called `unit`.
    """
    drawn = [s for s in series if s.points]
    if not drawn:
        return ""
    every = [p for s in drawn for p in s.points] + ([*band.low, *band.high] if band else [])
    left, right = min(x for x, _ in every), max(x for x, _ in every)
    low, high = _room(min(y for _, y in every), max(y for _, y in every))

    place = partial(_placed, across=(left, right), up=(low, high))
    named = [s for s in drawn if not s.faint]
    lines = [f'<polygon class="band" points="{place(band.high)} {place(band.low[::-1])}"/>'] if band else []
    for at in marks:
        if left < at < right:
            x = WIDE * (at - left) / (right - left)
            lines.append(f'<line class="again" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HIGH:g}"/>')
    lines += [f'<polyline class="faint" points="{_seen(place(s.points))}"/>' for s in drawn if s.faint]
    lines += [f'<polyline class="s{i % DASHES}" points="{_seen(place(s.points))}"/>' for i, s in enumerate(named)]
    legend = "".join(
        f'<li><svg class="sample" viewBox="0 0 24 6" aria-hidden="true"><polyline class="s{i % DASHES}" '
        f'points="0,3 24,3"/></svg><span dir="auto">{escape(s.name)}</span> <b>{figure(s.points[-1][1])}</b></li>'
        for i, s in enumerate(named)
    )
    said = "; ".join(f"{s.name}: {figure(s.points[0][1])} at first, {figure(s.points[-1][1])} now" for s in named)
    return (
        f'<figure class="curve"><figcaption>{escape(title)}</figcaption><ul class="plain key">{legend}</ul>'
        f'<div class="plot"><span class="top">{figure(high)}</span><span class="bottom">{figure(low)}</span>'
        f'<svg viewBox="0 0 {WIDE:g} {HIGH:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(f"{title}. {said}.")}">{"".join(lines)}</svg></div>'
        f'<p class="steps"><span>{escape(unit)} {left:g}</span><span>{right:g}</span></p></figure>'
    )


def spark(points: Points) -> str:
    """Return a line of its own without any words, to stand in a row; an empty string for fewer than two points."""
    if len(points) < 2:
        return ""
    left, right = points[0][0], points[-1][0]
    low, high = _room(min(y for _, y in points), max(y for _, y in points))
    spots = _placed(points, (left, right), (low, high))
    return (
        f'<svg class="spark" viewBox="0 0 {WIDE:g} {HIGH:g}" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline class="s0" points="{spots}"/></svg>'
    )


def thinned(points: Points) -> Points:
    """Return at most `MOST` of the points, the first and the last among them."""
    if len(points) <= MOST:
        return points
    step = (len(points) - 1) / (MOST - 1)
    return [points[round(i * step)] for i in range(MOST)]


SMOOTH = 0.8  # share of what came before in a smoothed curve


def smoothed(points: Points) -> Points:
    """Return a running mean of the values: `SMOOTH` of each is what came before."""
    mean, found = 0.0, []
    for i, (x, y) in enumerate(points):
        mean = y if i == 0 else SMOOTH * mean + (1 - SMOOTH) * y
        found.append((x, mean))
    return found


def figure(value: float) -> str:
    """Return a number as it is said beside a line: three digits that count."""
    if value and abs(value) < 0.001:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _placed(points: Points, across: tuple[float, float], up: tuple[float, float]) -> str:
    """Return where the points lie in a picture whose sides are these values."""
    (left, right), (low, high) = across, up
    wide, tall = (right - left) or 1.0, (high - low) or 1.0
    return " ".join(f"{WIDE * (x - left) / wide:.1f},{HIGH * (high - y) / tall:.1f}" for x, y in thinned(points))


def _room(low: float, high: float) -> tuple[float, float]:
    """Return the ends of the upright axis; a level line lies in the middle."""
    if high > low:
        return low, high
    return low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)


def _seen(points: str) -> str:
    """Return the points of a line; of one point alone a dash is made, which can be seen."""
    return (
        points if " " in points else f"{points} {min(WIDE, float(points.split(',')[0]) + 6):.1f},{points.split(',')[1]}"
    )
