"""Two texts -> what was taken out and put in, sentence by sentence and then word by word, so that a reader can follow.

Sentences first, because a word that happens to stand in two unrelated sentences is no sign of kinship, and because it
is quick. A word here is what a writer counts: one Chinese or Japanese character is a word. Nothing is normalised: the
pieces join to both texts again, letter for letter.
"""

import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Literal, NamedTuple

from diff_match_patch import diff_match_patch

from writer_r1.checks import paragraphs, sentences, word_count
from writer_r1.checks.text import Span, words
from writer_r1.facts.language import WORD

Kind = Literal["same", "insert", "delete"]

LIMIT_S = 2.0  # then the rest is told as one change
REWRITTEN = 0.5  # share of words changed above which marks between the words can no longer be read
PAIRABLE = 250_000  # pairs of paragraphs that may be held against each other; beyond them order decides

_KINDS: dict[int, Kind] = {-1: "delete", 0: "same", 1: "insert"}
_FIRST_CODE = 0x20000  # letters from here to the end of Unicode stand for words, so that the clean-up sees words
_CLUSTER = (
    "[\U0001f1e6-\U0001f1ff]{2}"  # flags
    "|\\S(?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\u0300-\u036f\u3099\u309a]|\u200d\\S)*"
)
_TOKEN = re.compile(rf"{WORD.pattern}|\s|{_CLUSTER}")


class Change(NamedTuple):
    """A stretch of text: in both, only in the new one, or only in the old one."""

    kind: Kind
    text: str


def changes(old: str, new: str) -> list[Change]:
    """Return how `old` became `new`: "same" and "delete" join to the old text, "same" and "insert" to the new."""
    return list(_changes(old, new))


def rewritten(old: str, new: str) -> float:
    """Return the share of words changed, 0 to 1: of the shorter text's, those that the other does not keep.

    What was only added or only cut leaves the rest readable between the marks, so it does not count.
    """
    shorter = min(word_count(old), word_count(new))
    if not shorter:
        return float(word_count(old) != word_count(new))
    kept = sum(word_count(c.text) for c in _changes(old, new) if c.kind == "same")
    return 1.0 - min(1.0, kept / shorter)


def side_by_side(old: str, new: str) -> list[tuple[str, str]]:
    """Return the paragraphs of both texts in pairs that are most alike, in order; "" where one has no partner."""
    return [(_cut(old, left), _cut(new, right)) for left, right in paired(old, new)]


def paired(old: str, new: str) -> list[tuple[Span | None, Span | None]]:
    """Return where the paragraphs of those pairs stand in their texts; None where one has no partner."""
    left, right = paragraphs(old), paragraphs(new)
    if len(left) * len(right) > PAIRABLE:
        return list(zip_longest(left, right))
    pairs = _pairs([old[a:b] for a, b in left], [new[a:b] for a, b in right])
    return [(None if i is None else left[i], None if j is None else right[j]) for i, j in pairs]


@lru_cache(maxsize=16)  # a page asks again at each of its updates
def _changes(old: str, new: str) -> tuple[Change, ...]:
    deadline = time.monotonic() + LIMIT_S
    found: list[Change] = []
    for kind, text, other in _blocks(_units(old), _units(new), deadline):
        if kind == "same":
            _add(found, "same", text)
        else:
            for change in _worded(text, other, deadline):
                _add(found, *change)
    return tuple(found)


def _blocks(old: list[str], new: list[str], deadline: float) -> Iterator[tuple[Literal["same", "changed"], str, str]]:
    """Yield runs of sentences: the same in both, or taken out and put in at one place."""
    gone = come = ""
    for kind, text in _compared(old, new, deadline, tidy=False):
        if kind != "same":
            gone, come = (gone + text, come) if kind == "delete" else (gone, come + text)
            continue
        if gone or come:
            yield "changed", gone, come
            gone = come = ""
        yield "same", text, text
    if gone or come:
        yield "changed", gone, come


def _worded(old: str, new: str, deadline: float) -> Iterator[Change]:
    if old and new:
        yield from _compared(_tokens(old), _tokens(new), deadline, tidy=True)
    else:
        yield Change("delete", old) if old else Change("insert", new)


def _compared(old: Sequence[str], new: Sequence[str], deadline: float, *, tidy: bool) -> Iterator[Change]:
    """Yield the differences of two lists of strings; `tidy` drops accidental likeness between two changes."""
    codes = _codes(old, new)
    differ = diff_match_patch()
    differ.Diff_Timeout = max(deadline - time.monotonic(), 0.01)  # 0 would mean no limit
    one, two = ("".join(codes[part] for part in side) for side in (old, new))
    found = differ.diff_main(one, two, False)
    if tidy:
        differ.diff_cleanupSemantic(found)
    parts = {code: part for part, code in codes.items()}
    for kind, coded in found:
        yield Change(_KINDS[kind], "".join(parts[code] for code in coded))


def _codes(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Return a letter for each part; a single letter stands for itself, so line ends and stops stay what they are."""
    distinct = dict.fromkeys(chain(old, new))
    codes = {part: part for part in distinct if len(part) == 1}
    free = (chr(n) for n in range(_FIRST_CODE, 0x110000) if chr(n) not in codes)
    return codes | {part: next(free) for part in distinct if len(part) > 1}


def _units(text: str) -> list[str]:
    """Return the sentences, each with the white space after it."""
    starts = sorted({0, *(start for start, _ in sentences(text))})
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True) if a < b]


def _tokens(text: str) -> list[str]:
    return [m.group() for m in _TOKEN.finditer(text)]


def _add(found: list[Change], kind: Kind, text: str) -> None:
    """Append to `found`, joining neighbours of one kind; what was taken out stands before what was put in."""
    if not text:
        return
    if kind == "delete" and found and found[-1].kind == "insert":
        put_in = found.pop()
        _add(found, "delete", text)
        found.append(put_in)
    elif found and found[-1].kind == kind:
        found[-1] = Change(kind, found[-1].text + text)
    else:
        found.append(Change(kind, text))


def _pairs(left: list[str], right: list[str]) -> list[tuple[int | None, int | None]]:
    """Return the pairing, in order, whose likeness sums highest; a pair of strangers counts a little, a gap nothing."""
    bags = [[set(words(p)) for p in side] for side in (left, right)]
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            both = best[i + 1][j + 1] + _likeness(bags[0][i], bags[1][j])
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    found: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if best[i][j] == best[i + 1][j + 1] + _likeness(bags[0][i], bags[1][j]):
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((i, None))
            i += 1
        else:
            found.append((None, j))
            j += 1
    return found + [(n, None) for n in range(i, len(left))] + [(None, n) for n in range(j, len(right))]


def _likeness(one: set[str], two: set[str]) -> float:
    return 0.05 + 2 * len(one & two) / (len(one) + len(two) or 1)


def _cut(text: str, span: Span | None) -> str:
    return text[slice(*span)] if span else ""
