"""Scores -> HTML: bars with their value in words, reasons folded away, changes between two texts. Pure."""

from html import escape

from writer_r1.trajectory import Attempt, Criterion, JudgeInfo, Score
from writer_r1.ui.own_scores import on_track
from writer_r1.ui.trust import label, meaning

GUIDE = "a guide, not a verdict"
SAME = "No clear difference"
ASK = '<p class="ask quiet">No reason yet. <button type="button" data-act="why">Ask why</button></p>'
UNSEEN = '<span class="unseen">{}</span>'


def guide(judge: JudgeInfo | None) -> str:
    """Return what stands beside every overall score: what to take it for, and how far its judge can be trusted."""
    if judge is None:
        return f'<span class="guide">{GUIDE}</span>'
    means = escape(meaning(judge))
    word = f'{label(judge)}<span class="unseen">. {means}</span>'
    return f'<span class="guide">{GUIDE} · <span class="trust" title="{means}">{word}</span></span>'


def score_of(attempt: Attempt | None, criterion: Criterion) -> Score | None:
    """Return the score of this criterion, or None where there is none yet."""
    return next((s for s in attempt.scores if s.criterion_id == criterion.id), None) if attempt else None


def bar(criterion: Criterion, score: Score | None, label: bool = False, own: int | None = None) -> str:
    """Return a horizontal bar with its value in words, the judge's range a thin line, one's own score a mark on it."""
    value = score.value if score else None
    name = f'<span class="name" dir="auto">{escape(criterion.name)}</span>' if label else ""
    said = f"{criterion.name}: {ten(value)} of 10" if value is not None else f"{criterion.name}: not scored"
    fill = span = ""
    if score is not None and value is not None:
        fill = f'<i class="fill" style="width:{max(value, 0.02):.1%}"></i>'
        if score.low is not None and score.high is not None and score.high - score.low > 0.005:
            span = f'<i class="range" style="left:{score.low:.1%};width:{score.high - score.low:.1%}"></i>'
            said += f", the judge's range {ten(score.low)} to {ten(score.high)}"
    image = f'<span class="track" role="img" aria-label="{escape(said)}">{fill}{span}{on_track(own)}</span>'
    return f'<div class="bar">{name}{image}<span class="value">{ten(value)}</span></div>'


def because(criterion: Criterion, score: Score | None, choice: str) -> str:
    """Return the reason, the words of the draft it rests on and the choice of a score of one's own, folded away."""
    key = f"why-{criterion.id}"
    if score is None or not (score.reason or score.quote):
        return details(key, "Yours", choice) if choice else ""
    why = _reason(score) + _quotation(score)
    return details(key, "Why" if score.value is not None else "Not scored: why", why + choice)


def told_why(score: Score) -> str:
    """Return the reason of a score, and its quote as a button that shows the words in the text; or a way to ask why."""
    if score.value is not None and not score.reason and not score.quote:
        return ASK
    if not score.quote or not score.quote_found:
        return _reason(score) + _quotation(score)
    shows = f'data-quote="{escape(score.quote)}" title="Show these words in the text"'
    return f'{_reason(score)}<button type="button" class="quote" dir="auto" {shows}>“{escape(score.quote)}”</button>'


def _reason(score: Score) -> str:
    return f'<p dir="auto">{escape(score.reason)}</p>' if score.reason else ""


def _quotation(score: Score) -> str:
    if not score.quote:
        return ""
    found = "" if score.quote_found else ' <span class="quiet">(not found in the text)</span>'
    return f'<blockquote dir="auto">“{escape(score.quote)}”{found}</blockquote>'


def details(key: str, summary: str, body: str) -> str:
    """Return a part that opens; `key` lets the page keep it open while its content changes."""
    return f'<details data-key="{escape(key)}"><summary>{escape(summary)}</summary>{body}</details>'


def overall(attempt: Attempt | None) -> str:
    """Return the weighted mean of a text, small."""
    if attempt is None or attempt.evaluation is None:
        return ""
    given = attempt.evaluation
    who = f'<span class="guide">judged by <bdi>{escape(given.judge.model)}</bdi></span>'
    return f'<p class="overall"><b>{ten(given.reward)}</b> of 10 overall · {guide(given.judge)} · {who}</p>'


def change(before: Score | None, after: Score | None) -> str:
    """Return the change in points; "=" where the judge's two ranges overlap, so that it may be none."""
    if before is None or after is None or before.value is None or after.value is None:
        return '<span class="change"></span>'
    ranges = (before.low, before.high, after.low, after.high)
    points = (after.value - before.value) * 9
    same = abs(points) < 0.05
    if None not in ranges:
        same = same or (max(before.low or 0, after.low or 0) <= min(before.high or 0, after.high or 0))
    kind = "up" if points > 0 else "down"
    if same:
        return f'<span class="change same" title="{SAME}"><span aria-hidden="true">=</span>{UNSEEN.format(SAME)}</span>'
    return f'<span class="change {kind}">{f"{points:+.1f}".replace("-", "−")}</span>'


def ten(value: float | None) -> str:
    """Return a score on the scale the user sees, 1 to 10, or a dash where there is none."""
    return "—" if value is None else f"{1 + 9 * value:.1f}"
