"""A run -> one HTML file to print or send on: request, criteria, every round with its text, scores and their reasons.

The file needs nothing but itself and asks for nothing; it has no script. Pure; knows no gradio.
"""

from datetime import datetime
from html import escape
from pathlib import Path

from writer_r1.checks import word_count
from writer_r1.trajectory import Advice, Attempt, Criterion, Rubric, Score
from writer_r1.ui.own_scores import yours
from writer_r1.ui.prose import chip, plural, prose
from writer_r1.ui.radar import radar_of
from writer_r1.ui.scores import GUIDE, bar, score_of, ten
from writer_r1.ui.trust import HONEST, label, meaning
from writer_r1.ui.view import View, own_of, phase_of, reason_of, title, wearing

STYLE = Path(__file__).with_name("report.css")
CLOSED = "default-src 'none'; style-src 'unsafe-inline'"  # whatever stood in a text, a browser would not fetch it
FEW_WORDS = 0.005  # a range narrower than this is none


def report(view: View, name: str, begun: float, *, shares: str = "", picture: bool = False) -> str:
    """Return the critique report of a run of the piece of this name; `begun` is in seconds since the epoch.

    `shares` says who wrote what of the manuscript as it is now; `picture` adds the scores as a radar.
    """
    rubric, attempts = view.now.rubric, [a for a in view.now.attempts if a.text]
    parts = [
        _head(view, name, begun, shares),
        _criteria(rubric) if rubric else "<p>No criteria were found.</p>",
        _overview(view, rubric, attempts) if rubric and len(attempts) > 1 else "",
        radar_of(view, rubric, attempts) if rubric and picture else "",
        *(_round(view, rubric, attempt) for attempt in attempts),
        f'<footer><p>{HONEST}</p><p class="quiet">Made by Writer-R1 Studio on the machine of its writer.</p></footer>',
    ]
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{CLOSED}">'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(name)}: critique report</title><style>{STYLE.read_text('utf-8')}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def _head(view: View, name: str, begun: float, shares: str) -> str:
    moment = datetime.fromtimestamp(begun)
    worn = f", wearing {escape(wearing(view))}" if view.adapter else ""
    models = f"Written by {escape(view.model)}{worn}, judged by {escape(view.judge)}" if view.model else ""
    models += f", criteria by {escape(view.analyst)}" if view.analyst else ""
    models += f", advice by {escape(view.critic)}" if view.critic else ""
    facts = " · ".join(part for part in (f"{moment.day} {moment:%B %Y}", models, escape(phase_of(view))) if part)
    judges = [a.evaluation.judge for a in view.now.attempts if a.evaluation]
    words = dict.fromkeys((label(judge).capitalize(), meaning(judge)) for judge in judges)
    trusted = "".join(f"<p><b>{word}.</b> {escape(means)}</p>" for word, means in words)
    return (
        f'<header><p class="kind">Critique report</p><h1 dir="auto">{escape(name)}</h1><p class="quiet">{facts}</p>'
        f'<h2>What was asked for</h2><div class="request">{prose(view.now.prompt)}</div>'
        f"{f'<h2>How far to trust the scores</h2>{trusted}' if trusted else ''}"
        f"{f'<h2>The manuscript as it is now</h2><p>{escape(shares)}</p>' if shares else ''}</header>"
    )


def _criteria(rubric: Rubric) -> str:
    rows = "".join(
        f'<li><b dir="auto">{escape(c.name)}</b>{_marks(c)} <span dir="auto">{escape(c.description)}</span></li>'
        for c in rubric.criteria
    )
    return f'<section><h2>What it is judged by</h2><ol class="criteria">{rows}</ol></section>'


def _marks(criterion: Criterion) -> str:
    told = [f"×{criterion.weight:g}"] if criterion.weight != 1 else []
    told += ["measured"] if criterion.kind == "measured" else []
    told += ["locked"] if criterion.locked else []
    return f' <span class="quiet">({", ".join(told)})</span>' if told else ""


