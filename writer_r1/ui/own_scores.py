"""The writer's own scores -> HTML: a mark on the judge's bar with its words, and the choice that gives one. Pure."""

from html import escape

from writer_r1.trajectory import Attempt, Criterion
from writer_r1.ui.view import title

SCORES = range(1, 11)
MARK = '<i class="own" aria-hidden="true"></i>'


def on_track(own: int | None) -> str:
    """Return the mark of the writer's own score, at its place on a bar."""
    return "" if own is None else f'<i class="own" style="left:{(own - 1) / 9:.1%}"></i>'


def yours(own: int | None) -> str:
    """Return the writer's own score in words, led by its mark."""
    return "" if own is None else f'<span class="yours">{MARK}yours {own}</span>'


def choice(run_id: str, attempt: Attempt, criterion: Criterion, own: int | None, *, closed: str = "") -> str:
    """Return the choice of a score of one's own for a text; `closed` holds the attributes of one that is not open."""
    options = "".join(
        f'<option value="{value or ""}"{" selected" if value == own else ""}>{value or "–"}</option>'
        for value in (None, *SCORES)
    )
    wish = f'data-act="own" data-run="{escape(run_id)}" data-attempt="{attempt.number}" data-id="{criterion.id}"'
    named = f'aria-label="Your score: {escape(criterion.name)}, {title(attempt)}"'
    select = f'<select {wish} data-key="own:{criterion.id}" name="value" {named}{closed}>{options}</select>'
    return f'<label class="give">Your score {select}</label>'
