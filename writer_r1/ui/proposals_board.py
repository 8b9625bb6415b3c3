"""What a round, or a version, would change in the manuscript -> HTML to go through change by change. Pure.

Drawn once for each comparison: what its reader decides is shown by the page's script (`proposals_board.js`), which
waits for no server.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

from writer_r1.differences import Change
from writer_r1.proposals import Proposal
from writer_r1.ui.prose import marked, plural

OPEN = '<p class="marked" dir="auto">'
KEPT = '<span class="kept" title="You protected this">'
BLANK = re.compile(r"(?:\r?\n[^\S\n]*){2,}")  # between paragraphs
SPOKEN = 60  # characters of a change that are read out with its number
NOTHING = "No changes in this one: your manuscript already holds the same words."
ELSEWHERE = "None of its changes can be put into your manuscript, where other words stand by now."
PROMISE = "Your manuscript stays as it is until you put the changes there. What you leave open is left alone."
REWRITTEN = "Rewritten: more than half of the words are new, so whole paragraphs stand side by side."
CHANGED = "The text changed since this was compared with it, so nothing is put there."
KEYS = {"accept": ("Accept", "A"), "reject": ("Reject", "R"), "edit": ("Edit …", "E")}


class Compared(NamedTuple):
    """A round or a version held against the manuscript, or against another version.

    `key` tells whether another comparison is the same: texts and changes; `left_out` counts changes that have no place
    in the manuscript any more.
    """

    title: str
    key: str
    manuscript: str
    found: tuple[Proposal, ...]
    rewritten: bool = False
    spans: tuple[tuple[int, int], ...] = ()  # of the manuscript, protected
    left_out: int = 0


def review(compared: Compared) -> str:
    """Return the section in which a round is reviewed."""
    count = len(compared.found)
    title = f"Changes of {escape(compared.title)}"
    close = '<button type="button" data-do="close">Close</button>'
    head = f'<header><h2 id="review-title">{title}</h2>{close}</header>'
    if not count:
        nothing = ELSEWHERE if compared.left_out else NOTHING
        return f'<section class="review" aria-labelledby="review-title">{head}<p class="quiet">{nothing}</p></section>'
    again = '<button type="button" data-do="again">Compare again</button>'
    moved = f'<p class="moved" role="alert" hidden>{CHANGED} {again}</p>'
    body = f'<div class="review-body">{text(compared)}{panel(count)}</div>'
    lost = ""
    if compared.left_out:
        lost = f"{plural(compared.left_out, 'more change')} of it: other words stand there by now, so not shown here."
        lost = f'<p class="quiet lost">{lost}</p>'
    return (
        f'<section class="review" aria-labelledby="review-title">{head}<p class="quiet promise">{PROMISE}</p>'
        f"{lost}{moved}{body}</section>"
    )


def changes(compared: Compared) -> list[dict[str, Any]]:
    """Return what the page's script must know of each change."""
    return [
        {
            "id": p.id,
            "old": p.old,
            "new": p.new,
            "criterion": p.asked.criterion if p.asked else "",
            "reason": p.asked.reason if p.asked else "",
            "protected": p.protected,
        }
        for p in compared.found
    ]


def text(compared: Compared) -> str:
    """Return the manuscript with every change in its place, or paragraph beside paragraph where it was rewritten."""
    label = f'role="group" aria-label="Your manuscript with the changes of {escape(compared.title)}"'
    if compared.rewritten:
        heads = f'<p class="side">Your manuscript</p><p class="side">{escape(compared.title)}</p>'
        rows = "".join(_rows(compared))
        heads = f'<div class="pair heads" aria-hidden="true">{heads}</div>'
        return f'<div class="proposed pairs" {label}><p class="rewritten">{REWRITTEN}</p>{heads}{rows}</div>'
    return f'<div class="proposed" {label}>{OPEN}{"".join(_inline(compared))}</p></div>'


def _inline(compared: Compared) -> Iterator[str]:
    at = 0
    for n, one in enumerate(compared.found):
        yield _same(compared, at, one.start)
        gone = marked(Change("delete", one.old)) if one.old else ""
        come = marked(Change("insert", one.new)) if one.new else ""
        yield f"<span {_named(compared, n)}>{gone}{come}</span>"
        at = one.end
    yield _same(compared, at, len(compared.manuscript))


def _same(compared: Compared, start: int, end: int) -> str:
    """Return words that stay, each paragraph of its own: one that held all would be laid out anew at each decision."""
    parts, at = list[str](), start
    for one in compared.spans:
        first, last = max(one[0], at), min(one[1], end)
        if first < last:
            words = BLANK.sub(f"</span></p>{OPEN}{KEPT}", escape(compared.manuscript[first:last]))
            parts += [BLANK.sub(f"</p>{OPEN}", escape(compared.manuscript[at:first])), KEPT, words, "</span>"]
            at = last
    return "".join([*parts, BLANK.sub(f"</p>{OPEN}", escape(compared.manuscript[at:end]))])


