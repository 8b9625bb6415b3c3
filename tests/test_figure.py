"""Curves in a picture: every point within it, no two names over each other, every word escaped."""

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from writer_r1.figure import WIDTH, Line, lines

POINTS = st.lists(st.tuples(st.integers(0, 400).map(float), st.floats(-1, 2)), min_size=1, max_size=8)


@given(st.lists(POINTS, min_size=1, max_size=7))
def test_every_point_is_within_the_picture_and_no_two_names_lie_over_each_other(curves: list[list[float]]) -> None:
    drawn = ElementTree.fromstring(lines("A <b> & c", [Line(f"<{k}>", points) for k, points in enumerate(curves)], "x"))  # type: ignore[arg-type]
    high = float(drawn.attrib["viewBox"].split()[3])
    for line in drawn.iter("{http://www.w3.org/2000/svg}polyline"):
        for x, y in (spot.split(",") for spot in line.attrib["points"].split()):
            assert 0 <= float(x) <= WIDTH and 0 <= float(y) <= high
    named = [t for t in drawn.iter("{http://www.w3.org/2000/svg}text") if re.fullmatch(r"<\d>", t.text or "")]
    assert len(named) == len(curves)
    heights = sorted(float(t.attrib["y"]) for t in named)
    assert heights[-1] <= high
    assert all(b - a >= 15 - 1e-6 for a, b in zip(heights, heights[1:], strict=False))
