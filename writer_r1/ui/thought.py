"""View -> HTML: a thought in one go as a timeline, folded: plan, draft, what was noticed, and what came of it. Pure."""

from html import escape

from writer_r1.thinking import tried
from writer_r1.trajectory import Attempt, Trajectory
from writer_r1.ui.prose import plural
from writer_r1.ui.scores import details, ten
from writer_r1.ui.view import View, title

CAME_OF_IT = {"useful": "it helped", "redundant": "no clear difference", "harmful": "it did harm"}


def timeline(view: View) -> str:
    """Return the thought of a run that thought in one go; an empty string for any other."""
    thought = view.thought
    if thought is None:
        return ""
    steps = [("Plan", f'<p dir="auto">{escape(thought.plan)}</p>')] if thought.plan else []
    labels = _labels(view.now)
    steps += [(_name(a), _step(view.now, a, labels)) for a in view.now.attempts if a.text]
    rows = "".join(f"<li><h4>{escape(name)}</h4>{body}</li>" for name, body in steps)
    cut = ""
    if thought.refused:
        kept = "what was whole of it is kept" if steps else "nothing of it could be kept; start again, or use rounds"
        cut = f'<p class="quiet">The thought broke off ({escape(thought.refused)}); {kept}.</p>'
    count = sum(a.reflection is not None for a in view.now.attempts)
    summary = f"The thought: {plural(count, 'reflection')}, {plural(thought.tokens, 'token')}"
    return f'<div class="thought">{details("thought", summary, f"<ol>{rows}</ol>" + cut)}</div>'


def _name(attempt: Attempt) -> str:
    if attempt.parent is None:
        return "Draft"
    return f"Reflection {attempt.number - 1}" if attempt.reflection else "The piece, in other words"


def _labels(now: Trajectory) -> dict[int, str]:
    """Return by number of the text what its reflection was worth, once it is judged."""
    judged = [a for a in now.attempts if a.reflection is not None and a.reflection.advice and a.parent is not None]
    return {a.number: t.label for a, t in zip(judged, tried(now), strict=True) if a.accepted is not None}


def _step(now: Trajectory, attempt: Attempt, labels: dict[int, str]) -> str:
    said = dict.fromkeys(advice.edit for advice in attempt.reflection.advice) if attempt.reflection else {}
    words = "".join(f'<p dir="auto">{escape(text)}</p>' for text in said)
    after = attempt.evaluation.reward if attempt.evaluation else None
    parent = now.attempt(attempt.parent) if attempt.parent is not None else None
    if parent is None:
        return f'{words}<p class="score"><b>{ten(after)}</b> of 10</p>'
    before = parent.evaluation.reward if parent.evaluation else None
    label = labels.get(attempt.number, "")
    told = f' <span class="{label}">{CAME_OF_IT[label]}</span>' if label else ""
    arrow = '<span aria-hidden="true">→</span><span class="unseen">, then </span>'
    score = f'<p class="score"><b>{ten(before)}</b> {arrow} <b>{ten(after)}</b> of 10{told}</p>'
    return f'{words}{score}<p class="quiet">Its text is {escape(title(attempt))}, below.</p>'
