"""A manuscript and a round of it -> what the round would change, one by one, and who asked for it; and back to a text.

A proposal is a stretch of the manuscript and what would stand in its place. Taken together they are exact: all of them
rejected the text is the manuscript, all accepted it is the round, letter for letter, and each touches only its stretch.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from writer_r1.checks import paragraphs
from writer_r1.checks.text import Span
from writer_r1.differences import REWRITTEN, changes, paired, rewritten
from writer_r1.trajectory import Advice, Attempt, Trajectory, digest

BEFORE = 24  # characters before a proposal that tell it from another of the same words
TOUCH = 0.5  # what it counts that two stretches only touch, in characters of overlap

Verdict = Literal["accept", "reject", "edit"]


class Asked(NamedTuple):
    """Who asked for a change: a criterion, by its name, and why."""

    criterion: str
    reason: str


class Stretch(NamedTuple):
    """A part of an attempt's text that was asked for; empty where words were only taken out there."""

    start: int
    end: int
    asked: Asked


class Proposal(NamedTuple):
    """One change: `old` stands in the manuscript from `start` to `end`. The id tells it again in another comparison."""

    id: str
    start: int
    end: int
    old: str
    new: str
    asked: Asked | None = None
    protected: bool = False  # it would alter a passage that the writer protected


class Decision(NamedTuple):
    """What is done with a proposal; `text` is what stands there where its user has worded it anew."""

    verdict: Verdict
    text: str = ""


def proposals(manuscript: str, text: str, stretches: Sequence[Stretch] = ()) -> tuple[Proposal, ...]:
    """Return what turns the manuscript into `text`, in order; `stretches` of `text` tell who asked for what.

    Words inside their sentences, or where those could not be followed any more (`is_rewritten`), whole paragraphs.
    """
    pieces = _paragraphs(manuscript, text) if is_rewritten(manuscript, text) else _words(manuscript, text)
    found, at, there = list[Proposal](), 0, 0
    ends = [s.end for s in stretches]
    for old, new in pieces:
        if old != new:
            asked = _asked(stretches, ends, there, there + len(new))
            found.append(Proposal("", at, at + len(old), old, new, asked))
        at, there = at + len(old), there + len(new)
    return tuple(_named(manuscript, found))


def placed(found: Iterable[Proposal], text: str, manuscript: str) -> tuple[Proposal, ...]:
    """Return those proposals on `text` that can be put into a manuscript, at their places there.

    That are those whose words, or the place between two words, stand there as they do in the text.
    """
    if text == manuscript:
        return tuple(found)
    kept, at, there = list[tuple[int, int, int]](), 0, 0  # start and end in the text, and how far from there
    for kind, part in changes(text, manuscript):
        if kind == "same":
            kept.append((at, at + len(part), there - at))
        at += len(part) if kind != "insert" else 0
        there += len(part) if kind != "delete" else 0
    ends, rows = [end for _, end, _ in kept], list[Proposal]()
    for one in found:
        n = bisect_left(ends, one.end)
        if n < len(kept) and kept[n][0] <= one.start:
            shift = kept[n][2]
            rows.append(one._replace(start=one.start + shift, end=one.end + shift))
    return tuple(rows)


def is_rewritten(manuscript: str, text: str) -> bool:
    """Return whether the two share so few words that only paragraphs side by side can be read."""
    return rewritten(manuscript, text) > REWRITTEN


def apply(manuscript: str, found: Iterable[Proposal], decisions: Mapping[str, Decision]) -> str:
    """Return the manuscript with what was decided, by id; what was not decided stays as it is.

    Raises:
        ValueError: the proposals are those of another manuscript.
    """
    parts, at = list[str](), 0
    for one in found:
        if manuscript[one.start : one.end] != one.old:
            raise ValueError(f"proposal {one.id} does not stand at {one.start} of this text")
        parts += [manuscript[at : one.start], chosen(one, decisions.get(one.id))]
        at = one.end
    return "".join([*parts, manuscript[at:]])


def stretches_of(now: Trajectory, attempt: Attempt) -> list[Stretch]:
    """Return what in an attempt's text was asked for, by it and by the attempts that it was made of, in order.

    A revision is told of one paragraph and one criterion at a time (`reflection.py`), so what changed in a paragraph
    since its parent was asked for by that criterion. Where the criterion is gone from the rubric nothing is said.
    """
    line = [attempt]
    while (parent := now.attempt(line[-1].parent or 0)) is not None and parent.number < line[-1].number:
        line.append(parent)
    names = {c.id: c.name for c in now.rubric.criteria} if now.rubric else {}
    found: list[Stretch] = []
    for before, after in pairwise(reversed(line)):
        advice = [a for a in after.reflection.advice if a.criterion_id in names] if after.reflection else []
        found = list(_carried(found, before.text, after.text, [(a, names[a.criterion_id]) for a in advice]))
    return found


# Pieces: pairs of strings that join to both texts


