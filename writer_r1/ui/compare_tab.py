"""The Compare tab: any two texts of the library -> what differs between them, in words and in scores.

A text is named `run id/number of the attempt`. The list of choices is made when the tab is opened, so that the page
itself does not wait for it; what a run holds is read again only after something was added to it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple

from writer_r1.acceptance import least_gain
from writer_r1.checks import word_count
from writer_r1.errors import WriterError
from writer_r1.qualification import marked_since, told_since
from writer_r1.store import Run, Store
from writer_r1.trajectory import Attempt, Criterion, Evaluation, JudgeInfo, Trajectory
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import QUIET
from writer_r1.ui.prose import columns, differing, longer, plural
from writer_r1.ui.scores import bar, change, guide, score_of, ten
from writer_r1.ui.trust import label
from writer_r1.ui.view import title
from writer_r1.workspace import Workspace

MOST_RUNS = 300  # the newest; a list of more is no longer read
NOTHING = "Choose two texts: any draft or round of any session."
WAYS = {"marks": "Differences", "columns": "Side by side"}
GONE = "This text is no longer in the library; choose another one."


class Text(NamedTuple):
    """A complete attempt as the list of choices shows it."""

    value: str
    label: str
    run: Run
    best: bool
    judge: JudgeInfo | None  # that gave the score in the label


class Side(NamedTuple):
    """One of the two texts compared, and where it comes from."""

    name: str
    run: Run
    now: Trajectory
    attempt: Attempt


class Wiring(NamedTuple):
    """What `Tab.select` needs: `refresh` takes the two pickers and returns them and the comparison."""

    refresh: Callable[[str | None, str | None], tuple[Any, Any, str]]
    inputs: list[Any]
    outputs: list[Any]


def choices(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the label and the value of every text that can be compared, by piece, the piece last worked on first."""
    texts = _texts(workspace.store)
    trust = {
        judge: label(told_since(judge, workspace.common)) for judge in {text.judge for text in texts if text.judge}
    }
    return [(f"{t.label} ({trust[t.judge]})" if t.judge else t.label, t.value) for t in texts]


def opening(workspace: Workspace) -> tuple[str | None, str | None]:
    """Return the first draft and the best text of the newest session that has several, else of the newest."""
    texts = _texts(workspace.store)
    runs: dict[str, list[Text]] = {}
    for text in sorted(texts, key=lambda t: t.run.created, reverse=True):
        runs.setdefault(text.run.id, []).append(text)
    found = next((run for run in runs.values() if len(run) > 1), next(iter(runs.values()), []))
    if not found:
        return None, None
    other = next((t for t in found[1:] if t.best), found[-1])
    return found[0].value, other.value if other != found[0] else None


def on_compare(workspace: Workspace, left: str | None, right: str | None) -> str:
    """Return how the right text differs from the left one."""
    if not left or not right:
        return f'<p class="compare quiet">{NOTHING}</p>'
    try:
        return comparison(_side(workspace, left), _side(workspace, right))
    except WriterError as error:
        return f'<section class="card" role="alert"><p>{escape(str(error))}</p></section>'


def on_open(workspace: Workspace, left: str | None, right: str | None) -> tuple[Any, Any, str]:
    """Return the pickers with what is there now, what was chosen still chosen, and the comparison."""
    try:
        rows = choices(workspace)
        there = {value for _, value in rows}
        if left not in there and right not in there:
            left, right = opening(workspace)
        left, right = left if left in there else None, right if right in there else None
    except WriterError as error:
        return gr.skip(), gr.skip(), f'<section class="card" role="alert"><p>{escape(str(error))}</p></section>'
    page = on_compare(workspace, left, right)
    if not rows:
        page = '<p class="compare quiet">Nothing is written yet. Two texts can be compared once there are two.</p>'
    return gr.Dropdown(choices=rows, value=left), gr.Dropdown(choices=rows, value=right), page


def comparison(left: Side, right: Side) -> str:
    """Return both texts with their scores, and what differs."""
    heads = f'<div class="versus">{_head(left)}{_head(right, left)}</div>'
    old, new = left.attempt.text, right.attempt.text
    names = (_short(left, right), _short(right, left))
    choose = '<fieldset class="ways"><legend class="unseen">Show the texts as</legend>'
    for way, said in WAYS.items():
        checked = " checked" if way == "marks" else ""
        choose += f'<label><input type="radio" name="compare-way" value="{way}"{checked}> {said}</label>'
    texts = f'</fieldset><div class="text marks">{differing(old, new, names)}</div>'
    texts += f'<div class="text columns">{columns(old, new, names)}</div>'
    body = f'<div class="texts"><h3>The texts</h3>{choose}{texts}</div>'
    return f'<section class="compare">{heads}{_scores(left, right, names)}{body}</section>'


def _head(side: Side, other: Side | None = None) -> str:
    attempt, evaluation = side.attempt, side.attempt.evaluation
    length = plural(word_count(attempt.text), "word")
    rows = [
        (
            "Overall",
            f"<b>{ten(evaluation.reward)}</b> of 10, {guide(evaluation.judge)}" if evaluation else "not judged",
        ),
        ("Length", f"{length} ({longer(other.attempt.text, attempt.text)})" if other else length),
        ("Written by", escape(side.run.model)),
        ("Judged by", escape(evaluation.judge.model) if evaluation else "—"),
        ("Took", _took(attempt.seconds)),
    ]
    facts = "".join(f"<dt>{name}</dt><dd>{fact}</dd>" for name, fact in rows)
    where = f"Session of {_moment(side.run.created)}"
    head = f'<h3 dir="auto">{escape(side.name)}</h3><p class="which"><b>{title(attempt)}</b> · {where}</p>'
    return f"<article>{head}<dl>{facts}</dl></article>"


