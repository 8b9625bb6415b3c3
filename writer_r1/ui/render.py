"""View -> HTML: the parts of the page, every word of the user's and the model's escaped. Pure; knows no gradio."""

import re
from html import escape
from typing import NamedTuple

from writer_r1.checks import word_count
from writer_r1.trajectory import Attempt, Category, Criterion, Lesson, Trajectory
from writer_r1.ui.scores import GUIDE, bar, because, change, details, overall, score_of, ten
from writer_r1.ui.view import View, over, shown, standing, title

ORIGIN = {
    "rule": "read in your request",
    "open": "found by the model",
    "axial": "found by the model",
    "selective": "worded by the model",
    "general": "true of most good writing",
    "user": "yours",
}
RATE_AFTER_S = 2.0  # before that, words per second would jump about
BRIEF_CHARS = 280


class Screen(NamedTuple):
    """The HTML of each part of the page."""

    phase: str
    announce: str
    card: str
    manuscript: str
    criteria: str
    rounds: str


def screen(view: View | None, elapsed_s: float = 0.0) -> Screen:
    """Return the whole page for a run, or the empty page."""
    if view is None:
        return Screen(phase(None), "", "", manuscript(None), criteria(None), "")
    return Screen(
        phase(view, elapsed_s),
        f"<span>{escape(standing(view))}</span>",
        card(view),
        manuscript(view),
        criteria(view),
        rounds(view),
    )


def phase(view: View | None, elapsed_s: float = 0.0) -> str:
    """Return the line that says what goes on, for how long, and how much is written."""
    if view is None:
        return '<p class="phase"><span class="doing">Ready when you are</span></p>'
    state = "busy" if not over(view) else "failed" if view.now.error or not view.now.finished else "done"
    text = attempt.text if (attempt := shown(view)) else ""
    facts = [clock(view.t if over(view) else max(elapsed_s, view.t))]
    if text:
        facts.append(plural(word_count(text), "word"))
    if attempt and attempt.parent is None and view.writing_since is not None and not over(view):
        writing_s = elapsed_s - view.writing_since
        if writing_s > RATE_AFTER_S:
            facts.append(f"{word_count(text) / writing_s:.1f} words a second")
    rest = "".join(f'<span class="fact">{f}</span>' for f in facts)
    doing = f'<span class="doing"><i class="dot"></i>{escape(standing(view))}</span>'
    return f'<p class="phase {state}" data-run="{escape(view.now.id)}">{doing}{rest}</p>'


def card(view: View) -> str:
    """Return what went wrong, what is safe and what to do; an empty string where nothing did."""
    kept = "Everything written so far is kept below." if view.now.attempts else "Your request is still in the box."
    if view.trouble:
        return notice(view.trouble, "", "Leave the studio running until this is put right; saving is tried again.")
    if view.now.error:
        return notice(view.now.error, kept, "Put it right if the message says how, then press Start again.")
    if view.ended and not view.now.finished:
        return notice("The studio was closed while this was being written.", kept, "Press Start to write it anew.")
    return ""


def notice(happened: str, safe: str, todo: str) -> str:
    """Return a card of up to three sentences."""
    rows = [("What happened", happened), ("What is safe", safe), ("What to do", todo)]
    body = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    return f'<section class="card" role="alert"><dl>{body}</dl></section>'


def manuscript(view: View | None) -> str:
    """Return the text being written, or the best one, as a page to read."""
    if view is None:
        return '<div class="sheet empty"><p>Your draft will appear here, word by word.</p></div>'
    prompt = view.now.prompt.strip()
    asked = prompt if len(prompt) <= BRIEF_CHARS else prompt[:BRIEF_CHARS].rstrip() + "…"
    head = f'<p class="asked" dir="auto">{escape(asked)}</p>'
    attempt = shown(view)
    if attempt is None:
        wait = "Nothing was written." if over(view) else "The draft comes after the criteria."
        return f'<div class="sheet">{head}<p class="quiet">{wait}</p></div>'
    state = "best so far" if attempt.number == view.now.best else ""
    if not attempt.complete:
        state = "unfinished" if over(view) else "being written"
    elif over(view) and state:
        state = "the best of its rounds" if len(view.now.attempts) > 1 else ""
    label = f'<p class="label">{title(attempt)}{f" · {state}" if state else ""}</p>'
    busy = " writing" if state == "being written" else ""
    return f'<div class="sheet">{head}{label}<article class="text{busy}">{prose(attempt.text)}</article></div>'


