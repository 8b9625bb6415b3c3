"""Rubrics -> HTML of what the criteria board asks and offers: its buttons, its dialogs, rubrics saved before. Pure."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from writer_r1.facts import VOICE_WORDS, voice_of
from writer_r1.rubric_edits import LONGEST_SAMPLE
from writer_r1.store import SavedRubric
from writer_r1.trajectory import MAX_CRITERIA, Criterion, Rubric, digest
from writer_r1.ui.scores import details

MOST_OFFERS = 3
EXCERPT = 90  # characters of the request a rubric was saved for

_CANCEL = '<button type="button" data-close>Cancel</button>'
_REFUSAL = '<p class="refusal wrong" role="alert" hidden></p>'
_WORDING = (
    '<label>Name<input name="name" maxlength="80" required autocomplete="off"></label>'
    "<label>What should the text do? One sentence."
    '<textarea name="description" maxlength="600" rows="4" required></textarea></label>'
)


class Stock(NamedTuple):
    """What the library has for the board of a piece; suggestions are saved rubrics with their likeness."""

    saved: Sequence[SavedRubric] = ()
    suggestions: Sequence[tuple[SavedRubric, float]] = ()
    dismissed: Sequence[Criterion] = ()


def button(label: str, wish: str, *, key: str, off: bool = False, tip: str = "") -> str:
    """Return a button with the attributes `wish`, which say what it asks for; `label` and `wish` are HTML."""
    closed = " disabled" if off else ""
    tip = f' title="{escape(tip)}"' if tip else ""
    return f'<button type="button" {wish} data-key="{escape(key)}"{tip}{closed}>{label}</button>'


def opening(dialog: str, fill: Mapping[str, str]) -> str:
    """Return the attributes of a button that opens a dialog with its fields filled in."""
    return f'data-dialog="{dialog}" data-fill="{escape(json.dumps(dict(fill), ensure_ascii=False))}"'


def voice_opening(current: Rubric | None) -> str:
    """Return the attributes of a button that opens the sample of the user's voice, as it is."""
    return opening("voice", {"sample": voice_of(current.criteria if current else ())})


def offers(suggestions: Sequence[tuple[SavedRubric, float]], current: Rubric | None) -> str:
    """Return the saved rubrics that may fit this request and are not the present one."""
    names = {c.id for c in current.criteria} if current else set()
    fresh = [s for s, _ in suggestions if not {c.id for c in s.rubric.criteria} <= names][:MOST_OFFERS]
    return "".join(
        '<p class="offer"><span>Criteria you saved for a similar piece: '
        f'<b dir="auto">‘{escape(s.name)}’</b> ({len(s.rubric.criteria)})</span> {_taking(s, current)}</p>'
        for s in fresh
    )


def _taking(saved: SavedRubric, current: Rubric | None) -> str:
    """Return the buttons that take a saved rubric over."""
    name = escape(f"‘{saved.name}’")
    use = f'data-act="use" data-rubric="{escape(saved.id)}" aria-label="Use {name}"'
    merge = f'data-act="merge" data-rubric="{escape(saved.id)}" aria-label="Merge {name}"'
    taken = button("Use", use, key=f"use:{saved.id}", tip=_USE[current is None])
    return taken + (button("Merge", merge, key=f"merge:{saved.id}", tip=_MERGE) if current else "")


_USE = {True: "Start with these criteria", False: "These take the place of all but your own and locked criteria"}
_MERGE = "Adds those you do not have yet"


def dismissals(dismissed: Sequence[Criterion]) -> str:
    """Return what the user said is not for this piece, folded away, each with a way back."""
    rows = "".join(
        f'<li><b dir="auto">{escape(c.name)}</b><p dir="auto">{escape(c.description)}</p>{_way_back(c)}</li>'
        for c in dismissed
    )
    summary = f"Not for this piece ({len(dismissed)})"
    return details("dismissed", summary, f'<ul class="plain">{rows}</ul>') if rows else ""


