"""Reflections and what came of them -> whether each was useful, redundant or harmful, and the shares of many.

Useful: the text is better beyond the judge's own range. Harmful: worse by as much. All else is redundant, so that a
judge that cannot tell two texts apart praises and blames nobody. Source of the three words and of what to compare with:
arXiv 2604.03004, known to us at second hand; the rules are ours (`docs/papers.md` 5).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from writer_r1.checks import copied_share, paragraphs
from writer_r1.facts.language import CJK
from writer_r1.review import Similarity, content_words
from writer_r1.traces import Segment, Trace
from writer_r1.trajectory import Noun

Label = Literal["useful", "redundant", "harmful"]
LABELS: tuple[Label, ...] = ("useful", "redundant", "harmful")
ANCHORS = {"useful": 0.55, "harmful": 0.10}  # what is told of R2-Write: more than, and about
FEWER_TOKENS = 0.20  # and about as much shorter with its process reward
ALIKE = 0.85  # cosine from which two reflections say the same
NAMED = 2  # content words of the place that a reflection has in common with it, or it could stand anywhere
_GRAMMAR = re.compile(r"[\u3040-\u309f]+")  # hiragana: mostly endings, which any two sentences have in common
_UNSPACED = re.compile(f"[{CJK}]+")
STANDS = 0.5  # share of a revision's words that are in the piece, from which on it was applied


class Tried(Noun):
    """A reflection that was acted on, and what came of it; `gain` is None where its text could not be judged."""

    reflection: str
    label: Label
    gain: float | None = None
    least: float | None = None
    round: int = 1  # counted from 1 in its thought
    kept: bool = False


def labelled(gain: float | None, least: float | None) -> Label:
    """Return what a reflection was worth, from the gain of the whole text and the least gain that counts."""
    if gain is None or least is None or abs(gain) < least:
        return "redundant"
    return "useful" if gain > 0 else "harmful"


def is_specific(reflection: str, before: str, segment: Segment) -> bool:
    """Return whether a reflection is about this place: it has words in common with what stood or now stands there."""
    spans = paragraphs(before)
    old = (before[slice(*spans[c.paragraph - 1])] for c in segment.changes)
    here = {mark for text in (*old, *(c.text for c in segment.changes)) for mark in _marks(text)}
    return len(here & _marks(reflection)) >= NAMED


def _marks(text: str) -> set[str]:
    """Return what a text is known by: its content words, and in scripts without spaces each two signs in a row."""
    pairs = (run[k : k + 2] for run in _UNSPACED.findall(text) for k in range(len(run) - 1))
    telling = {pair for pair in pairs if not _GRAMMAR.fullmatch(pair)}
    return {word for word in content_words(text) if not _UNSPACED.search(word)} | telling


def is_applied(trace: Trace, number: int) -> bool:
    """Return whether the revisions of segment `number` (from 0) say something new and stand in the piece.

    One that a later segment wrote anew need not: it is not in what the thought worked out either.
    """
    texts, segment = trace.texts(), trace.segments[number]
    before, worked_out = texts[number], texts[-1]
    spans = paragraphs(before)
    for change in segment.changes:
        old = before[slice(*spans[change.paragraph - 1])] if change.operation == "rewrite" else ""
        if change.text.split() == old.split():
            return False
        if _stands(change.text, worked_out) and not _stands(change.text, trace.final):
            return False
    return True


def _stands(words: str, text: str) -> bool:
    if " ".join(words.split()) in " ".join(text.split()):
        return True
    return copied_share(words, text) >= STANDS


def repeats(reflections: Sequence[str], similarity: Similarity | None) -> list[bool]:
    """Return for each reflection whether one before it says the same; without `similarity`, in the same words."""
    likeness: Callable[[str, Sequence[str]], Sequence[float]] = similarity or _same_words
    return [k > 0 and max(likeness(said, reflections[:k])) >= ALIKE for k, said in enumerate(reflections)]


def _same_words(text: str, others: Sequence[str]) -> list[float]:
    mine, rows = _marks(text), [_marks(other) for other in others]
    return [len(mine & row) / max(1, len(mine | row)) for row in rows]


def shares(tried: Iterable[Tried]) -> dict[str, Any]:
    """Return how many reflections there are and the share of each label, in all and by the round they came in."""
    rows = list(tried)
    rounds = sorted({row.round for row in rows})
    by_round = {str(n): _shares([row for row in rows if row.round == n]) for n in rounds}
    return _shares(rows) | {"kept": sum(row.kept for row in rows), "rounds": by_round}


def _shares(rows: Sequence[Tried]) -> dict[str, Any]:
    counts = Counter(row.label for row in rows)
    found = {label: round(counts[label] / len(rows), 3) if rows else None for label in LABELS}
    return {"reflections": len(rows)} | found
