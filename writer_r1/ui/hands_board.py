"""Who wrote what of a manuscript -> a read-only layer of it with three marks, and their shares. Pure HTML.

A mark is a line below the words and a sign before them, never only a colour; a reader that speaks hears whose words
follow.
"""

import re
from collections.abc import Iterator
from html import escape

from writer_r1.facts import WORD
from writer_r1.provenance import AFTER, HANDS, MINE, MODEL, Stretch, Written, shares, stretches

BLANK = re.compile(r"\n[^\S\n]*\n\s*")  # between paragraphs
HEAD = '<summary><h2>Who wrote what</h2></summary><div class="layer">'
WAIT = '<p class="quiet">Following your words through their versions …</p>'
EMPTY = '<p class="quiet">Your manuscript is empty, so there is nothing to tell yet.</p>'
CALLED = {MINE: "yours", MODEL: "a model’s", AFTER: "yours, in place of a model’s words"}
KINDS = {MINE: "mine", MODEL: "model", AFTER: "after"}
ABOUT = (
    "Only to be read; your manuscript stays above. What you typed, pasted or imported counts as yours, for nobody can "
    "tell where pasted words come from; but a whole sentence of a round stays a model’s wherever it comes from."
)


def hands_board(written: Written | str | None) -> str:
    """Return the board, or why it cannot be told; without either the line that opens it."""
    if written is None:
        return f'<details class="hands" data-key="hands">{HEAD}{WAIT}</div></details>'
    body = EMPTY
    if isinstance(written, str):
        body = f'<p class="wrong" role="alert">{escape(written)}</p>'
    elif written.text.strip():
        label = 'tabindex="0" role="group" aria-label="Your manuscript, with who wrote what"'
        body = f'{key(written)}<div class="text" {label}>{"".join(paragraphs(written))}</div>'
        body += f'<p class="quiet">{ABOUT}</p>'
    return f'<details class="hands" data-key="hands" open>{HEAD}{body}</div></details>'


def key(written: Written) -> str:
    """Return the three marks, each with its share of the words."""
    share = shares(written)
    rows = "".join(f"<li>{marked(hand, 'Words')} <b>{share[hand]} %</b> {CALLED[hand]}</li>" for hand in HANDS)
    return f'<ul class="shares" aria-label="Share of the words">{rows}</ul>'


def paragraphs(written: Written) -> Iterator[str]:
    """Yield the paragraphs as written, each stretch of them marked."""
    open_ = ""
    for hand, text in joined(stretches(written)):
        first, *rest = BLANK.split(text)
        open_ += marked(hand, first)
        for part in rest:
            yield from _paragraph(open_)
            open_ = marked(hand, part)
    yield from _paragraph(open_)


def _paragraph(html: str) -> Iterator[str]:
    if html:
        yield f'<p dir="auto">{html}</p>'


def marked(hand: str, text: str) -> str:
    """Return words with the mark of their hand; what only parts words has none."""
    if not text:
        return ""
    if hand == MINE or not text.strip():
        return escape(text)
    lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    said = f'<span class="unseen">{CALLED[hand]}: </span>'
    end = '<span class="unseen"> (end)</span>'
    return f'{lead}<span class="by {KINDS[hand]}">{said}{escape(text.strip())}{end}</span>{trail}'


def joined(found: list[Stretch]) -> list[Stretch]:
    """Return the stretches without those that hold no word, which go with the one before them."""
    rows = list[Stretch]()
    for one in found:
        if rows and (rows[-1].hand == one.hand or not WORD.search(one.text)):
            rows[-1] = Stretch(rows[-1].hand, rows[-1].text + one.text)
        else:
            rows.append(one)
    return rows
