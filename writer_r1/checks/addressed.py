"""Draft -> what in it speaks to whoever judges it, and the draft with that made unreadable.

A small model does what the text before it says, whatever it was told about orders inside a draft. So the words of
sentences that are about the marking of the draft are not shown to it: each letter and symbol is an x. It stands for a
line that does not belong, since one that were simply gone would cost less than an ordinary line out of place. A
sentence of a story may be taken for one, which costs a little: the judge does not read it, and the reader does. Words
are weighed, not phrases looked for: an attack has many phrasings, but has to name what it wants (a mark) and from whom.
Source: the words are ours; how many lines that nobody wrote for this list are found is in docs/judge.md.
"""

import re
import unicodedata
from functools import cache

from writer_r1.checks.text import Span, paragraphs, sentences
from writer_r1.places import data
from writer_r1.trajectory import Note

QUOTED = 160  # characters
ENOUGH = 3  # points of one sentence
MOST = 1 / 3  # of a text: where more seems to be about marking, that is what the text is about

_UNSEEN = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_SPACED = re.compile(r"\b(?:\w[ .\-_*]){5,}\w\b")
_SEEN = re.compile(r"[^\s.,;:!?…'\"()“”‘’—–，。、；：！？（）「」]")  # the marks of a sentence stay
_NUMBER = re.compile(r"[\W\d]*")


@cache
def _weighed() -> list[tuple[int, re.Pattern[str]]]:
    """Return each group of words with its points."""
    found: list[tuple[int, list[str]]] = []
    for line in data("assets/marking_words.txt").read_text("utf-8").splitlines():
        if title := re.match(r"\[(\d)\] ", line):
            found.append((int(title[1]), []))
        elif line and not line.startswith("#"):
            found[-1][1].append(line)
    return [(points, re.compile("|".join(words), re.IGNORECASE)) for points, words in found]


def plain(text: str) -> str:
    """Return a text as it looks: without what cannot be seen, wide letters as usual ones, spaced words closed."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    return _SPACED.sub(lambda m: re.sub(r"[ .\-_*]", "", m.group()), text)


def points(sentence: str) -> int:
    """Return how much a sentence is about the marking of the text that it stands in."""
    seen = plain(sentence)
    return sum(weight for weight, word in _weighed() if word.search(seen))


def to_the_judge(text: str) -> list[Span]:
    """Return where the draft speaks to whoever judges it; in order and apart.

    A paragraph goes whole where half of its sentences do, or where they lean that way together.
    """
    found: list[Span] = []
    every = sentences(text)
    for start, end in paragraphs(text):
        inside = [row for row in every if start <= row[0] < end and not _NUMBER.fullmatch(text[slice(*row)])]
        weights = [points(text[slice(*row)]) for row in inside]
        hits = [row for row, weight in zip(inside, weights, strict=True) if weight >= ENOUGH]
        total = sum(weights)
        leans = 2 * total >= ENOUGH * len(inside) and (bool(hits) or total > ENOUGH + 1)
        leans = leans or (total > ENOUGH and all(weights))  # each line of it, as in a verse to the judge
        found += [(start, end)] if 2 * len(hits) >= len(inside) > 0 or leans else hits
    said = {text[slice(*row)] for row in every if any(start <= row[0] < end for start, end in found)}
    return found if sum(map(len, said)) <= MOST * len(text) else []  # an order said twenty times is one


def unaddressed(text: str) -> str:
    """Return the draft with an x for each letter and symbol of what speaks to whoever judges it."""
    kept, at = [], 0
    for start, end in to_the_judge(text):
        kept += [text[at:start], _SEEN.sub("x", _UNSEEN.sub("", text[start:end]))]
        at = end
    return "".join([*kept, text[at:]])


def note_of(text: str) -> tuple[Note, ...]:
    """Return what a writer is told where something was not shown to the judge; nothing where all of it was."""
    found = to_the_judge(text)
    if not found:
        return ()
    places = "One passage speaks" if len(found) == 1 else f"{len(found)} passages speak"
    reason = f"{places} of how this is to be marked; the judge was not shown that."
    quote = " ".join(text[slice(*found[0])][:QUOTED].split())
    return (Note(check="addressed", value=0.0, said="speaks to the judge", reason=reason, quote=quote),)