def _rows(compared: Compared) -> Iterator[str]:
    at = 0
    for n, one in enumerate(compared.found):
        if (same := compared.manuscript[at : one.start]).strip():
            yield f'<div class="pair alike"><p dir="auto">{escape(same.strip())}</p></div>'
        gone = f'<p dir="auto"><del>{escape(one.old.strip())}</del></p>'
        come = f'<p dir="auto"><ins>{escape(one.new.strip())}</ins></p>'
        yield f"<div {_named(compared, n, ' pair')}>{gone}{come}</div>"
        at = one.end
    if (same := compared.manuscript[at:]).strip():
        yield f'<div class="pair alike"><p dir="auto">{escape(same.strip())}</p></div>'


def _named(compared: Compared, n: int, kind: str = "") -> str:
    """Return the attributes of a change; one of them at a time can be reached with Tab, the keys J and K go on."""
    one = compared.found[n]
    by = f", {one.asked.criterion}" if one.asked else ""
    by += ", touches a protected passage" if one.protected else ""
    said = f"Change {n + 1} of {len(compared.found)}{by}: {_spoken(one)}"
    kind += " protected" if one.protected else ""
    reach = f'role="group" tabindex="{-1 if n else 0}" aria-label="{escape(said)}"'
    return f'class="proposal{kind}" data-n="{n}" {reach}'


def _spoken(one: Proposal) -> str:
    old, new = (_short(words) for words in (one.old, one.new))
    if not old or not new:
        return f"take out {old}" if old else f"put in {new}"
    return f"{old} becomes {new}"


def _short(words: str) -> str:
    line = " ".join(words.split())
    if not line:
        return ("a line break" if "\n" in words else "a space") if words else ""
    return f"“{line if len(line) <= SPOKEN else line[: SPOKEN - 1].rstrip() + '…'}”"


def panel(count: int) -> str:
    """Return what can be done with the change the reader stands on, and with all of them."""
    choose = "".join(
        f'<button type="button" data-do="{verdict}" aria-keyshortcuts="{key}" title="{words} ({key})">{words}</button>'
        for verdict, (words, key) in KEYS.items()
    )
    step = (
        '<button type="button" data-do="previous" aria-keyshortcuts="K" title="Previous change (K)" '
        'aria-label="Previous change">‹</button>'
        f'<span class="progress"><b class="which">Change 1 of {count}</b> '
        f'<span class="reviewed">0 of {count} reviewed</span></span>'
        '<button type="button" data-do="next" aria-keyshortcuts="J" title="Next change (J)" '
        'aria-label="Next change">›</button>'
    )
    this = (
        f'<div class="this" role="group" aria-label="This change"><p class="step">{step}</p>'
        '<p class="asked-by" dir="auto"><b class="criterion-tag"></b> <span class="reason"></span></p>'
        f'<p class="choose">{choose}</p></div>'
    )
    whole = (
        '<div class="whole" role="group" aria-label="All changes"><p>'
        '<button type="button" data-do="accept-all" title="Those not reviewed yet">Accept all</button>'
        '<button type="button" data-do="reject-all" title="Those not reviewed yet">Reject all</button>'
        '<button type="button" data-do="undo" disabled>Undo</button></p>'
        '<p><button type="button" class="main" data-do="put" disabled>Put into my manuscript</button>'
        '<button type="button" data-do="accept-alike" aria-keyshortcuts="Shift+A" title="Shift+A" hidden></button></p>'
        "</div>"
    )
    return f'<div class="side-panel">{this}{whole}</div>'


def taken_whole(title: str, left_out: int, where: str = "your manuscript") -> str:
    """Return what was done once a round stands there, but for what alters a protected passage."""
    if not left_out:
        return f"{title} is {where} now. What stood there is kept."
    which = "1 change that touches" if left_out == 1 else f"{left_out} changes that touch"
    return f"{title} is {where} now, without {which} what you protected. What stood there is kept."


def taken(title: str, taken_over: int, count: int, left: int, refused: int = 0) -> str:
    """Return what was done, and the way back, once changes stand in the manuscript."""
    head = "All reviewed" if not left else f"{plural(left, 'change')} left to review"
    if not taken_over:
        told = f"{plural(count, 'change')} of {escape(title)} rejected. Your manuscript is as it was."
        return _done(head, told, '<button type="button" data-do="close">Close</button>')
    told = f"{taken_over} of {plural(count, 'change')} of {escape(title)} {'is' if taken_over == 1 else 'are'} in your "
    told += "manuscript now. What stood there before is kept."
    told += f" {plural(refused, 'change')} left out, to keep what you protected as it stands." if refused else ""
    more = '<button type="button" data-do="again">Review the rest</button>' if left else ""
    back = '<button type="button" data-do="back">Take them out again</button>'
    close = '<button type="button" data-do="close">Close</button>'
    return _done(head, told, more + back + close)


def _done(head: str, told: str, buttons: str) -> str:
    return (
        f'<section class="review" aria-labelledby="review-title"><h2 id="review-title" tabindex="-1">{head}</h2>'
        f'<p class="done">{told}</p><p class="choose">{buttons}</p></section>'
    )
