"""Draft and a sample of somebody's writing -> how near its manner comes to theirs, with what sets the two apart.

Three habits that a subject hardly moves: how long sentences are and how much that varies, how often the small words
come, and how often each stop and mark. What a piece is about does not count, so the sample may be about anything.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import NamedTuple

from writer_r1.checks.text import Measure, Span, between, sentences, words
from writer_r1.facts import VOICE_WORDS, detect_language

OWN, ANOTHERS = 0.7, 1.5  # distances that count as 1 and as 0; see `voice`
FAR = 2.0  # standard deviations of the sample's own sentence lengths
SMALL_WORDS = tuple(
    words(
        "the and a to of in i he it was that his her she you my me we they with at on for as but not so had is be by "
        "from all out up there then when if no one or what who which would could said have this him them into down "
        "over like just now only still very too more than do did been were are an its it's don't"
    )
)
MARKS = {
    "commas": ",",
    "semicolons": ";",
    "colons": ":",
    "dashes": "[—–]| - ",
    "exclamation marks": "!",
    "question marks": r"\?",
    "quotation marks": '[“"«]',
    "ellipses": r"…|\.\.\.",
    "brackets": r"\(",
    "paragraphs": r"\n[^\S\n]*\n",
}
# Median distance of two passages of 250 words by one author from different pieces: what counts as 1 in each habit.
USUAL = {"sentences": 0.83, "small words": 0.48, "marks": 0.17}
SPREAD = (0.42, 0.15)  # by how much the mean and the spread of (log) sentence lengths differ from passage to passage


class Habits(NamedTuple):
    """What is counted of a text: sentence lengths in words, and shares of its words."""

    lengths: tuple[int, ...]
    small: tuple[float, ...]
    marks: tuple[float, ...]


def habits(text: str) -> Habits:
    """Return the habits of a text; shares are per word."""
    found = words(text)
    lengths = tuple(n for start, end in sentences(text) if (n := len(words(text[start:end]))))
    counts, total = Counter(found), max(1, len(found))
    small = tuple(counts[word] / total for word in SMALL_WORDS)
    return Habits(lengths, small, tuple(len(re.findall(mark, text)) / total for mark in MARKS.values()))


def voice(text: str, sample: str) -> Measure:
    """Return how near the manner of `text` is to that of `sample`: 1 as near as an author to their other pieces.

    Source: function words and punctuation as in stylometry (Mosteller and Wallace 1964), compared by the distance of
    Hellinger; the ends are ours. Of passages by six authors of the public domain, 250 words each, those of one author
    from two pieces were nearer than those of two authors in 70 of 100 cases (400 words: 77), so it is a hint. Likeness
    of meaning (MiniLM) was tried and left out: it finds subjects (`docs/decisions/0019-a-voice-is-no-meaning.md`).
    """
    if min(len(words(text)), len(words(sample))) < VOICE_WORDS:
        return Measure(value=None, reason=f"Not measured: the piece and the sample need {VOICE_WORDS} words each.")
    mine, theirs = habits(sample), habits(text)
    apart = {"sentences": _lengths_apart(mine.lengths, theirs.lengths), "marks": _apart(mine.marks, theirs.marks)}
    if detect_language(text) == detect_language(sample) == "en":
        apart["small words"] = _apart(mine.small, theirs.small)
    value = 1.0 - between(fmean(far / USUAL[habit] for habit, far in apart.items()), OWN, ANOTHERS)
    told = "close to" if value >= 0.7 else "some way from" if value >= 0.3 else "far from"
    different = _differences(mine, theirs)
    said = f": {', '.join(different[:2])}" if different else ""
    return Measure(value=value, spans=_strange(text, mine.lengths), reason=f"In manner {told} your sample{said}.")


def _lengths_apart(one: Sequence[int], other: Sequence[int]) -> float:
    a, b = ([math.log(n) for n in row] for row in (one, other))
    return fmean((abs(fmean(a) - fmean(b)) / SPREAD[0], abs(pstdev(a) - pstdev(b)) / SPREAD[1]))


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    return math.sqrt(math.fsum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(one, other, strict=True)))


def _differences(mine: Habits, theirs: Habits) -> list[str]:
    """Return what a reader would notice first, the plainest first."""
    found: list[tuple[float, str]] = []
    a, b = fmean(mine.lengths), fmean(theirs.lengths)
    if abs(math.log(b / a)) > SPREAD[0]:
        which = "longer" if b > a else "shorter"
        found.append((abs(math.log(b / a)) / SPREAD[0], f"sentences are {which} ({b:.0f} words, yours {a:.0f})"))
    for name, one, other in zip(MARKS, mine.marks, theirs.marks, strict=True):
        if abs(gap := math.sqrt(other) - math.sqrt(one)) > 0.07:
            found.append((abs(gap) / 0.07, f"{'more' if gap > 0 else 'fewer'} {name}"))
    return [said for _, said in sorted(found, reverse=True)]


def _strange(text: str, lengths: Sequence[int]) -> tuple[Span, ...]:
    """Return the sentences that are longer or shorter than the sample's habit, the strangest first, three at most."""
    logs = [math.log(n) for n in lengths]
    middle, spread = fmean(logs), max(pstdev(logs), 0.2)

    def strangeness(start: int, end: int) -> float:
        return abs(math.log(max(1, len(words(text[start:end])))) - middle) / spread

    rows = sorted(((far, span) for span in sentences(text) if (far := strangeness(*span)) > FAR), reverse=True)
    return tuple(span for _, span in rows[:3])
