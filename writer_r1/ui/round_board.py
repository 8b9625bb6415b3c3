"""View -> the round board's HTML: each text of a run a column, each criterion a row through them all. Pure.

A text being written is only counted here, in tens of words, and a card depends on nothing but its own attempt, the one
it was made of and the criteria: so an update while a round is written changes one card, a few times a minute.
"""

from collections.abc import Sequence
from functools import partial
from html import escape

from writer_r1.acceptance import usable
from writer_r1.checks import word_count
from writer_r1.trajectory import Attempt, Criterion, Trajectory
from writer_r1.ui.drawn import PART, Drawn
from writer_r1.ui.evidence import noted, rests_on
from writer_r1.ui.own_scores import choice, yours
from writer_r1.ui.prose import chip, differing, longer, plural, prose
from writer_r1.ui.render import DRAFTING, story_so_far
from writer_r1.ui.scores import bar, change, details, guide, score_of, ten, told_why
from writer_r1.ui.thought import timeline
from writer_r1.ui.view import View, judged, outdated, over, own_of, reason_of, standing, title

SHOWN = {"all": "All", "bars": "Bars", "text": "Text", "changes": "Changes"}
BECAUSE = {
    "target reached": "Stopped because the scores are high enough",
    "no improvement": "Stopped because two rounds in a row brought nothing better",
    "round limit reached": "Stopped because all rounds are written",
}
WORDS_STEP = 10
LINE_WIDTH, LINE_HEIGHT, DOT = 72, 22, 2.5  # a sparkline, in its own units


def round_board(view: View | None, *, busy: bool, drawn: Drawn | None = None) -> str:
    """Return every text of the run side by side; before the first is written a thought as it comes, or nothing.

    `busy` says that a job works on this run: what a round is used for then has to wait. `drawn` keeps from one update
    to the next what does not change.
    """
    if view is None or not any(a.complete for a in view.now.attempts):
        return f'<section class="thinking">{timeline(view)}</section>' if view and view.thinking else ""
    now, drawn, ended = view.now, drawn or Drawn(), over(view)
    judged = (now.rubric, tuple((a.parent, a.scores, a.evaluation) for a in now.attempts))
    marks = drawn.part("marks", judged, lambda: stills(now))
    parts = [drawn.part("names", judged, lambda: legend(view, marks))]
    for a in now.attempts:
        of_view = (ended, busy, marks, own_of(view, a), outdated(view, a))
        made_of = (a, parent_of(now, a), now.rubric, a.number == now.best, *of_view)
        parts.append(drawn.part(a.number, made_of, partial(card, view, a, busy, marks)))
    opening = f'role="list" aria-label="Rounds" style="--rows:{len(marks)}"'
    strip = f'<div class="round-strip" {opening}>{PART}{PART.join(parts)}{PART}</div>'
    data = f'data-run="{escape(view.now.id)}" data-edited="{view.edited or ""}"'
    return f'<section class="round-board" {data} data-view="all">{head(view)}{strip}</section>'


def head(view: View) -> str:
    """Return why the rounds ended, and what can be chosen for all of them."""
    why = BECAUSE.get(view.now.stopped or "", standing(view)) if over(view) else ""
    ending = f'<p class="ending">{escape(why.rstrip("."))}.</p>' if why else ""
    best = view.now.attempt(view.now.best) if view.now.best is not None else None
    if best and len(view.now.attempts) > 1:
        ending += f'<button type="button" class="go" data-go="{best.number}">Best: {title(best)}</button>'
    of = f'<p class="ending" dir="auto">Of {escape(view.part.label)}</p>' if view.part else ""
    choose = segments("What the rounds show", "show", SHOWN)
    only = '<label class="only"><input type="checkbox" data-only> only what changed</label>'
    tools = f'<div class="board-tools">{only}{choose}</div>'
    return f'<header class="board-head"><h2>Rounds</h2>{of}{ending}{tools}</header>{story_so_far(view)}{timeline(view)}'


