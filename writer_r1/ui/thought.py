"""View -> HTML: a thought in one go as a timeline, folded: plan, draft, what was noticed, and what came of it. Pure.

Below it, folded too, what came of the reflections of the library's newest thoughts, in the order of time.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from html import escape
from itertools import count

from writer_r1.checks import paragraphs, word_count
from writer_r1.differences import Change
from writer_r1.events import Thought, ThoughtDelta
from writer_r1.thinking import came_to
from writer_r1.traces import changes_between
from writer_r1.trajectory import Attempt, Trajectory
from writer_r1.ui.curves import Series, plot
from writer_r1.ui.prose import differing, marked, plural, prose
from writer_r1.ui.scores import details, guide, ten
from writer_r1.ui.view import Earlier, View, over, shown, title
from writer_r1.usefulness import ANCHORS, FEWER_TOKENS, Tried, shares

PARTS = {"plan": "Plan", "reflection": "Reflection", "revision": "Revision", "piece": "The piece"}
CAME_OF_IT = {"useful": "it helped", "redundant": "no clear difference", "harmful": "it did harm"}
DRAWN = {"useful": "helped", "harmful": "harmed"}
LEAST_DRAWN = 3  # thoughts from which on a line through them says something
TOGETHER = 5  # thoughts whose reflections make one point: a thought alone has too few


def timeline(view: View) -> str:
    """Return the thought of a run that thought in one go, also while it comes; an empty string for any other."""
    thought = view.thought
    if view.thinking and not (thought and any(a.text for a in view.now.attempts)):
        return _coming(view)
    if thought is None:
        return ""
    steps = [("Plan", prose(thought.plan))] if thought.plan else []
    worth = came_to(view.now)
    steps += [(_name(a), _step(view.now, a, worth)) for a in view.now.attempts if a.text]
    kept = "what was whole of it is kept" if steps else "nothing of it could be kept; start again, or use rounds"
    reflected = [a for a in view.now.attempts if a.reflection is not None]
    many = len(reflected)
    said = f"The thought: {plural(many, 'reflection')}, {plural(thought.tokens, 'token')}"
    if many and all(a.accepted is not None for a in reflected):
        said += f" · {_counted(worth.values(), many)}"
    judges = [a.evaluation.judge for a in view.now.attempts if a.evaluation]
    trust = f'<p class="quiet">The scores: {guide(judges[-1])}</p>' if judges else ""
    body = f"{_steps(steps)}{trust}{_broke_off(thought, kept)}"
    return f'<div class="thought">{details("thought", said, body)}{_lately(view.lately)}</div>'


def _coming(view: View) -> str:
    """Return a thought by the parts that were written of it: it is not at its end, or no text came of it."""
    draft = view.now.attempts[0].text if view.now.attempts else ""
    parts = {part.part: (PARTS[part.name], _said(part)) for part in view.thinking}
    if draft:
        at = next(number for number in count(1) if number not in parts)
        where = ", on the sheet" if shown(view) is view.now.attempts[0] else ""
        parts[at] = ("Draft", f'<p class="quiet">{plural(word_count(draft), "word")}{where}</p>')
    steps, reflections = list[tuple[str, str]](), 0
    for name, body in (parts[number] for number in sorted(parts)):
        if name == PARTS["revision"] and steps and steps[-1][0].startswith(PARTS["reflection"]):
            steps[-1] = (steps[-1][0], steps[-1][1] + body)
        elif name == PARTS["reflection"]:
            reflections += 1
            steps.append((f"{name} {reflections}", body))
        else:
            steps.append((name, body))
    words = word_count(draft) + sum(word_count(part.text) for part in view.thinking)
    so_far = "The thought, as far as it came" if over(view) else "The thought so far"
    said = f"{so_far}: {plural(words, 'word')}" + (f", {plural(reflections, 'reflection')}" if reflections else "")
    cut = _broke_off(view.thought, "no text came of it; start again, or use rounds") if view.thought else ""
    return f'<div class="thought">{details("thought", said, _steps(steps) + cut)}</div>'


def _said(part: ThoughtDelta) -> str:
    return (_place(part.paragraph, part.operation) if part.name == "revision" else "") + prose(part.text)


def _broke_off(thought: Thought, kept: str) -> str:
    """Return why a thought could not be read to its end, and what is kept of it; empty where it could."""
    return f'<p class="quiet">The thought broke off ({escape(thought.refused)}); {kept}.</p>' if thought.refused else ""


def _steps(steps: Sequence[tuple[str, str]]) -> str:
    return f"<ol>{''.join(f'<li><h4>{escape(name)}</h4>{body}</li>' for name, body in steps)}</ol>"


def _place(paragraph: int, operation: str) -> str:
    """Return which paragraph a revision writes anew, or goes on after."""
    return f'<p class="quiet">{"After paragraph" if operation == "extend" else "Paragraph"} {paragraph}</p>'


def _counted(tries: Collection[Tried], many: int) -> str:
    """Return what became of so many reflections, of which only those in `tries` could be judged."""
    counts, unknown = Counter(one.label for one in tries), many - len(tries)
    said = f"{counts['useful'] or 'none'} of {many} helped, {counts['harmful'] or 'none'} harmed"
    return said + (f", {unknown} could not be judged" if unknown else "")


def _name(attempt: Attempt) -> str:
    if attempt.parent is None:
        return "Draft"
    return f"Reflection {attempt.number - 1}" if attempt.reflection else "The piece, in other words"


def _step(now: Trajectory, attempt: Attempt, worth: dict[int, Tried]) -> str:
    said = dict.fromkeys(advice.edit for advice in attempt.reflection.advice) if attempt.reflection else {}
    words = "".join(f'<p dir="auto">{escape(text)}</p>' for text in said)
    after = attempt.evaluation.reward if attempt.evaluation else None
    way = f'<p><button type="button" class="go" data-go="{attempt.number}">Go to {title(attempt)}</button></p>'
    parent = now.attempt(attempt.parent) if attempt.parent is not None else None
    if parent is None:
        return f'{words}<p class="score"><b>{ten(after)}</b> of 10</p>{way}'
    before = parent.evaluation.reward if parent.evaluation else None
    label = worth[attempt.number].label if attempt.number in worth else ""
    told = f' <span class="{label}">{CAME_OF_IT[label]}</span>' if label else ""
    arrow = '<span aria-hidden="true">→</span><span class="unseen">, then </span>'
    score = f'<p class="score"><b>{ten(before)}</b> {arrow} <b>{ten(after)}</b> of 10{told}</p>'
    return f"{words}{score}{details(f'changed-{attempt.number}', 'What it changed', _changed(parent, attempt))}{way}"


def _changed(before: Attempt, after: Attempt) -> str:
    """Return the paragraphs that a revision wrote, as they differ; the texts where that cannot be told by paragraph."""
    names, spans = (title(before), title(after)), paragraphs(before.text)
    rows = ""
    for change in changes_between(before.text, after.text) or ():
        old, place = before.text[slice(*spans[change.paragraph - 1])], _place(change.paragraph, change.operation)
        if change.operation == "rewrite":
            rows += f"{place}{differing(old, change.text, names)}"
        else:
            added = marked(Change("insert", change.text))
            rows += f'{place}<p class="marked" dir="auto">{added}</p>'
    return rows or differing(before.text, after.text, names)


# All thoughts so far


def _lately(lately: Sequence[Earlier]) -> str:
    """Return what came of the reflections of these thoughts, folded; empty where there is nothing to compare."""
    told = shares(t for one in lately for t in one.tried)
    if len(lately) < 2 or not told["reflections"]:
        return ""
    drawn, many = _curve(lately), plural(told["reflections"], "reflection")
    head = f"Your last {len(lately)} thoughts: {told['useful']:.0%} of {many} helped, {told['harmful']:.0%} harmed"
    mean = round(sum(one.tokens for one in lately) / len(lately))
    body = (
        f"R2-Write’s, known to us at second hand{' (the faint lines)' if drawn else ''}: over {ANCHORS['useful']:.0%} "
        f"helped, about {ANCHORS['harmful']:.0%} harmed. A thought took {plural(mean, 'token')} on average; "
        f"R2-Write’s process reward is said to save about {FEWER_TOKENS:.0%} of a thought’s tokens."
    )
    return details("thoughts", head, f'<p class="quiet">{body}</p>{drawn}')


def _curve(lately: Sequence[Earlier]) -> str:
    """Return the shares over time as a picture; empty for few thoughts."""
    if len(lately) < LEAST_DRAWN:
        return ""
    points: dict[str, list[tuple[float, float]]] = {label: [] for label in DRAWN}
    for number in range(1, len(lately) + 1):
        told = shares(t for one in lately[max(0, number - TOGETHER) : number] for t in one.tried)
        for label in points if told["reflections"] else ():
            points[label].append((number, 100 * told[label]))
    paper = [Series("", [(x, 100 * ANCHORS[label]) for x in (1, len(lately))], faint=True) for label in DRAWN]
    ours = [Series(name, points[label]) for label, name in DRAWN.items()]
    return plot(f"Reflections, in %, of {TOGETHER} thoughts at a time", [*paper, *ours], unit="thought")
