"""Evaluation -> HTML of what its scores rest on: what was measured, and what readers are expected to say. Pure."""

from html import escape

from writer_r1.calibration import unfitted
from writer_r1.checks.notes import GOOD
from writer_r1.qualification import PLAIN
from writer_r1.trajectory import Attempt, Evaluation, Note
from writer_r1.ui.scores import details, ten

READERS = "What readers are expected to say of the whole text, by a fit to people's ratings of stories:"
UNFITTED = (
    "What readers are expected to say of the whole text, by what can be measured without this judge, for it was never "
    "compared with real readers:"
)
MEASURED = "Measured without a model:"


def noted(attempt: Attempt | None) -> str:
    """Return in a line what was measured of a text, the worst first: "repeats itself · on topic · complete"."""
    found = attempt.evaluation.notes if attempt and attempt.evaluation else ()
    words = " · ".join(_word(note) for note in found)
    return f'<p class="noted">{words}</p>' if words else ""


def _word(note: Note) -> str:
    """Return two words; what is wrong is marked by more than colour."""
    said = escape(note.said)
    return said if note.value >= GOOD else f"<b>{said}</b>"


def rests_on(attempt: Attempt) -> str:
    """Return what the scores of a text rest on, folded away."""
    evaluation = attempt.evaluation
    if evaluation is None or not (evaluation.notes or evaluation.readers):
        return ""
    return details(f"rests-{attempt.number}", "What this rests on", _readers(evaluation) + _measured(evaluation))


def _readers(evaluation: Evaluation) -> str:
    rows = "".join(
        f'<li class="bar"><span class="name">{escape(name.capitalize())}</span>'
        f'<span class="track" role="img" aria-label="{escape(name)}: {ten(value)} of 10">'
        f'<i class="fill" style="width:{max(value, 0.02):.1%}"></i></span><span class="value">{ten(value)}</span></li>'
        for name, value in ((PLAIN.get(aspect, aspect), value) for aspect, value in evaluation.readers.items())
    )
    told = UNFITTED if unfitted(evaluation.judge.calibration) else READERS
    return f'<p class="quiet">{told}</p><ul class="plain readers">{rows}</ul>' if rows else ""


def _measured(evaluation: Evaluation) -> str:
    rows = "".join(f'<li dir="auto">{escape(note.reason)}{_quote(note)}</li>' for note in evaluation.notes)
    return f'<p class="quiet">{MEASURED}</p><ul class="plain measured">{rows}</ul>' if rows else ""


def _quote(note: Note) -> str:
    if note.quote is None or note.quote in note.reason:
        return ""
    return f'<blockquote dir="auto">“{escape(note.quote)}”</blockquote>'
