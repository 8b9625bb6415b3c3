"""The writing tab: a brief -> a run that goes on by itself, and a page that follows the run's stored events.

A page owns nothing: it may be reloaded, closed or opened twice. Every handler here only asks the workspace to begin or
stop, or reads on from the last event it saw.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from writer_r1 import catalog
from writer_r1.errors import WriterError
from writer_r1.loop import Task
from writer_r1.places import data
from writer_r1.trajectory import Trajectory
from writer_r1.ui import render
from writer_r1.ui.view import View, advance, over
from writer_r1.workspace import Workspace

Page = tuple[Any, ...]  # run id, the parts of a `render.Screen`, Start, Stop

POLL_S = 0.125  # a browser falls behind above about ten updates a second


def on_start(workspace: Workspace, brief: str, rounds: float) -> Iterator[Page]:
    """Yield the page of a new run for `brief`, to its end."""
    try:
        run_id = workspace.start(Task("", brief, rounds=int(rounds)))
    except WriterError as error:
        gr.Warning(str(error))
        yield _refused(str(error))
        return
    yield from follow(workspace, run_id)


def on_load(workspace: Workspace, wanted: str | None) -> Iterator[Page]:
    """Yield the page of the wanted run; without one, that of a running run, else of the newest."""
    try:
        known = wanted if wanted and workspace.store.run(wanted) else None
        run_id = known or next(iter(workspace.store.running()), None) or workspace.store.latest()
    except WriterError as error:
        yield _refused(str(error))
        return
    if wanted and known is None:
        gr.Warning(f"There is no run {wanted!r} in this library.")
    if run_id is None:
        yield (None, *render.screen(None), *_buttons(busy=False))
        return
    yield from follow(workspace, run_id)


def on_stop(workspace: Workspace, run_id: str | None) -> Any:
    """Ask the run to stop and return what the Stop button says meanwhile."""
    if run_id is None:
        return gr.skip()
    try:
        workspace.jobs.stop(run_id)
    except WriterError as error:
        gr.Warning(str(error))
        return gr.skip()
    return gr.Button("Stopping …", interactive=False)


def follow(workspace: Workspace, run_id: str) -> Iterator[Page]:
    """Yield the page of a run as its events come, only what changed, until it ends."""
    last: Page = ()
    try:
        for view, elapsed_s in _views(workspace, run_id):
            page = (run_id, *render.screen(view, elapsed_s), not over(view))
            parts = [new if i >= len(last) or new != last[i] else gr.skip() for i, new in enumerate(page[:-1])]
            buttons = _buttons(busy=page[-1]) if page[-1:] != last[-1:] else (gr.skip(), gr.skip())
            last = page
            yield (*parts, *buttons)
    except WriterError as error:
        yield _refused(str(error))


def _views(workspace: Workspace, run_id: str) -> Iterator[tuple[View, float]]:
    run = workspace.store.run(run_id)
    began = run.created if run else time.time()
    view = View(Trajectory(id=run_id, prompt=run.prompt if run else ""))
    if run and run.state == "running":
        yield view, time.time() - began
    for batch in workspace.jobs.follow_batches(run_id, poll_s=POLL_S):
        view = advance(view, batch)._replace(trouble=workspace.jobs.trouble(run_id))
        yield view, time.time() - began
    yield view._replace(ended=True), view.t


def _refused(sentence: str) -> Page:
    same = gr.skip()
    notice = render.notice(sentence, "Your request is still in the box.", "")
    return (same, same, same, notice, same, same, same, *_buttons(busy=False))


def _buttons(busy: bool) -> tuple[Any, Any]:
    return gr.Button("Start", interactive=not busy), gr.Button("Stop", interactive=busy)


def model_line(workspace: Workspace) -> str:
    """Return which model writes, and that it does so here."""
    try:
        model = catalog.find(workspace.default_model(), workspace.models)
        name = model.label if model.state == "ready" else "no model is set up yet: run `make models`"
    except WriterError as error:
        name = str(error)
    return render.masthead(name)


def build(workspace: Workspace) -> None:
    """Place the tab's parts in the open Blocks and wire them."""
    _html(model_line(workspace), "masthead")
    brief, rounds = _place_brief()
    with gr.Row(elem_id="actions"):
        start = gr.Button("Start", variant="primary", elem_id="start", min_width=96, scale=0)
        stop = gr.Button("Stop", elem_id="stop", min_width=96, scale=0, interactive=False)
        phase = _html(render.phase(None), "phase")
    announce = _html("", "announce")
    card = _html("", "trouble")
    with gr.Row(elem_id="desk"):
        manuscript = _html(render.manuscript(None), "manuscript")
        criteria = _html(render.criteria(None), "criteria")
    board = _html("", "rounds")
    run_id = gr.State(None)
    page = [run_id, phase, announce, card, manuscript, criteria, board, start, stop]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

    def started(text: str, count: float) -> Iterator[Page]:
        yield from on_start(workspace, text, count)

    def loaded(request: gr.Request) -> Iterator[Page]:
        yield from on_load(workspace, request.query_params.get("run"))

    root = gr.context.Context.root_block
    assert root is not None, "build() needs an open Blocks"
    root.load(None, brief, brief, js="(now) => window.studio.restore(now)", **quiet)
    root.load(loaded, None, page, **quiet)
    start.click(started, [brief, rounds], page, concurrency_id="start", trigger_mode="once", **quiet)
    stop.click(lambda run: on_stop(workspace, run), run_id, stop, queue=False, **quiet)
    brief.focus(workspace.warm, None, None, queue=False, **quiet)


def _html(value: str, elem_id: str) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False)  # its type would fight ours


def _place_brief() -> tuple[gr.Textbox, gr.Slider]:
    brief = gr.Textbox(
        label="What should the piece do?",
        placeholder="What it is, for whom, how long, and what must be in it.",
        lines=3,
        max_lines=14,
        interactive=True,
        elem_id="brief",
    )
    with gr.Row(elem_id="setup"):
        with gr.Row(elem_id="examples"):
            for example in json.loads(data("assets/examples.json").read_text("utf-8")):
                button = gr.Button(example["label"], size="sm", min_width=40, scale=0, elem_classes="example")
                fill = f"() => window.studio.example({json.dumps(example['prompt'])})"
                button.click(None, None, brief, js=fill, api_visibility="private")
        rounds = gr.Slider(0, 5, 3, step=1, label="Rounds of revision", elem_id="count", scale=0, min_width=260)
    return brief, rounds
