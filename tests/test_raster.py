"""A picture as PNG: what the SVG has is there, where it is there, and what is not known is refused."""

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from writer_r1.figure import COLOURS, LEFT, LINE, RIGHT, TOP, WIDTH, Line, Point, Row, bars, forest, lines, radar
from writer_r1.raster import SCALE, _dashed, png

GROUND = ImageColor.getrgb("#fdfcf9")


def drawn(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(png(svg))).convert("RGB")


def at(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    found = picture.getpixel((round(x * SCALE), round(y * SCALE)))
    assert isinstance(found, tuple)
    return found


def test_bars_are_as_long_and_as_coloured_as_in_the_svg() -> None:
    picture = drawn(bars("Requests by rounds", [("1 round", 4), ("2 rounds", 2)]))
    assert picture.size == (WIDTH * SCALE, (TOP + 2 * LINE) * SCALE)
    half, full = LEFT + (WIDTH - LEFT - RIGHT - 40) / 2, LEFT + (WIDTH - LEFT - RIGHT - 40)
    blue = ImageColor.getrgb(COLOURS[0])
    assert at(picture, full - 5, TOP + 2) == blue and at(picture, half - 5, TOP + LINE + 2) == blue
    assert at(picture, full + 5, TOP - 6) == at(picture, half + 5, TOP + LINE - 6) == GROUND
    title = picture.crop((16 * SCALE, 10 * SCALE, 200 * SCALE, 30 * SCALE))
    low, _ = title.convert("L").getextrema()
    assert isinstance(low, int) and low < 80  # there is ink


def test_every_picture_of_figure_can_be_drawn() -> None:
    rows = [Row("blind & <rewrite>", (Point(0, 0.1, -0.1, 0.3), Point(1, -0.2, -0.3, 0.1)))]
    curves = [Line(f"curve {k}", [(0.0, 0.1 * k), (1.0, 0.5)]) for k in range(9)]
    for svg in (
        forest("Gains", rows, ["a", "b"]),
        lines("Curves", curves, "rounds"),
        radar("Radar", [[0.2, 0.9, 0.5]] * 2),
    ):
        colours = {colour for _, colour in drawn(svg).getcolors(1 << 24) or []}
        assert ImageColor.getrgb(COLOURS[0]) in colours and ImageColor.getrgb(COLOURS[1]) in colours


def test_a_curve_without_any_length_is_a_dot() -> None:
    picture = drawn(lines("One point", [Line("alone", [(1.0, 0.5)])], "rounds"))
    assert ImageColor.getrgb(COLOURS[0]) in {colour for _, colour in picture.getcolors(1 << 24) or []}


def test_what_figure_never_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="path"):
        png('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" font-size="9"><path d="M0 0"/></svg>')


SPOTS = st.lists(st.tuples(st.integers(-50, 50).map(float), st.integers(-50, 50).map(float)), min_size=2, max_size=6)


@settings(max_examples=60)
@given(SPOTS, st.lists(st.sampled_from([0.5, 2.0, 5.0]), min_size=2, max_size=2))
def test_dashes_cover_their_share_of_a_curve(spots: list[tuple[float, float]], dashes: list[float]) -> None:
    def length(part: list[tuple[float, float]]) -> float:
        return math.fsum(math.dist(a, b) for a, b in zip(part, part[1:], strict=False))

    far, (on, off) = length(spots), dashes
    whole, rest = divmod(far, on + off)
    assert math.fsum(map(length, _dashed(spots, dashes))) == pytest.approx(whole * on + min(rest, on), abs=1e-6)