def segments(label: str, name: str, choices: dict[str, str]) -> str:
    """Return a choice of one, the first as long as the reader has not chosen (the page's script knows)."""
    buttons = "".join(
        f'<button type="button" data-{name}="{key}" aria-pressed="{"false" if i else "true"}">{words}</button>'
        for i, (key, words) in enumerate(choices.items())
    )
    return f'<div class="segments" role="group" aria-label="{label}">{buttons}</div>'


# The rows' names


def legend(view: View, marks: Sequence[str]) -> str:
    """Return the name of each row with its way through the rounds; the numbers are in the cards."""
    now = view.now
    if now.rubric is None:
        return ""
    means = [a.evaluation.reward if a.evaluation else None for a in now.attempts]
    rows = ""
    for criterion, mark in zip(now.rubric.criteria, marks, strict=True):
        values = [s.value if (s := score_of(a, criterion)) else None for a in now.attempts]
        named = escape(criterion.name)
        name = f'<span class="name" dir="auto" title="{named}">{named}</span>'
        rows += f'<li class="row{mark}">{name}{sparkline(values)}</li>'
    judges = [a.evaluation.judge for a in now.attempts if a.evaluation]
    said = f'<span class="name">Overall, {guide(judges[-1] if judges else None)}</span>'
    whole = f'<p class="whole">{said}{sparkline(means)}</p>'
    return f'<div class="legend" aria-hidden="true">{whole}<ol class="rows">{rows}</ol></div>'


