"""The runs of a home -> their cards, as HTML. Pure; knows no gradio."""

from collections.abc import Mapping, Sequence
from html import escape

from writer_r1.training.report import HEADLINE, Report
from writer_r1.ui.curves import figure, spark
from writer_r1.ui.run_board import DOING, GOAL


def run_list(found: Sequence[Report], opened: str, sparks: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return the runs of the home as a list of cards, the newest first."""
    if not found:
        return '<p class="none quiet">No runs yet. The sample set and “Quick try” take about ten minutes.</p>'
    return f'<ul class="plain runs" role="list">{"".join(_card(r, opened, sparks) for r in found)}</ul>'


def _card(report: Report, opened: str, sparks: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    name, config = escape(report.name), report.config
    here = ' aria-current="true"' if report.name == opened else ""
    if config is None:
        state, more = "Cannot be read", f'<p class="state">{escape(report.fault)}</p>'
    else:
        state = DOING[report.status.state].partition(":")[0]
        came = f" · {figure(report.headline[0])} → {figure(report.headline[1])}" if report.headline else ""
        what = HEADLINE[config.kind][1] + came if came else f"step {report.step} of {config.steps}"
        more = f'<p class="state">{GOAL[config.kind]} · {what}</p>{spark(sparks.get(report.name, ()))}'
    return (
        f'<li{here}><div><button type="button" class="link" data-act="open" data-name="{name}" data-key="open-{name}" '
        f'dir="auto">{name}</button><span class="mark {"" if config else "failed"}">{state}</span></div>{more}</li>'
    )