def prose(text: str) -> str:
    """Return paragraphs as written, line breaks kept."""
    parts = [p.strip("\n") for p in re.split(r"\n\s*\n", text)]
    return "".join(f'<p dir="auto">{escape(p)}</p>' for p in parts if p.strip())


def criteria(view: View | None) -> str:
    """Return what was found in the request so far: codes, their categories, then the criteria with their scores."""
    if view is None:
        wait = "Made for each request when you start: what this piece should do, and how much each part weighs."
        return f'<section class="criteria"><h2>Criteria</h2><p class="quiet">{wait}</p></section>'
    now, attempt = view.now, shown(view)
    found = codes(now)
    if now.rubric is None:
        ghosts = "".join(f'<li class="criterion ghost">{naming(p.name, p.description)}</li>' for p in view.proposed)
        wait = "" if over(view) or found or ghosts else '<p class="quiet">Reading the request …</p>'
        body = f'{wait}{found}<ol class="list">{ghosts}</ol>'
    else:
        rows = "".join(criterion_row(c, attempt) for c in now.rubric.criteria)
        dropped = "".join(f"<li>{escape(d)}</li>" for d in view.dropped)
        refused = f'<h3>Left out by the reviewer</h3><ul class="plain">{dropped}</ul>' if dropped else ""
        how = details("how", "How these were found", found + refused) if found or refused else ""
        body = f'{overall(attempt)}<ol class="list">{rows}</ol>{how}'
    return f'<section class="criteria"><h2>Criteria</h2>{body}{lessons(now)}</section>'


def codes(now: Trajectory) -> str:
    """Return the codes as chips, under their categories once they have some."""
    spans = {c.label: c.span for c in now.codes}
    placed = {label for category in now.categories for label in category.codes}
    loose = "".join(chip(c.label, c.span) for c in now.codes if c.label not in placed)
    groups = "".join(group(category, spans) for category in now.categories)
    return f'<div class="codes">{groups}{f"<p>{loose}</p>" if loose else ""}</div>' if groups or loose else ""


def group(category: Category, spans: dict[str, str | None]) -> str:
    """Return a category with its codes."""
    relation = f' <span class="quiet">{escape(category.relation)}</span>' if category.relation else ""
    chips = "".join(chip(label, spans.get(label)) for label in category.codes)
    return f'<h3 dir="auto">{escape(category.name)}{relation}</h3><p>{chips}</p>'


def chip(label: str, span: str | None) -> str:
    """Return a code, with the words it is tied to as its tip."""
    tip = f' title="{escape(f"“{span}”")}"' if span else ""
    return f'<span class="chip" dir="auto"{tip}>{escape(label)}</span> '


def naming(name: str, description: str) -> str:
    """Return the name and description of a criterion."""
    return f'<b dir="auto">{escape(name)}</b><p dir="auto">{escape(description)}</p>'


def criterion_row(criterion: Criterion, attempt: Attempt | None) -> str:
    """Return a criterion, its weight, where it came from, and its score for the text shown."""
    score = score_of(attempt, criterion)
    facts = [f"weight {criterion.weight:g}", ORIGIN[criterion.source.stage]]
    facts += ["measured, not judged"] if criterion.kind == "measured" else []
    facts += ["locked"] if criterion.locked else []
    if span := criterion.source.span:
        facts.append(f"“{span}”")
    where = f'<p class="where">{" · ".join(escape(f) for f in facts)}</p>'
    judged = score is not None or (attempt is not None and attempt.evaluation is not None)
    measure = bar(criterion, score) + because(criterion, score) if judged else ""
    return f'<li class="criterion">{naming(criterion.name, criterion.description)}{where}{measure}</li>'


def lessons(now: Trajectory) -> str:
    """Return the lessons recalled for this piece and those learned from it, folded away."""
    parts = []
    for learned, name in ((False, "Recalled from earlier work"), (True, "Learned from this piece")):
        rows = [lesson(one) for one in now.lessons if (one.trajectory_id == now.id) == learned]
        if rows:
            body = f'<ul class="plain">{"".join(rows)}</ul>'
            parts.append(details(f"lessons-{learned}", f"{name} ({len(rows)})", body))
    return "".join(parts)


