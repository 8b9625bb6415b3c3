"""A passage that was marked in a manuscript -> where it stands now, found by its words and what stood around them.

The manuscript goes on while alternatives are written, so no position is kept: words and surroundings are. Line ends
do not count, because a text box knows only one kind.
"""

import re
from collections.abc import Iterator
from os.path import commonprefix

from writer_r1.errors import WriterError
from writer_r1.trajectory import Noun

NEAR = 24  # characters beside a passage that tell it from another of the same words
AROUND = 2000  # characters on each side that are kept with a passage

LINE_END = r"(?:\r\n?|\n)"

Span = tuple[int, int]

GONE = (
    "The words you marked do not stand in your manuscript any more, or not in that place, so nothing was changed; "
    "mark them again."
)
TWICE = (
    "The words you marked stand in several places that look alike, so nothing was changed; mark a few more words "
    "around them, and try again."
)


class Passage(Noun):
    """Words of a manuscript and up to `AROUND` characters on each side; without words, the place of a caret."""

    text: str = ""
    before: str = ""
    after: str = ""


def located(passage: Passage, manuscript: str) -> Span:
    """Return where the passage stands.

    Raises:
        WriterError: it is gone, or stands in several places that cannot be told apart.
    """
    best = _best(passage, manuscript)
    sides = best[0][0] if best else 0
    if not best or (sides == 0 and (len(best) > 1 or len(passage.text) < NEAR)):
        raise WriterError(GONE)
    most = max(row[1] for row in best)
    found = [row[2] for row in best if row[1] == most]
    if len(found) > 1:
        raise WriterError(TWICE)
    return found[0]


def places(passage: Passage, manuscript: str) -> list[Span]:
    """Return where the passage stands; of several places, those that are most like the one it was marked in."""
    return [row[2] for row in _best(passage, manuscript)]


def _best(passage: Passage, manuscript: str) -> list[tuple[int, int, Span]]:
    """Return the places with the most sides alike: on how many, how many characters around are, and the place."""
    rows = [(*_alike(passage, manuscript, span), span) for span in _occurrences(passage, manuscript)]
    most = max((row[0] for row in rows), default=0)
    return [row for row in rows if row[0] == most]


def _occurrences(passage: Passage, manuscript: str) -> Iterator[Span]:
    if passage.text:
        for found in _anywhere(passage.text).finditer(manuscript):
            yield found.start(1), found.end(1)
    elif passage.before:
        for found in _anywhere(passage.before[-NEAR:]).finditer(manuscript):
            yield found.end(1), found.end(1)


def _anywhere(words: str) -> re.Pattern[str]:
    lines = map(re.escape, one_line_end(words).split("\n"))
    return re.compile(f"(?=({LINE_END.join(lines)}))")


def _alike(passage: Passage, manuscript: str, span: Span) -> tuple[int, int]:
    """Return on how many sides what is near is what was, and how many characters around are the same."""
    before, after = one_line_end(passage.before)[-AROUND:], one_line_end(passage.after)[:AROUND]
    left = one_line_end(manuscript[max(0, span[0] - 2 * AROUND) : span[0]])
    right = one_line_end(manuscript[span[1] : span[1] + 2 * AROUND])
    sides = (left.endswith(before[-NEAR:]) if before else not left) + (
        right.startswith(after[:NEAR]) if after else not right
    )
    return sides, len(commonprefix([before[::-1], left[::-1]])) + len(commonprefix([after, right]))


def one_line_end(text: str) -> str:
    """Return the text with the line ends that a text box has."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
