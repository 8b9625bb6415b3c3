"""A picture as `figure.py` makes it (SVG) -> the same as PNG, for where SVG is not shown.

Only what is drawn there is known: boxes, lines, dots, curves, polygons, words. Pillow has no smooth edges of its own,
so everything is drawn larger and made smaller.
"""

import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from PIL import Image, ImageDraw, ImageFont

SCALE, SMOOTH = 2, 2  # pixels to a unit of the picture; and how many times larger it is drawn
INK = "#26221c"  # of words that name no colour
ANCHOR = {"start": "ls", "middle": "ms", "end": "rs"}  # of a text on its line, in Pillow's words
SVG = "{http://www.w3.org/2000/svg}"

Spot = tuple[float, float]


class Board(NamedTuple):
    """What is drawn on, how many pixels a unit is there, and the size of words that name none."""

    draw: ImageDraw.ImageDraw
    unit: float
    size: float


def png(svg: str) -> bytes:
    """Return the picture as PNG, twice as wide as its units.

    Raises:
        ValueError: there is an element in it that `figure.py` does not draw.
    """
    root = ElementTree.fromstring(svg)
    wide, high = (float(v) for v in root.attrib["viewBox"].split()[2:])
    large = Image.new("RGB", (math.ceil(wide * SCALE * SMOOTH), math.ceil(high * SCALE * SMOOTH)), "white")
    board = Board(ImageDraw.Draw(large), SCALE * SMOOTH, float(root.attrib["font-size"]))
    for element in root:
        _put(element, board)
    small = large.resize((math.ceil(wide * SCALE), math.ceil(high * SCALE)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def _put(element: ElementTree.Element, board: Board) -> None:
    said, unit = element.attrib, board.unit
    match element.tag.removeprefix(SVG):
        case "rect":
            (x, y), w, h = _at(said, "x", "y", unit), float(said["width"]) * unit, float(said["height"]) * unit
            if w > 0:
                board.draw.rectangle((x, y, x + w, y + h), fill=said["fill"])
        case "circle":
            (x, y), r = _at(said, "cx", "cy", unit), float(said["r"]) * unit
            board.draw.ellipse((x - r, y - r, x + r, y + r), fill=said["fill"])
        case "line":
            _stroke([_at(said, "x1", "y1", unit), _at(said, "x2", "y2", unit)], said, board)
        case "polyline":
            _stroke(_spots(said, unit), said, board)
        case "polygon":
            spots = _spots(said, unit)
            _stroke([*spots, spots[0]], said, board)
        case "text":
            size, weight = float(said.get("font-size", board.size)) * unit, int(said.get("font-weight", 400))
            board.draw.text(
                _at(said, "x", "y", unit),
                element.text or "",
                fill=said.get("fill", INK),
                font=ImageFont.load_default(size),
                anchor=ANCHOR[said.get("text-anchor", "start")],
                stroke_width=unit / 6 if weight > 500 else 0,
            )
        case other:
            raise ValueError(f"a picture with <{other}>")


def _at(said: Mapping[str, str], x: str, y: str, unit: float) -> Spot:
    return float(said.get(x, 0)) * unit, float(said.get(y, 0)) * unit


def _spots(said: Mapping[str, str], unit: float) -> list[Spot]:
    pairs = (spot.split(",") for spot in said["points"].split())
    return [(float(x) * unit, float(y) * unit) for x, y in pairs]


def _stroke(spots: Sequence[Spot], said: Mapping[str, str], board: Board) -> None:
    width = round(float(said.get("stroke-width", 1)) * board.unit)
    dashes = [float(v) * board.unit for v in said.get("stroke-dasharray", "").split()]
    for part in _dashed(spots, dashes) if dashes else [list(spots)]:
        board.draw.line(part, fill=said["stroke"], width=width, joint="curve")


def _dashed(spots: Sequence[Spot], dashes: Sequence[float]) -> Iterator[list[Spot]]:
    """Yield the drawn parts of a curve: for the first length it is drawn, for the second not, and so on."""
    lengths, drawn = itertools.cycle(dashes), True
    left, part = next(lengths), [spots[0]]
    for (x, y), (to_x, to_y) in itertools.pairwise(spots):
        far, gone = math.dist((x, y), (to_x, to_y)), 0.0
        while far - gone > left:
            gone += left
            here = x + (to_x - x) * gone / far, y + (to_y - y) * gone / far
            if drawn:
                yield [*part, here]
            left, part, drawn = next(lengths), [here], not drawn
        left -= far - gone
        part.append((to_x, to_y))
    if drawn:
        yield part