def _overview(view: View, rubric: Rubric, attempts: list[Attempt]) -> str:
    """Return the scores of every round side by side."""
    heads = "".join(f'<th scope="col">{_called(view, a)}</th>' for a in attempts)
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{escape(c.name)}</th>'
        f"{''.join(f'<td>{ten(_value(score_of(a, c)))}</td>' for a in attempts)}</tr>"
        for c in rubric.criteria
    )
    means = "".join(f"<td>{ten(a.evaluation.reward if a.evaluation else None)}</td>" for a in attempts)
    overall = f'<tr class="overall"><th scope="row">Overall, {GUIDE}</th>{means}</tr>'
    table = f"<thead><tr><th></th>{heads}</tr></thead><tbody>{rows}{overall}</tbody>"
    table = f"<table><caption>From 1 to 10</caption>{table}</table>"
    wide = '<div class="wide" role="region" aria-label="Scores side by side" tabindex="0">'  # on a phone it may scroll
    return f"<section><h2>Side by side</h2>{wide}{table}</div></section>"


def _called(view: View, attempt: Attempt) -> str:
    return title(attempt) + (" (best)" if attempt.number == view.now.best else "")


def _value(score: Score | None) -> float | None:
    return score.value if score else None


def _round(view: View, rubric: Rubric | None, attempt: Attempt) -> str:
    given = attempt.evaluation
    faults = "".join(map(chip, attempt.faults))
    state = "" if attempt.complete else "unfinished · "
    facts = f'<p class="quiet">{state}{plural(word_count(attempt.text), "word")} {faults}</p>'
    if attempt.aside:
        facts += f'<p class="quiet" dir="auto">Said before the piece, and left out: “{escape(attempt.aside)}”</p>'
    kept = "" if attempt.accepted is None else "Accepted: " if attempt.accepted else "Not accepted: "
    why = f'<p class="quiet" dir="auto">{kept}{escape(reason_of(attempt))}</p>' if attempt.parent and kept else ""
    mean = ""
    if given is not None:
        mean = f'<p class="mean"><b>{ten(given.reward)}</b> of 10 overall, {GUIDE} · {label(given.judge)}</p>'
    own = own_of(view, attempt)
    rows = "".join(_score(c, score_of(attempt, c), own.get(c.id)) for c in rubric.criteria) if rubric else ""
    notes = "".join(f'<li dir="auto">{escape(note.reason)}</li>' for note in given.notes) if given else ""
    measured = f'<h3>Measured without a model</h3><ul class="notes">{notes}</ul>' if notes else ""
    return (
        f'<section class="round"><h2>{_called(view, attempt)}</h2>{facts}{why}{_asked(rubric, attempt)}'
        f'<article class="text">{prose(attempt.text)}</article>{mean}<ul class="scores">{rows}</ul>{measured}</section>'
    )


def _score(criterion: Criterion, score: Score | None, own: int | None) -> str:
    """Return one criterion's score as a bar, in numbers with the judge's range, and what it rests on."""
    said = [yours(own)] if own is not None else []
    if score and None not in (score.low, score.high) and (score.high or 0) - (score.low or 0) > FEW_WORDS:
        said.insert(0, f"the judge's range {ten(score.low)} to {ten(score.high)}")
    elif _value(score) is None:
        said.insert(0, "not scored")
    beside = f'<p class="quiet">{" · ".join(said)}</p>' if said else ""
    reason = f'<p dir="auto">{escape(score.reason)}</p>' if score and score.reason else ""
    return f"<li>{bar(criterion, score, label=True, own=own)}{beside}{reason}{_quote(score)}</li>"


def _quote(part: Score | Advice | None) -> str:
    if part is None or not part.quote:
        return ""
    missing = "" if part.quote_found else ' <span class="quiet">(not found in the text)</span>'
    return f'<blockquote dir="auto">“{escape(part.quote)}”{missing}</blockquote>'


def _asked(rubric: Rubric | None, attempt: Attempt) -> str:
    """Return what the reviser was asked to change."""
    if attempt.reflection is None or not attempt.reflection.advice:
        return ""
    names = {c.id: c.name for c in rubric.criteria} if rubric else {}
    rows = "".join(
        f'<li dir="auto"><b>{escape(names.get(a.criterion_id, ""))}</b> {escape(a.edit)}{_quote(a)}</li>'
        for a in attempt.reflection.advice
    )
    return f'<h3>What this round was asked to change</h3><ul class="notes">{rows}</ul>'
