"""The part of the Train page where traces are made and requests are tried, and from which both go into the form.

A page owns none of the work: it looks while something is made, and sends a part anew only where it changed.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from writer_r1 import catalog, difficulty, synthesis
from writer_r1.errors import WriterError
from writer_r1.material import (
    Bounds,
    chosen_at,
    keep_bounds,
    made,
    read_bounds,
    samples,
    thoughts_at,
    untried,
    write_chosen,
)
from writer_r1.preparing import Asked, Kind, tried_by
from writer_r1.row_files import ids
from writer_r1.training.config import PRESETS, WHOLE_THOUGHT
from writer_r1.training.config import Kind as Goal
from writer_r1.training.plan import Plan, keep_plan, read_plan
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.material_board import TITLE, Offer, difficulty_result, thoughts_result, work_card
from writer_r1.ui.notes import tell, warn
from writer_r1.workspace import Workspace

NONE_SENT = ("", "", "", "", "")


class Parts(NamedTuple):
    """Two cards with what came of each, digests of what was sent last with what ran then, and the four numbers."""

    thoughts: Any
    traces: Any
    trying: Any
    tried: Any
    sent: Any
    low: Any
    high: Any
    noise: Any
    drafts: Any

    @property
    def followed(self) -> list[Any]:
        return [self.thoughts, self.traces, self.trying, self.tried, self.sent]

    @property
    def numbers(self) -> list[Any]:
        return [self.low, self.high, self.noise, self.drafts]


def place(workspace: Workspace) -> Parts:
    """Place the two cards in the open block."""
    bounds = read_bounds(workspace.home)
    with gr.Row(elem_id="train-material"):
        with gr.Column(min_width=0, elem_classes=["material-card"]):
            thoughts = Board("", elem_id="train-thoughts", script="keep_focus.js")
            traces = Board("", elem_id="train-traces", script="keep_focus.js")
        with gr.Column(min_width=0, elem_classes=["material-card"]):
            trying = Board("", elem_id="train-trying", script="keep_focus.js")
            with gr.Row(elem_id="train-bounds"):
                low = _number(bounds.low, "Mean at least", "low", maximum=1, step=0.05)
                high = _number(bounds.high, "Mean at most", "high", maximum=1, step=0.05)
                noise = _number(bounds.noise, "Spread above", "noise", maximum=1, step=0.01, placeholder="noise")
                drafts = _number(bounds.drafts, "Drafts a request", "drafts", minimum=2, maximum=32, precision=0)
            tried = Board("", elem_id="train-tried", script="keep_focus.js")
    return Parts(thoughts, traces, trying, tried, gr.State(NONE_SENT), low, high, noise, drafts)


def _number(value: float | None, label: str, elem_id: str, minimum: int = 0, **limits: Any) -> Any:
    return gr.Number(value, label=label, elem_id=elem_id, minimum=minimum, min_width=110, **limits)


def look(workspace: Workspace, sent: Sequence[str] = NONE_SENT) -> list[Any]:
    """Return the four parts as they are now; what is as it was `sent` last is skipped. An end of work is told."""
    try:
        html = [*_thoughts(workspace), *_difficulty(workspace)]
    except WriterError as error:
        warn(str(error))
        return [gr.skip()] * 4 + [sent]
    marks = [hashlib.sha256(part.encode("utf-8", "replace")).hexdigest() for part in html]
    running = workspace.preparing.running()
    if sent[4] and not running:
        _tell(workspace, sent[4])
    parts = [gr.skip() if mark == before else part for part, mark, before in zip(html, marks, sent, strict=False)]
    return [*parts, (*marks, running.kind if running else "")]


def _tell(workspace: Workspace, kind: str) -> None:
    for one, title in TITLE.items():
        progress = workspace.preparing.progress(one) if one == kind else None
        if progress and progress.state == "failed":
            warn(progress.message)
        elif progress and progress.state == "done":
            tell(f"{title}: done, see Train.")


def _thoughts(workspace: Workspace) -> tuple[str, str]:
    found = made(thoughts_at(workspace.home))
    wish = workspace.preparing.thoughts()
    total, left = _counted(synthesis.settled(found.kept, found.dropped, wish.mark), synthesis.key_of)
    writer, judge = (_label(workspace, name) for name in (wish.writer, wish.judge))
    offers = (
        Offer(
            "library",
            "Your own rounds",
            "What was written and revised here already; no model is needed, and it takes seconds.",
            "Take from my rounds",
        ),
        Offer(
            "sample",
            "The sample requests",
            f"They come with the studio. {writer} writes and revises a piece for each, {judge} judges. It goes on by "
            "itself, lets your own writing go first, and can be stopped at any time.",
            "Make traces",
            total,
            left,
        ),
    )
    preparing = workspace.preparing
    standing = preparing.progress("thoughts"), len(found.kept), preparing.running(), preparing.last("thoughts")
    card = work_card("thoughts", offers, *standing)
    return card, thoughts_result(found)


def _difficulty(workspace: Workspace) -> tuple[str, str]:
    wish, bounds = workspace.preparing.wish(), read_bounds(workspace.home)
    found = made(tried_by(wish, workspace.home))
    total, left = _counted(ids(found.rows), difficulty.key_of)
    worn = f", wearing what “{wish.worn}” learned" if wish.worn else ""
    who = f"{_label(workspace, wish.policy)}{worn}, judged by {_label(workspace, wish.judge)}"
    offers = (
        Offer("library", "The requests of your pieces", "Those you wrote a text for.", "Try mine"),
        Offer("sample", "The sample requests", f"With {who}.", "Try them", total, left),
    )
    kept = len(difficulty.sort_out(found.rows, bounds.limits).kept)
    preparing = workspace.preparing
    card = work_card("difficulty", offers, preparing.progress("difficulty"), kept, preparing.running())
    return card, difficulty_result(found, bounds.model_copy(update={"drafts": wish.drafts}), who)


def _counted(done: Collection[str], key: Callable[..., str]) -> tuple[int, int]:
    """Return how many sample requests there are, and how many of them were not worked on yet."""
    return len(samples()), untried(samples(), done, key)


def _label(workspace: Workspace, name: str) -> str:
    try:
        return catalog.find(name, workspace.models).label
    except WriterError:
        return name


def on_act(workspace: Workspace, wish: dict[str, str]) -> bool:
    """Do what a button asks, and return whether the form is then another; a browser may have sent anything."""
    try:
        match wish["act"]:
            case "prepare":
                _begin(workspace, wish)
            case "halt":
                workspace.preparing.stop()
            case "learn":
                _plan(workspace)
                return True
            case "practise":
                wished = workspace.preparing.wish()  # as they are being tried, whatever the form says meanwhile
                write_chosen(workspace.home, tried_by(wished, workspace.home))
                _plan(workspace, wished)
                return True
    except WriterError as error:
        warn(str(error))
    return False


def _begin(workspace: Workspace, wish: dict[str, str]) -> None:
    kinds: dict[str, Kind] = {"thoughts": "thoughts", "difficulty": "difficulty"}
    if (kind := kinds.get(wish.get("kind", ""))) and (source := wish.get("source")) in ("sample", "library"):
        workspace.preparing.start(Asked(kind, "sample" if source == "sample" else "library"))


def _plan(workspace: Workspace, tried: difficulty.Wish | None = None) -> None:
    """Keep the plan to learn from the traces; or, with what `tried` requests, to practise on those that were chosen."""
    plan, home = read_plan(workspace.home), workspace.home
    goal: Goal = "mrpo" if tried else "sft"
    base, worn = plan.base, plan.adapter if goal == plan.goal else None
    if tried:
        base, worn = tried.policy, str(tried.adapter) if tried.adapter else None
    numbers = dict(plan.numbers) if plan.goal == goal else {}
    if goal == "sft":
        longest = synthesis.summed(*made(thoughts_at(home)))["longest_words"]
        usual = numbers.get("text_tokens", PRESETS[goal][plan.preset]["text_tokens"])
        numbers["text_tokens"] = max(usual, synthesis.room_for(longest))  # a thought that is cut teaches nothing
        numbers["prompt_tokens"] = max(numbers.get("prompt_tokens", 0), WHOLE_THOUGHT["prompt_tokens"])
    keep_plan(
        home,
        Plan(
            goal=goal,
            source="file",
            path=str(thoughts_at(home) if goal == "sft" else chosen_at(home)),
            works=plan.works,
            base=base,
            preset=plan.preset,
            adapter=worn,
            numbers=numbers,
        ),
    )


def on_bounds(workspace: Workspace, values: Sequence[Any], sent: Sequence[str]) -> list[Any]:
    """Keep the numbers, and return the cards by them; while one is being typed that cannot be, the last ones hold."""
    low, high, noise, drafts = values
    said = {"low": low, "high": high, "noise": noise, "drafts": drafts}
    try:
        keep_bounds(workspace.home, Bounds.model_validate(said))
    except ValidationError:
        pass
    except WriterError as error:
        warn(str(error))
    return look(workspace, sent)


def loaded(workspace: Workspace, sent: Sequence[str]) -> list[Any]:
    """Return everything, with the numbers as they are kept."""
    bounds = read_bounds(workspace.home)
    return [*look(workspace, sent), bounds.low, bounds.high, bounds.noise, bounds.drafts]


def wire(
    workspace: Workspace, parts: Parts, timer: Any, form: list[Any], formed: Callable[[], list[Any]], planned: Any
) -> None:
    """Wire buttons and numbers; `form` is what `formed` fills where a button made another plan.

    `planned` happens after the form made another, perhaps with another base.
    """

    def acted(sent: Sequence[str], event: gr.EventData) -> list[Any]:
        fill = on_act(workspace, asked(event))
        clock = gr.Timer(active=True) if workspace.preparing.running() else gr.skip()
        filled = formed() if fill else [gr.skip()] * len(form)
        return [*look(workspace, sent), clock, *filled]

    def changed(low: Any, high: Any, noise: Any, drafts: Any, sent: Sequence[str]) -> list[Any]:
        return on_bounds(workspace, (low, high, noise, drafts), sent)

    for board in parts.followed[:4]:
        board.submit(acted, parts.sent, [*parts.followed, timer, *form], **EACH)
    planned.then(lambda sent: look(workspace, sent), parts.sent, parts.followed, **QUIET)
    typed = [parts.low.input, parts.high.input, parts.noise.input, parts.drafts.blur, parts.drafts.submit]
    gr.on(typed, changed, [*parts.numbers, parts.sent], parts.followed, trigger_mode="always_last", **QUIET)