def _scores(left: Side, right: Side, names: tuple[str, str]) -> str:
    """Return a row for each criterion of either text; one that the other was not judged by has a dash there."""
    rows = {c.id: c for side in (left, right) for c in (side.now.rubric.criteria if side.now.rubric else ())}
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(_row(criterion, left, right) for criterion in rows.values())
    table = (
        f'<table><thead><tr><th scope="col">Criterion</th>{heads}<th scope="col">Change</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
    notes = "".join(f'<p class="quiet">{note}</p>' for note in _cautions(left, right))
    return f'<div class="compared"><h3>The scores</h3>{notes}{table}</div>'


def _row(criterion: Criterion, left: Side, right: Side) -> str:
    before, after = score_of(left.attempt, criterion), score_of(right.attempt, criterion)
    cells = "".join(
        f"<td>{bar(criterion, score) if score else '<span class=none>—</span>'}</td>" for score in (before, after)
    )
    name = f'<th scope="row" dir="auto">{escape(criterion.name)}</th>'
    return f"<tr>{name}{cells}<td>{change(before, after)}</td></tr>"


def _cautions(left: Side, right: Side) -> Iterator[str]:
    one, two = left.attempt.evaluation, right.attempt.evaluation
    if one and two and one.rubric_id != two.rubric_id:
        yield "The two were judged by different criteria, so their overall scores do not compare."
    if one and two and one.judge.model != two.judge.model:
        yield "The two were judged by different models, so a small difference says little."
    if one and two and _alike(left.now, one, two):
        yield "No clear difference between the two overall scores."


def _alike(now: Trajectory, one: Evaluation, two: Evaluation) -> bool:
    """Return whether the overall scores by one judge and the same criteria lie nearer than its ranges part."""
    if now.rubric is None or one.reward is None or two.reward is None or not one.judge.same(two.judge):
        return False
    if not now.rubric.id == one.rubric_id == two.rubric_id:
        return False
    return abs(one.reward - two.reward) < least_gain(now.rubric, one, two)


def _texts(store: Store) -> list[Text]:
    runs = [(piece.title, run) for piece in store.pieces() for run in store.runs_of(piece.id)]
    runs += [(run.title, run) for run in store.loose_runs(MOST_RUNS)]
    return [text for name, run in runs[:MOST_RUNS] for text in _texts_of(store, name, run)]


@lru_cache(maxsize=2 * MOST_RUNS)
def _texts_of(store: Store, name: str, run: Run) -> tuple[Text, ...]:
    """Return the complete texts of a run, read again when something was added: `updated` is part of the key."""
    try:
        now = store.trajectory(run.id)
    except WriterError:
        return ()  # one run that cannot be read must not keep the others from being compared
    return tuple(
        Text(
            f"{run.id}/{a.number}",
            f"{name} · {_moment(run.created)} · {_called(a)}",
            run,
            a.number == now.best,
            a.evaluation.judge if a.evaluation and a.evaluation.reward is not None else None,
        )
        for a in now.attempts
        if a.complete
    )


def _side(workspace: Workspace, value: str) -> Side:
    store = workspace.store
    run_id, _, number = value.rpartition("/")
    run, piece_id = store.run(run_id), store.piece_of(run_id)
    piece = store.piece(piece_id) if piece_id else None
    if run is None or bool(piece_id) != bool(piece):
        raise WriterError(GONE)
    now = marked_since(store.trajectory(run_id), workspace.common)
    attempt = now.attempt(int(number)) if number.isdecimal() else None
    if attempt is None:
        raise WriterError(GONE)
    return Side(piece.title if piece else run.title, run, now, attempt)


def _called(attempt: Attempt) -> str:
    reward = attempt.evaluation.reward if attempt.evaluation else None
    return f"{title(attempt)} · {ten(reward)}" if reward is not None else title(attempt)


def _short(side: Side, other: Side) -> str:
    """Return what a column is headed by: enough to tell it from the other."""
    if side.run.id == other.run.id:
        return title(side.attempt)
    return f"{title(side.attempt)}, {_moment(side.run.created)}"


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds)
    year = "" if moment.year == datetime.now().year else f" {moment.year}"
    return f"{moment.day} {moment:%B}{year}, {moment:%H:%M}"


def _took(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min" if seconds else "—"


def build(workspace: Workspace) -> Wiring:
    """Place the tab's parts in the open Tab, wire them, and return what has to happen when the tab is opened."""
    with gr.Row(elem_id="compare-pick"):
        left = gr.Dropdown(label="Compare", choices=[], interactive=True, filterable=True, elem_id="compare-left")
        swap = gr.Button("⇄ Swap", elem_id="compare-swap", min_width=88, scale=0)
        right = gr.Dropdown(label="with", choices=[], interactive=True, filterable=True, elem_id="compare-right")
    page = gr.HTML("", elem_id="comparison", apply_default_css=False)

    def shown(one: str | None, two: str | None) -> str:
        return on_compare(workspace, one, two)

    def swapped(one: str | None, two: str | None) -> tuple[str | None, str | None, str]:
        return two, one, on_compare(workspace, two, one)

    def refresh(one: str | None, two: str | None) -> tuple[Any, Any, str]:
        return on_open(workspace, one, two)

    # What was chosen last is shown, also where it was chosen while the one before was being compared.
    gr.on([left.input, right.input], shown, [left, right], page, trigger_mode="always_last", **QUIET)
    swap.click(swapped, [left, right], [left, right, page], **QUIET)
    return Wiring(refresh, [left, right], [left, right, page])