def _words(old: str, new: str) -> Iterator[tuple[str, str]]:
    """Yield what is the same and what is not, what was taken out together with what came in its place."""
    gone = ""
    for kind, text in changes(old, new):
        if kind == "delete":
            gone = text
            continue
        if kind == "insert":
            yield gone, text
        else:
            if gone:
                yield gone, ""
            yield text, text
        gone = ""
    if gone:
        yield gone, ""


def _paragraphs(old: str, new: str) -> list[tuple[str, str]]:
    """Return the paragraphs side by side, each with white space that keeps it apart whatever becomes of the others.

    That is the white space before it; but for what stands before the first pair it is that after it.
    """
    rows = paired(old, new)
    first = next((i for i, row in enumerate(rows) if all(row)), len(rows))
    starts = [[row[side][0] for row in rows if row[side]] + [len(text)] for side, text in enumerate((old, new))]  # type: ignore[index]
    found, at = list[tuple[str, str]](), [0, 0]
    for i, row in enumerate(rows):
        cut = ["", ""]
        for side, text in enumerate((old, new)):
            if (span := row[side]) is not None:
                starts[side].pop(0)
                end = span[1] if i >= first else starts[side][0]
                cut[side], at[side] = text[at[side] : end], end
        found += _parted(cut[0], cut[1]) if all(row) else [(cut[0], cut[1])]
    rest = (old[at[0] :], new[at[1] :])
    if found and rest[0] != rest[1]:
        last = found.pop()
        return [*found, (last[0] + rest[0], last[1] + rest[1])]
    return [*found, rest]


def _parted(old: str, new: str) -> list[tuple[str, str]]:
    """Return a pair of paragraphs apart from the white space before them, where that is the same."""
    gap = old[: len(old) - len(old.lstrip())]
    if gap != new[: len(new) - len(new.lstrip())]:
        return [(old, new)]
    return [(gap, gap), (old[len(gap) :], new[len(gap) :])]


def _named(manuscript: str, found: list[Proposal]) -> Iterator[Proposal]:
    """Yield the proposals with ids made of their words, so that a decision outlives a change elsewhere in the text."""
    count, used = Counter((one.old, one.new) for one in found), Counter[str]()
    for one in found:
        # Of several alike, what stands before each tells them apart: better none than a wrong one is known again.
        near = manuscript[max(0, one.start - BEFORE) : one.start] if count[one.old, one.new] > 1 else ""
        id_ = digest(one.old, one.new, near)
        used[id_] += 1
        yield one._replace(id=f"{id_}-{used[id_]}")


def chosen(one: Proposal, decision: Decision | None) -> str:
    """Return what stands in the place of a proposal once this was decided."""
    if decision is None or decision.verdict == "reject":
        return one.old
    return one.new if decision.verdict == "accept" else decision.text


# Who asked for what


def _asked(stretches: Sequence[Stretch], ends: Sequence[int], start: int, end: int) -> Asked | None:
    """Return who asked for most of this part of the round's text."""
    best, found = 0.0, None
    for n in range(bisect_left(ends, start), len(stretches)):
        one = stretches[n]
        if one.start > end:
            break
        shared: float = min(one.end, end) - max(one.start, start)
        if one.start == one.end or start == end:  # only one that holds nothing may touch: others are neighbours
            shared = TOUCH
        if shared > best:
            best, found = shared, one.asked
    return found


def _carried(known: Sequence[Stretch], old: str, new: str, advice: Sequence[tuple[Advice, str]]) -> Iterator[Stretch]:
    """Yield the stretches of `new`, which was made of `old` by this advice: those it kept of `old`'s, and its own."""
    spans, at, there = paragraphs(old), 0, 0
    for gone, come in _words(old, new):
        end, until = at + len(gone), there + len(come)
        if gone == come:
            for one in known:
                if one.start <= end and one.end >= at:
                    moved = [min(max(edge, at), end) - at + there for edge in (one.start, one.end)]
                    if moved[0] < moved[1] or one.start == one.end:
                        yield Stretch(moved[0], moved[1], one.asked)
        elif (asked := _advised(spans, (at, end), come, advice)) is not None:
            yield Stretch(there, until, asked)
        at, there = end, until


def _advised(spans: Sequence[Span], at: Span, come: str, advice: Sequence[tuple[Advice, str]]) -> Asked | None:
    """Return the advice on the paragraph in which, or after which, something was changed."""
    best, found = 0.0, None
    for one, name in advice:
        if one.paragraph > len(spans):
            continue
        start, end = spans[one.paragraph - 1]
        following = spans[one.paragraph][0] if one.paragraph < len(spans) else end
        if one.operation == "extend":
            fits = 2 * TOUCH if at[0] == at[1] and end <= at[0] <= following and "\n" in come else 0.0
        else:
            fits = min(end, at[1]) - max(start, at[0])
            fits = TOUCH if fits == 0 else fits
        if fits > best:
            best, found = fits, Asked(name, one.fault or one.edit)
    return found
