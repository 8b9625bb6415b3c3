"""The runs of a home -> their cards, as HTML. Pure; knows no gradio."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

from writer_r1.training.report import HEADLINE, Report
from writer_r1.ui.curves import Points, figure, spark
from writer_r1.ui.run_board import DOING, GOAL
from writer_r1.ui.run_overlay import MOST

Sparks = Mapping[str, Points]


def run_list(found: Sequence[Report], opened: str, sparks: Sparks, picked: Collection[str] = ()) -> str:
    """Return the runs of the home as a list of cards, the newest first; those `picked` are laid over each other."""
    if not found:
        return '<p class="none quiet">No runs yet. The sample set and “Quick try” take about ten minutes.</p>'
    several, full = sum(r.config is not None for r in found) > 1, len(picked) >= MOST
    rows = ""
    for one in found:
        choice = _pick(escape(one.name), escape(one.title), one.name in picked, full=full) if several else ""
        rows += _card(one, opened, sparks, choice)
    return f'<ul class="plain runs" role="list">{rows}</ul>'


def _card(report: Report, opened: str, sparks: Sparks, choice: str) -> str:
    name, title, config = escape(report.name), escape(report.title), report.config
    here = ' aria-current="true"' if report.name == opened else ""
    if config is None:
        state, more = "Cannot be read", f'<p class="state">{escape(report.fault)}</p>'
    else:
        state = DOING[report.status.state].partition(":")[0]
        came = f" · {figure(report.headline[0])} → {figure(report.headline[1])}" if report.headline else ""
        what = HEADLINE[config.kind][1] + came if came else f"step {report.step} of {config.steps}"
        more = f'<p class="state">{GOAL[config.kind]} · {what}</p>{_noted(report.note.note)}'
        more += spark(sparks.get(report.name, ())) + choice
    return (
        f'<li{here}><div><button type="button" class="link" data-act="open" data-name="{name}" data-key="open-{name}" '
        f'dir="auto">{title}</button><span class="mark {"" if config else "failed"}">{state}</span></div>{more}</li>'
    )


def _noted(note: str) -> str:
    """Return the first line of a note; the open run shows all of it."""
    if not note:
        return ""
    line = note.partition("\n")[0][:160]
    return f'<p class="noted" dir="auto">{escape(line)}{" …" if line != note else ""}</p>'


def _pick(name: str, title: str, picked: bool, *, full: bool) -> str:
    pressed, value = ("true", "false") if picked else ("false", "true")
    off = " disabled" if full and not picked else ""
    return (
        f'<button type="button" class="pick" data-act="pick" data-name="{name}" data-value="{value}"'
        f' data-key="pick-{name}" aria-pressed="{pressed}"{off} aria-label="Curves of {title} over others">'
        "Curves over others</button>"
    )