def lesson(one: Lesson) -> str:
    """Return one lesson with the criterion it served."""
    helped = "helped" if one.kind == "success" else "did not help"
    head = f'<b dir="auto">{escape(one.criterion)}</b> <span class="quiet">{helped}</span>'
    return f'<li>{head}<p dir="auto">{escape(one.text)}</p></li>'


def rounds(view: View) -> str:
    """Return every attempt side by side."""
    if not any(a.complete for a in view.now.attempts):
        return ""
    columns = "".join(column(view, a) for a in view.now.attempts)
    return f'<h2>Rounds</h2><div class="strip" role="list">{columns}</div>'


def column(view: View, attempt: Attempt) -> str:
    """Return one attempt: its score, what became of it and why, what was asked, its text, its scores."""
    now, name = view.now, title(attempt)
    reward = attempt.evaluation.reward if attempt.evaluation else None
    best = attempt.number == now.best
    said = f"{name}, {ten(reward)} of 10{', best' if best else ''}" if attempt.evaluation else name
    badge = '<span class="badge">best</span>' if best else ""
    mean = f'<span class="mean">{ten(reward)}</span>' if attempt.evaluation else ""
    head = f"<header><h3>{name}</h3>{mean}{badge}</header>"
    guide = f'<p class="where">{GUIDE}</p>' if attempt.evaluation else ""
    faults = "".join(f'<span class="chip fault">{escape(f)}</span> ' for f in attempt.faults)
    faults = f"<p>{faults}</p>" if faults else ""
    text = f'<div class="text" tabindex="0" role="group" aria-label="{name}: text">{prose(attempt.text)}</div>'
    if not attempt.complete and not over(view):
        text = '<p class="quiet">Being written, above.</p>'
    parts = [head, guide, outcome(view, attempt), faults, asked(now, attempt), changes(now, attempt), text]
    chosen = " best" if best else ""
    return f'<article class="round{chosen}" role="listitem" aria-label="{escape(said)}">{"".join(parts)}</article>'


def outcome(view: View, attempt: Attempt) -> str:
    """Return whether the attempt was kept, and why."""
    if attempt.accepted is None:
        wait = "" if over(view) else "Not judged yet" if attempt.complete else ""
        wait = "Unfinished" if over(view) and not attempt.complete else wait
        return f'<p class="outcome">{wait}</p>' if wait else ""
    word, kind = ("Accepted", "yes") if attempt.accepted else ("Not accepted", "no")
    return f'<p class="outcome {kind}"><b>{word}</b>{f": {escape(attempt.why)}" if attempt.why else ""}</p>'


def asked(now: Trajectory, attempt: Attempt) -> str:
    """Return the advice that led to this attempt."""
    if attempt.reflection is None:
        return ""
    names = {c.id: c.name for c in now.rubric.criteria} if now.rubric else {}
    rows = []
    for one in attempt.reflection.advice:
        quote = f'<blockquote dir="auto">“{escape(one.quote)}”</blockquote>' if one.quote and one.quote_found else ""
        head = f'<b dir="auto">{escape(names.get(one.criterion_id, ""))}</b>'
        rows.append(f'<li>{head} <span dir="auto">{escape(one.edit)}</span>{quote}</li>')
    return f'<div class="request"><h4>What was asked</h4><ul class="plain">{"".join(rows)}</ul></div>' if rows else ""


def changes(now: Trajectory, attempt: Attempt) -> str:
    """Return the attempt's scores, each with its change from the text it was made of."""
    if now.rubric is None or not attempt.scores:
        return ""
    parent = now.attempt(attempt.parent) if attempt.parent is not None else None
    rows = []
    for criterion in now.rubric.criteria:
        score, before = score_of(attempt, criterion), score_of(parent, criterion)
        if score is not None or attempt.evaluation is not None:
            rows.append(f"<li>{bar(criterion, score, label=True)}{change(before, score)}</li>")
    return f'<ul class="scores">{"".join(rows)}</ul>'


def clock(seconds: float) -> str:
    """Return minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def masthead(model: str) -> str:
    """Return the name of the studio and what writes in it."""
    where = f'<p><span class="here">on this machine</span> · {escape(model)}</p>'
    return f'<header class="masthead"><h1>Writer-R1 Studio</h1>{where}</header>'