def _way_back(criterion: Criterion) -> str:
    wish = f'{readmitting(criterion, MAX_CRITERIA)} aria-label="Bring back {escape(criterion.name)}"'
    return button("Bring back", wish, key=f"back:{criterion.id}", tip="It stands last then, and may be proposed again")


def readmitting(criterion: Criterion, at: int) -> str:
    """Return the attributes of a button that puts a criterion back at this place."""
    return f'data-act="undelete" data-criterion="{escape(criterion.model_dump_json())}" data-at="{at}"'


def dialogs(current: Rubric | None, saved: Sequence[SavedRubric]) -> str:
    """Return the dialogs as templates, for `board.js` to open."""
    add = _form("add", "Add a criterion", _WORDING + _WEIGHT, "Add")
    edit = _form("edit", "Edit this criterion", '<input type="hidden" name="id">' + _WORDING + _JUDGED_ANEW, "Save")
    voice = _form("voice", "Your voice", _SAMPLE, "Use it")
    save = _form("save", "Save these criteria", _SAVE_AS, "Save") if current else ""
    body = add + edit + voice + save + _library(saved, current)
    # An update patches elements of one name in place but not what lies in a template, so other templates must lie in
    # an element of another name.
    wrap = f"dialogs-{digest(body)}"
    return f"<{wrap}>{body}</{wrap}>"


_WEIGHT = (
    '<label>Weight<select name="weight"><option value="0.5">×0.5</option><option value="1" selected>×1</option>'
    '<option value="2">×2</option><option value="3">×3</option></select></label>'
)
_JUDGED_ANEW = '<p class="quiet">What is written already is judged again with the new words.</p>'
_SAMPLE = (
    "<label>A page of your own, about anything"
    f'<textarea name="sample" maxlength="{LONGEST_SAMPLE}" rows="12"></textarea></label>'
    f'<p class="quiet">At least {VOICE_WORDS} words, better a few hundred. Drafts are asked for in its manner, and '
    "measured against it: how long your sentences are, your small words, your commas and dashes. Only the "
    "model that writes is given it. Clear the box to stop using it.</p>"
)
_SAVE_AS = (
    '<label>Name<input name="name" maxlength="80" required autocomplete="off"></label>'
    '<p class="quiet">They can then be used for other pieces. Under a name used before, they replace what was '
    "saved there.</p>"
)


def _form(act: str, heading: str, fields: str, submit: str) -> str:
    foot = f'<footer>{_CANCEL}<button type="submit" class="main">{submit}</button></footer>'
    form = f'<form data-act="{act}" data-answered><h2>{heading}</h2>{fields}{_REFUSAL}{foot}</form>'
    return f'<template data-dialog="{act}">{form}</template>'


def _library(saved: Sequence[SavedRubric], current: Rubric | None) -> str:
    rows = "".join(_kept(s, current) for s in saved)
    rows = (
        f'<ul class="plain kept">{rows}</ul>'
        if rows
        else ('<p class="quiet">Nothing is saved yet. “Save…” keeps the criteria of a piece for others.</p>')
    )
    foot = '<footer><button type="button" data-close>Close</button></footer>'
    return f'<template data-dialog="library"><h2>Saved criteria</h2>{rows}{foot}</template>'


def _kept(saved: SavedRubric, current: Rubric | None) -> str:
    """Return a saved rubric; forgetting it takes two steps."""
    request = " ".join(saved.prompt.split())
    request = request if len(request) <= EXCERPT else request[: EXCERPT - 1].rstrip() + "…"
    names = ", ".join(c.name for c in saved.rubric.criteria)
    wish = f'data-act="forget" data-rubric="{escape(saved.id)}" class="danger"'
    forget = button("Forget for good", wish, key=f"forget:{saved.id}")
    return (
        f'<li><b dir="auto">{escape(saved.name)}</b> <span class="quiet">{len(saved.rubric.criteria)}</span>'
        f'<p class="quiet" dir="auto">{escape(request)}</p><p dir="auto">{escape(names)}</p>'
        f'<div class="tools">{_taking(saved, current)}<details><summary>Forget</summary>{forget}</details></div></li>'
    )