def sparkline(values: Sequence[float | None]) -> str:
    """Return a small line through the values from 0 to 1, broken where one is missing."""
    step = LINE_WIDTH / max(len(values) - 1, 1)
    places = [None if v is None else (DOT + i * step, DOT + (1 - v) * LINE_HEIGHT) for i, v in enumerate(values)]
    runs: list[list[str]] = [[]]
    for place in places:
        runs = [*runs[:-1], [*runs[-1], f"{place[0]:.1f},{place[1]:.1f}"]] if place else [*runs, []]
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if len(run) > 1)
    dots = "".join(f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{DOT}"/>' for place in places if place)
    box = f'viewBox="0 0 {LINE_WIDTH + 2 * DOT:g} {LINE_HEIGHT + 2 * DOT:g}"'
    return f'<svg class="spark" {box} aria-hidden="true" focusable="false">{lines}{dots}</svg>' if dots else ""


def stills(now: Trajectory) -> list[str]:
    """Return the mark of each row: it tells those in which no round differs from the text it was made of."""
    return [still(now, criterion) for criterion in now.rubric.criteria] if now.rubric else []


def still(now: Trajectory, criterion: Criterion) -> str:
    """Return the mark of a row in which no round differs from the text it was made of."""
    marks = "".join(moved(now, a, criterion) for a in now.attempts)
    return "" if "change up" in marks or "change down" in marks else " still"


def moved(now: Trajectory, attempt: Attempt, criterion: Criterion) -> str:
    """Return the change of a criterion from the text that the attempt was made of."""
    return change(score_of(parent_of(now, attempt), criterion), score_of(attempt, criterion))


def parent_of(now: Trajectory, attempt: Attempt) -> Attempt | None:
    """Return the text that the attempt is a revision of."""
    return now.attempt(attempt.parent) if attempt.parent is not None else None


# One round


def card(view: View, attempt: Attempt, busy: bool, marks: Sequence[str]) -> str:
    """Return one attempt: what became of it and why, its scores, its text."""
    now, n = view.now, attempt.number
    best = n == now.best
    kind = " best" if best else ""
    if is_stale(now, attempt):
        kind += " stale"
    if attempt.complete:
        more = f"{rests_on(attempt)}{asked(now, attempt)}"
        parts = [f'<div class="story">{verdict(attempt)}{noted(attempt)}{more}</div>']
        parts += [scores(view, attempt, marks), words(now, attempt)]
        parts += [foot(attempt, busy)] if attempt.text.strip() else []  # a stop may come before the first word
    else:
        parts = [unfinished(view, attempt)]
    body = header(view, attempt) + facts(view, attempt) + "".join(parts)
    named = f'role="listitem" tabindex="0" aria-label="{escape(spoken(view, attempt))}"'
    return f'<article class="round-card{kind}" data-attempt="{n}" {named}>{body}</article>'


def spoken(view: View, attempt: Attempt) -> str:
    """Return what a screen reader calls the attempt."""
    said = [title(attempt)]
    if attempt.evaluation and attempt.evaluation.reward is not None:
        said.append(f"{ten(attempt.evaluation.reward)} of 10")
    return ", ".join([*said, *badges(view, attempt)])


def badges(view: View, attempt: Attempt) -> list[str]:
    """Return what an attempt is marked as, in words."""
    found = ["best"] if attempt.number == view.now.best else []
    if is_stale(view.now, attempt):
        found.append("being judged again" if not judged(view) else "judged by earlier criteria")
    if attempt.accepted is False:
        found.append("not accepted")
    if outdated(view, attempt):
        found.append("based on an older text")
    if not attempt.complete:
        found.append("unfinished" if judged(view) else DRAFTING)
    elif attempt.evaluation is None and attempt.accepted is None:
        found.append("not judged" if judged(view) else "being judged")
    return found


def is_stale(now: Trajectory, attempt: Attempt) -> bool:
    """Return whether the scores were given for criteria that have been changed since."""
    evaluation = attempt.evaluation
    return now.rubric is not None and evaluation is not None and evaluation.rubric_id != now.rubric.id


def header(view: View, attempt: Attempt) -> str:
    """Return the name of the attempt and its marks."""
    marks = "".join(
        f'<span class="badge {"-".join(m.split())}">{m}</span>' for m in badges(view, attempt) if m != DRAFTING
    )
    return f"<header><h3>{title(attempt)}</h3>{marks}</header>"


def facts(view: View, attempt: Attempt) -> str:
    """Return the overall score, small, and the length with its change: a longer text often scores higher."""
    found = []
    if attempt.evaluation:
        given = attempt.evaluation
        found.append(f'<span class="mean"><b>{ten(given.reward)}</b> of 10</span>{guide(given.judge)}')
    if attempt.complete:
        parent = parent_of(view.now, attempt)
        since = f' <span class="by">({longer(parent.text, attempt.text)})</span>' if parent else ""
        found.append(f"<span>{plural(word_count(attempt.text), 'word')}{since}</span>")
    return f'<p class="facts">{"".join(found)}</p>'


def unfinished(view: View, attempt: Attempt) -> str:
    """Return how far a text has come that is not whole: above it can be read as it is written."""
    count = word_count(attempt.text)
    if over(view):
        kept = f"{plural(count, 'word')} were written before the end." if count != 1 else "1 word was written."
        return (
            f'<p class="story quiet">{kept}</p><div class="words">{reading(attempt, "text", prose(attempt.text))}</div>'
        )
    count -= count % WORDS_STEP
    said = f"{DRAFTING}, {plural(count, 'word')}" if count else DRAFTING
    return f'<p class="story quiet">{said}</p>'


def verdict(attempt: Attempt) -> str:
    """Return whether the attempt was kept and why, and what is wrong with it."""
    chips = f"<p>{''.join(map(chip, attempt.faults))}</p>" if attempt.faults else ""
    if attempt.aside:
        chips += f'<p class="quiet" dir="auto">Said to you first, and left out: “{escape(attempt.aside)}”</p>'
    if attempt.accepted is None or attempt.why.startswith("first draft"):
        return chips
    word, kind = ("Accepted", "yes") if attempt.accepted else ("Not accepted", "no")
    why = reason_of(attempt)
    return f'<p class="outcome {kind}"><b>{word}</b>{f": {escape(why)}" if why else ""}</p>{chips}'


def asked(now: Trajectory, attempt: Attempt) -> str:
    """Return the advice that led to this attempt."""
    if attempt.reflection is None or not attempt.reflection.advice:
        return ""
    names = {c.id: c.name for c in now.rubric.criteria} if now.rubric else {}
    rows = ""
    for one in attempt.reflection.advice:
        name = f'<b dir="auto">{escape(names[one.criterion_id])}</b> ' if one.criterion_id in names else ""
        quote = f'<blockquote dir="auto">“{escape(one.quote)}”</blockquote>' if one.quote and one.quote_found else ""
        rows += f'<li>{name}<span dir="auto">{escape(one.edit)}</span>{quote}</li>'
    return details(f"asked-{attempt.number}", "What was asked", f'<ul class="plain">{rows}</ul>')


def scores(view: View, attempt: Attempt, marks: Sequence[str]) -> str:
    """Return a row for each criterion, those not judged yet among them, so that rows stand level in all columns."""
    criteria, own = view.now.rubric.criteria if view.now.rubric else (), own_of(view, attempt)
    rows = (row(view.now, attempt, c, own.get(c.id)) for c in criteria)
    found = "".join(f'<li class="row{mark}">{one}</li>' for one, mark in zip(rows, marks, strict=True))
    return f'<ol class="rows">{found}</ol>'


def row(now: Trajectory, attempt: Attempt, criterion: Criterion, own: int | None) -> str:
    """Return a criterion's bar, number and change; opened, the reason, its words, and a choice of one's own score."""
    score = score_of(attempt, criterion)
    if score is None:
        name = f'<span class="name" dir="auto">{escape(criterion.name)}</span>'
        word = "not judged" if not usable(attempt) or now.finished else "not judged yet"
        line = f'<summary class="line wait">{name}<span class="quiet">{word}</span>{yours(own)}</summary>'
    else:
        line = bar(criterion, score, label=True, own=own) + moved(now, attempt, criterion) + yours(own)
        line = f'<summary class="line">{line}</summary>{told_why(score)}'
    key = f"why-{attempt.number}-{criterion.id}"
    return f'<details data-key="{key}">{line}{choice(now.id, attempt, criterion, own)}</details>'


def words(now: Trajectory, attempt: Attempt) -> str:
    """Return the text, and its changes from the one it was made of."""
    parent = parent_of(now, attempt)
    text = reading(attempt, "text", prose(attempt.text))
    if parent is None:
        return f'<div class="words">{text}</div>'
    name, made_of = title(attempt), title(parent)
    choose = segments(f"{name} shows", "words", {"text": "Text", "changes": "Changes"})
    since = f'<p class="since quiet">Changes since {"the " if parent.number == 1 else ""}{made_of.lower()}</p>'
    changed = reading(attempt, "changes", since + differing(parent.text, attempt.text, (made_of, name)))
    return f'<div class="words">{choose}{text}{changed}</div>'


def reading(attempt: Attempt, what: str, body: str) -> str:
    """Return a box to read in, which a keyboard can scroll."""
    label = f"{title(attempt)}: {what}"
    return f'<div class="text as-{what}" tabindex="0" role="group" aria-label="{label}">{body}</div>'


def foot(attempt: Attempt, busy: bool) -> str:
    """Return what can be done with the attempt."""
    wait = ' disabled title="When the writing has ended, or you stop it"' if busy else ""
    asks = f'data-act="use" data-attempt="{attempt.number}"{wait}'
    use = f'<button type="button" class="use" {asks}>Use this round</button>'
    review = f'<button type="button" class="review-open" data-review="{attempt.number}">Review changes</button>'
    return f'<p class="foot">{use}{review}</p>'
