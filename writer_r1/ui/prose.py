"""Texts -> HTML: paragraphs as written, and what changed from one text to another. Pure."""

import re
from functools import lru_cache
from html import escape

from writer_r1.checks import word_count
from writer_r1.differences import REWRITTEN, Change, changes, rewritten, side_by_side
from writer_r1.trajectory import Fault

TAGS = {"insert": "ins", "delete": "del"}
FAULTS: dict[Fault, str] = {
    "empty": "nothing was written",
    "truncated": "cut off before its end",
    "looping": "repeats itself",
    "off-language": "not in the language asked for",
    "copied": "copied instead of written anew",
    "echoes the instructions": "repeats the instructions",
    "asks instead of writing": "asks you back instead of writing",
    "stopped at length": "stopped at the length asked for",
    "alters a protected passage": "changed what you protected",
}


def prose(text: str) -> str:
    """Return paragraphs as written, line breaks kept."""
    parts = [p.strip("\n") for p in re.split(r"\n\s*\n", text)]
    return "".join(f'<p dir="auto">{escape(p)}</p>' for p in parts if p.strip())


def chip(fault: Fault) -> str:
    """Return in a few words what is wrong with a text; that it was stopped where it was long enough is no fault."""
    kind = "" if fault == "stopped at length" else " fault"
    return f'<span class="chip{kind}">{FAULTS[fault]}</span> '


@lru_cache(maxsize=16)  # a page asks again at each of its updates
def differing(old: str, new: str, names: tuple[str, str]) -> str:
    """Return `new` with what was taken out and put in; two columns, headed by `names`, where little was kept."""
    if old == new:
        return '<p class="quiet">The two texts are the same.</p>'
    if rewritten(old, new) > REWRITTEN:
        return columns(old, new, names, '<p class="rewritten">Rewritten: more than half of the words are new.</p>')
    return f'<p class="marked" dir="auto">{"".join(marked(change) for change in changes(old, new))}</p>'


def marked(change: Change) -> str:
    """Return a stretch of text, inside `<ins>` or `<del>` where it is in one text only."""
    if change.kind == "same":
        return escape(change.text)
    text = change.text
    if not text.strip() and "\n" in text:  # a line break alone could not be seen
        text = "¶" + text if change.kind == "insert" else "¶ "
    tag = TAGS[change.kind]
    return f"<{tag}>{escape(text)}</{tag}>"


def columns(old: str, new: str, names: tuple[str, str], note: str = "") -> str:
    """Return the paragraphs of both texts side by side, those most alike in one row."""
    rows = "".join(
        f'<div class="pair{" alike" if left == right else ""}">{_cell(left, names[0])}{_cell(right, names[1])}</div>'
        for left, right in side_by_side(old, new)
    )
    heads = "".join(f'<p class="side">{escape(name)}</p>' for name in names)
    return f'{note}<div class="pairs"><div class="pair heads">{heads}</div>{rows}</div>'


def _cell(paragraph: str, side: str) -> str:
    return f'<p dir="auto" data-side="{escape(side)}">{escape(paragraph)}</p>'


def longer(old: str, new: str) -> str:
    """Return by how many words `new` is longer (+) or shorter (−) than `old`."""
    return f"{word_count(new) - word_count(old):+,}".replace("-", "−")


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def answer(sentence: str, wrong: bool = False) -> str:
    """Return what came of a button, to stand beside it."""
    return f'<p class="{"wrong" if wrong else "state"}" role="status">{escape(sentence)}</p>'
