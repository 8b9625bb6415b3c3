"""The texts that led to a manuscript -> who wrote what of it: its writer, a model, or its writer in place of a model.

Followed step by step by the differences of words; nothing of it is stored, so it can be wrong only as the versions are.
What was typed, pasted or imported is the writer's, but for whole sentences that a round has, letter for letter.
Sentences that were taken out and come back are whose they were.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from writer_r1.checks import sentences, word_count
from writer_r1.differences import REWRITTEN, changes, rewritten
from writer_r1.facts.language import WORD
from writer_r1.trajectory import Trajectory

MINE, MODEL, AFTER = "m", "r", "a"  # a letter of `hands` for each letter of the text: mine, a round's, mine after it
HANDS = (MINE, MODEL, AFTER)
SENTENCE = 4  # words from which on a sentence that is known again is no accident
KEPT = 4  # pieces whose versions need not be followed again from the first
LONG = 30  # words from which on a text can be called rewritten; then fewer than `SENTENCE` in a row were not kept
ENDS = ".!?…。！？\"'”’»」)"  # what stands before words that begin a sentence


class Written(NamedTuple):
    """A text and who wrote it, letter by letter."""

    text: str
    hands: str


class Made(NamedTuple):
    """A text in a list of them, and the places there of what it was made of and of what its new words were put in from.

    What they were put in from may also be a text that is not in the list. Nothing: they were typed.
    """

    text: str
    parent: int | None = None
    source: int | Written | None = None


class Stretch(NamedTuple):
    """Words in a row by one hand."""

    hand: str
    text: str


def stretches(written: Written) -> list[Stretch]:
    """Return the text in stretches by one hand; they join to it."""
    found, at = list[Stretch](), 0
    for hand, group in groupby(written.hands):
        end = at + len(list(group))
        found.append(Stretch(hand, written.text[at:end]))
        at = end
    return found


def drafted_in(runs: Iterable[Trajectory]) -> frozenset[str]:
    """Return the sentences that a model wrote: those of a run's texts that its writer's own text does not have."""
    found = set[str]()
    for run in runs:
        sides = [[a.text for a in run.attempts if (a.by == "user") == own] for own in (False, True)]
        theirs, mine = ({text[a:b] for text in side for a, b in _whole(text)} for side in sides)
        found |= theirs - mine
    return frozenset(found)


def shares(written: Written) -> dict[str, int]:
    """Return how many words of a hundred are by each hand; together they are 100, or 0 where there is no word."""
    counts = Counter(_hand(written.hands[m.start() : m.end()]) for m in WORD.finditer(written.text))
    total = counts.total()
    if not total:
        return dict.fromkeys(HANDS, 0)
    exact = {hand: 100 * counts[hand] / total for hand in HANDS}
    found = {hand: int(share) for hand, share in exact.items()}
    for hand in sorted(HANDS, key=lambda h: found[h] - exact[h])[: 100 - sum(found.values())]:
        found[hand] += 1
    return found


def layers(made: Sequence[Made], drafted: frozenset[str] = frozenset()) -> list[Written]:
    """Return who wrote what of each text; each comes after those that it was made of.

    `drafted` are sentences that rounds have: typed anew, or pasted, they stay a model's.
    """
    found, gone = _followed(made, drafted)
    known = _Known(dict(gone), drafted)
    for n, one in enumerate(made[len(found) :], len(found)):
        if n == len(made) - 1 and n:  # the newest may be saved over
            _keep(_Kept(tuple(made[:-1]), drafted, tuple(found), dict(known.gone)))
        before = found[one.parent] if one.parent is not None else Written("", "")
        put = found[one.source] if isinstance(one.source, int) else one.source
        found.append(Written(one.text, _step(before, one.text, put, known)))
    return found


class _Kept(NamedTuple):
    """What was found of a list of texts, so that it is not followed from its beginning after each save."""

    made: tuple[Made, ...]
    drafted: frozenset[str]
    found: tuple[Written, ...]
    gone: dict[str, str]


_kept: list[_Kept] = []  # the newest last


def _keep(one: _Kept) -> None:
    others = [k for k in _kept if k.made != one.made[: len(k.made)]]
    _kept[:] = [*others[1 - KEPT :], one]


def _followed(made: Sequence[Made], drafted: frozenset[str]) -> tuple[list[Written], dict[str, str]]:
    """Return what was found before of the longest beginning of this list, and the sentences that went in it."""
    for one in sorted(tuple(_kept), key=lambda k: -len(k.made)):
        if len(one.made) <= len(made) and one.drafted == drafted and one.made == tuple(made[: len(one.made)]):
            return list(one.found), one.gone
    return [], {}


def told(written: Written) -> str:
    """Return the shares as a sentence for whom a file is given to."""
    share = shares(written)
    return (
        f"Who wrote what, in words: {share[MINE]} % the writer, {share[MODEL]} % a model, "
        f"{share[AFTER]} % the writer in place of a model's words."
    )


def _hand(letters: str) -> str:
    return AFTER if AFTER in letters else letters[0]


# One step


class _Known(NamedTuple):
    """Sentences that can be known again: those that went earlier, with their hands, and those of rounds."""

    gone: dict[str, str]
    drafted: frozenset[str]

    def pasted(self, text: str, hands: str) -> str:
        """Return the hands of words that came in, where whole sentences of a round's are a model's."""
        again = (text[a:b] for a, b in _whole(text) if text[a:b] in self.drafted)
        return _known_again({one: MODEL * len(one) for one in again}, text, hands)

    def back(self, old: Written, new: Written) -> str:
        """Return the hands of `new`, where each sentence that stood here before has the hands it had."""
        self.gone.update({old.text[a:b]: old.hands[a:b] for a, b in _whole(old.text)})
        return _with_gaps(new.text, _known_again(self.gone, new.text, new.hands))


def _step(old: Written, new: str, put: Written | None, known: _Known) -> str:
    """Return the hands of a text that was made of another, with words typed or put in from `put`."""
    if old.text == new:
        return old.hands
    start, end = _ends(old.text, new)
    short = min(len(old.text), len(new))
    apart = (
        2 * (short - start - end) > short  # else half of it was kept
        and min(word_count(old.text), word_count(new)) > LONG
        and rewritten(old.text, new) > REWRITTEN
    )
    start, end = (0, 0) if apart else (start, end)
    mask = _mask(put, new) if put else ""
    hands, there = [old.hands[:start]], start
    for kept, gone, come in _parts(old, (start, len(old.text) - end), new[start : len(new) - end], apart):
        if kept:
            hands.append(gone.hands)
        else:
            typed = AFTER if _replaces(gone) or _inside(old, gone, come) else MINE
            came = mask[there : there + len(come)].replace(" ", typed) or typed * len(come)
            hands.append(came if put else known.pasted(come, came))
        there += len(come)
    made = Written(new, "".join([*hands, old.hands[len(old.text) - end :]]))
    return _recalled(old, made, (start, end), known)


def _recalled(old: Written, new: Written, ends: tuple[int, int], known: _Known) -> str:
    """Return the hands of a text once those sentences are known again that its changed paragraphs hold."""
    start = old.text.rfind("\n", 0, ends[0]) + 1
    more = old.text.find("\n", len(old.text) - ends[1])
    end = len(old.text) - more if more >= 0 else 0
    before, now = (Written(*(part[start : len(part) - end] for part in one)) for one in (old, new))
    return new.hands[:start] + known.back(before, now) + new.hands[len(new.hands) - end :]


class _Gone(NamedTuple):
    """A stretch that was taken out, or kept, and where it stood."""

    text: str
    hands: str
    at: int


def _parts(old: Written, span: tuple[int, int], new: str, apart: bool) -> Iterator[tuple[bool, _Gone, str]]:
    """Yield what was kept, and what was taken out with what came in its place; where the texts lie apart few words in a
    row count as not kept.
    """
    at, gone, come = span[0], "", ""
    for kind, text in changes(old.text[slice(*span)], new):
        if kind == "same" and not (apart and word_count(text) < SENTENCE):
            if gone or come:
                yield False, _Gone(gone, old.hands[at : at + len(gone)], at), come
                at, gone, come = at + len(gone), "", ""
            yield True, _Gone(text, old.hands[at : at + len(text)], at), text
            at += len(text)
            continue
        gone += text if kind != "insert" else ""
        come += text if kind != "delete" else ""
    if gone or come:
        yield False, _Gone(gone, old.hands[at : at + len(gone)], at), come


def _mask(put: Written, new: str) -> str:
    """Return the hands of those letters of `new` that `put` has, and a blank for each other."""
    if put.text == new:
        return put.hands
    found, at = list[str](), 0
    for kind, text in changes(put.text, new):
        if kind == "same":
            found.append(put.hands[at : at + len(text)])
        elif kind == "insert":
            found.append(" " * len(text))
        at += len(text) if kind != "insert" else 0
    return _known_again({put.text[a:b]: put.hands[a:b] for a, b in _whole(put.text)}, new, "".join(found))


def _known_again(known: Mapping[str, str], text: str, hands: str) -> str:
    """Return the hands of a text, where those of each sentence that is known are as they are known."""
    for a, b in _whole(text):
        hands = hands[:a] + known.get(text[a:b], hands[a:b]) + hands[b:]
    return hands


def _with_gaps(text: str, hands: str) -> str:
    """Return the hands of a text, where what stands between two words goes with the word before it."""
    parts, at, hand = list[str](), 0, ""
    for m in WORD.finditer(text):
        parts += [(hand or hands[m.start()]) * (m.start() - at), hands[m.start() : m.end()]]
        at, hand = m.end(), hands[m.end() - 1]
    return "".join([*parts, hand * (len(text) - at) or hands[at:]])


def _replaces(gone: _Gone) -> bool:
    """Return whether words of a model's were taken out."""
    return any(_hand(gone.hands[m.start() : m.end()]) != MINE for m in WORD.finditer(gone.text))


def _inside(old: Written, gone: _Gone, come: str) -> bool:
    """Return whether words were put between two of a model's, inside a sentence."""
    if gone.text or "\n" in come:
        return False
    before, after = old.text[: gone.at].rstrip(), old.text[gone.at :].lstrip()
    if not before or not after or before[-1] in ENDS:
        return False
    near = (old.hands[len(before) - 1], old.hands[len(old.text) - len(after)])
    return MINE not in near and "\n" not in old.text[len(before) : len(old.text) - len(after)]


def _whole(text: str) -> Iterator[tuple[int, int]]:
    return ((a, b) for a, b in sentences(text) if word_count(text[a:b]) >= SENTENCE)


def _ends(old: str, new: str) -> tuple[int, int]:
    """Return how many letters both begin with, and end with, up to a space: what was typed lies between."""
    start = _alike(old, new)
    while start and not old[start - 1].isspace():
        start -= 1
    left = min(len(old), len(new)) - start
    end = _alike(old[::-1][:left], new[::-1][:left])
    while end and not old[-end].isspace():
        end -= 1
    return start, end


def _alike(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
