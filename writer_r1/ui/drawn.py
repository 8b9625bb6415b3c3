"""HTML of parts that did not change -> neither made nor sent again: a page follows long runs a few words at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

from writer_r1.trajectory import digest

PART = "<!--part-->"  # stands between the parts of a board, and nowhere in them
SAME = "="  # instead of a part that is what it was
MOST = 60_000  # characters of changes; beyond them the whole board is sent anew

Made = TypeVar("Made")


class Drawn:
    """What was made for one page, by its place, and what of."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[tuple[Any, ...], Any]] = {}

    def part(self, place: object, made_of: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """Return what was made for this place, made anew where `made_of` is not what it was.

        Nouns never change, so an update that leaves them alone hands over the same objects, and those compare at once.
        """
        if place not in self._kept or self._kept[place][0] != made_of:
            self._kept[place] = (made_of, make())
        made: Made = self._kept[place][1]
        return made


class Sent:
    """What one page was sent of a board: the whole of it, and what to lay over that, both named by the whole's digest.

    A browser may pass over any update but the last, so changes are told against the whole, never from one to the next.
    """

    def __init__(self) -> None:
        self._whole = self._name = ""

    def of(self, board: str) -> tuple[str, str]:
        """Return the whole as it was sent last, and what is not as it was in it."""
        changes = changed(self._whole, board) if self._whole else ""
        if not self._whole or not board or len(changes) > MOST:
            self._whole, self._name, changes = board, digest(board), ""
        if not board:
            return "", ""
        return f"{self._name}{PART}{self._whole}", f"{self._name}{PART}{changes}" if changes else ""


def changed(old: str, new: str) -> str:
    """Return the parts of `new`, those that stand in `old` at their place as `SAME`; the last is held to the last."""
    *before, end = old.split(PART)
    *now, last = new.split(PART)
    parts = [SAME if i < len(before) and part == before[i] else part for i, part in enumerate(now)]
    return PART.join([*parts, SAME if last == end else last])
