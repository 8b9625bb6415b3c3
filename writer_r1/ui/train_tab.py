"""The Train tab: a plan -> a run of its own process, watched from its folder by any page and owned by none.

A page reads the folder every two seconds while a run lives, so it may be closed, reloaded or opened twice, and a
restarted studio shows what it finds. What is typed into the form is kept as a plan in the home.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1 import catalog
from writer_r1.errors import WriterError
from writer_r1.room import training
from writer_r1.training import job, run_folder
from writer_r1.training.checklist import Ready, ready
from writer_r1.training.data import as_seen
from writer_r1.training.plan import Plan, begin, keep_plan, read_plan
from writer_r1.training.report import Report, report
from writer_r1.training.warnings import warnings
from writer_r1.ui import blind_page, material_page, train_form
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.editing import answer
from writer_r1.ui.notes import warn
from writer_r1.ui.run_acts import act
from writer_r1.ui.run_board import Shown, run_board, said
from writer_r1.ui.run_list import run_list
from writer_r1.ui.run_overlay import PICKING, Curve, Picked, pick, run_overlay
from writer_r1.ui.train_checks import checklist, command, preview
from writer_r1.workspace import Workspace

LOOK_S = 2.0
SPARK = {"sft": "loss", "mrpo": "reward"}
START = "Start training"
NONE_PICKED = Picked()


class Page(NamedTuple):
    """What follows the runs: the open one, all, several over each other, what is read out, and a clock.

    `opened` and `picked` are which one is open and which are over each other, `sent` what was sent last.
    """

    run: Any
    runs: Any
    overlay: Any
    announce: Any
    opened: Any
    picked: Any
    sent: Any
    timer: Any


class Asking(NamedTuple):
    """What stands beside the form."""

    ready: Any
    start: Any


class Wiring(NamedTuple):
    """For the page around: `load(*inputs) -> outputs` when the tab is chosen, `leave() -> timer` when another is."""

    load: Callable[..., list[Any]]
    inputs: list[Any]
    outputs: list[Any]
    leave: Callable[[], Any]
    timer: Any
    acted: Any  # what happens after a button was heard can be added to it
    blind: dict[str, Any]  # shows the comparison that another tab laid open


def rows_of(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return the metrics of a run, read anew only where there are new ones."""
    try:
        stat = (folder / "metrics.jsonl").stat()
    except OSError:
        return []
    return _rows_at(folder, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=128)
def _rows_at(folder: Path, size: int, mtime_ns: int) -> Sequence[Mapping[str, Any]]:
    return run_folder.metrics(folder)


def shown(folder: Path) -> Shown:
    """Return all that the page shows of a run."""
    rows = rows_of(folder)
    found = report(folder, rows)
    if found.config is None:
        return Shown(found)
    record, last = run_folder.record(folder), run_folder.last_adapter(folder) is not None
    return Shown(
        found,
        rows,
        run_folder.samples(folder),
        [*warnings(found.config.kind, rows), *([found.left_out] if found.left_out else [])],
        [float(step) for step in record.get("resumed", ())],
        job.log_tail(folder),
        adapter=last or found.best is not None,
        last=last and found.best is not None and found.best.step != found.step,
    )


def look(workspace: Workspace, opened: str, sent: str = "", picked: Picked = NONE_PICKED) -> Page:
    """Return the page as the folders are now; what is as it was `sent` last is skipped."""
    found = [report(folder, rows_of(folder)) for folder in job.folders(workspace.home)]
    names = {r.name: r for r in found}
    if opened not in names:
        opened = next((r.name for r in found if not r.status.over), next(iter(names), ""))
    now = names.get(opened)
    html = run_board(shown(now.folder)) if now else ""
    picked = Picked(tuple(name for name in picked.runs if name in names), picked.metric)  # one may be deleted
    listed = run_list(found, opened, {r.name: _spark(r) for r in found}, picked.runs)
    curves = [Curve(names[name].title, rows_of(names[name].folder)) for name in picked.runs]  # each keeps its dashes
    over = run_overlay(curves, picked.metric)
    mark = hashlib.sha256(f"{html}\0{listed}\0{over}".encode("utf-8", "replace")).hexdigest()
    live = any(not r.status.over for r in found) or bool(training())  # a process that is over leaves in a moment
    live = live or bool(workspace.blind_trials.running() or workspace.preparing.running())
    clock = gr.Timer(active=live)
    if mark == sent:
        same = gr.skip()
        return Page(same, same, same, same, opened, picked, sent, clock)
    return Page(html, listed, over, said(now) if now else "", opened, picked, mark, clock)


def _spark(found: Report) -> list[tuple[float, float]]:
    if found.config is None:
        return []
    name = SPARK[found.config.kind]
    rows = rows_of(found.folder)
    return [(float(r["step"]), float(r[name])) for r in rows if "split" not in r and isinstance(r.get(name), float)]


def asking(workspace: Workspace, plan: Plan) -> Asking:
    """Return the checklist, the first rows and the Start button of a plan."""
    found = ready(plan, workspace.home, workspace.models, workspace.store)
    html = checklist(found) + _rows(workspace, plan, found)
    # Other writers of a studio have no shell here, and a shell has no way to the library's own pieces.
    if found.config and found.data and not workspace.writer_name and plan.source != "own":
        html += command(found.config, job.runs_in(workspace.home) / found.config.name)
    return Asking(html, gr.Button(found.wanted or START, interactive=not found.wanted))


def _rows(workspace: Workspace, plan: Plan, found: Ready) -> str:
    if found.data is None:
        return ""
    try:
        from writer_r1.llm.llamacpp import read_template

        template = read_template(catalog.path_of(plan.base, workspace.models))
        return preview(found, lambda example: as_seen(example, template, plan.practised))
    except WriterError:  # a folder of safetensors, or a base that the list above refuses
        return preview(found, None)


def on_change(workspace: Workspace, values: tuple[Any, ...]) -> list[Any]:
    """Keep what the fields hold; return the fields that look different now, and what stands beside them."""
    plan = train_form.plan_from(values, before := read_plan(workspace.home), workspace.judge)
    if workspace.writer_name and not train_form.own_alone(plan, workspace.home):
        plan = before  # no page offers it
    try:
        keep_plan(workspace.home, plan)
    except WriterError as error:
        warn(str(error))
    return [*train_form.shown(workspace, plan), *train_form.hints(plan), *asking(workspace, plan)]


def on_start(workspace: Workspace, opened: str, picked: Picked = NONE_PICKED) -> Page:
    """Begin the run that is planned, and let the writing model go."""
    plan = read_plan(workspace.home)
    try:
        opened = begin(plan, workspace.home, workspace.store).name
        workspace.release()
        keep_plan(workspace.home, plan.model_copy(update={"name": ""}))
    except WriterError as error:
        warn(str(error))
    return look(workspace, opened, picked=picked)


def on_act(workspace: Workspace, opened: str, wish: dict[str, str], picked: Picked = NONE_PICKED) -> list[Any]:
    """Do what a button of a run asks for; a browser may have sent anything, so only runs that are there count."""
    folder = job.runs_in(workspace.home) / (wish.get("name") or "")
    plan: Plan | None = None
    refusal = ""
    if wish["act"] in PICKING:
        picked, refusal = pick(picked, wish)
    elif folder in job.folders(workspace.home):
        try:
            opened = folder.name
            plan = act(workspace, folder, wish)
        except WriterError as error:
            refusal = str(error)
    if refusal and not wish.get("ticket"):
        warn(refusal)
    page, told = look(workspace, opened, picked=picked), answer(wish, refusal)
    if plan is None:
        now = read_plan(workspace.home)
        return [*page, told, *[gr.skip()] * len(train_form.values_of(workspace, now)), *asking(workspace, now)]
    return [*page, told, *train_form.values_of(workspace, plan), *asking(workspace, plan)]


def formed(workspace: Workspace) -> list[Any]:
    """Return the form of the plan that is kept, and what stands beside it."""
    plan = read_plan(workspace.home)
    return [*train_form.values_of(workspace, plan), *asking(workspace, plan)]


def on_load(workspace: Workspace, opened: str, picked: Picked = NONE_PICKED) -> list[Any]:
    """Return the whole tab as it is now."""
    return [*look(workspace, opened, picked=picked), gr.skip(), *formed(workspace)]


def _place_new(workspace: Workspace) -> tuple[train_form.Form, list[Any]]:
    """Place the form of a new run and what stands beside it, and return both."""
    with gr.Row(elem_id="train-new"):
        with gr.Column(elem_id="train-form", min_width=0):
            gr.HTML("<h2>A new run</h2>", apply_default_css=False)
            form = train_form.place(workspace, read_plan(workspace.home))
        with gr.Column(elem_id="train-side", min_width=0):
            board = Board("", elem_id="train-ready", script="train.js")
            start = gr.Button(START, variant="primary", elem_id="train-start", interactive=False)
    return form, list(Asking(board, start))


def build(workspace: Workspace) -> Wiring:
    """Place the tab's parts in the open Tab and wire them."""
    blind = blind_page.place()
    run = Board("", elem_id="train-run", script="keep_focus.js")
    announce = gr.HTML("", elem_id="train-announce", apply_default_css=False)
    form, side = _place_new(workspace)
    material = material_page.place(workspace)
    gr.HTML("<h2>Runs</h2>", elem_id="train-history", apply_default_css=False)
    runs = Board("", elem_id="train-runs", script="keep_focus.js")
    overlay = Board("", elem_id="train-overlay", script="keep_focus.js")
    told = gr.HTML("", elem_id="train-answer", apply_default_css=False)
    opened, sent, timer = gr.State(""), gr.State(""), gr.Timer(LOOK_S, active=False)
    picked = gr.State(NONE_PICKED)
    page: list[Any] = list(Page(run, runs, overlay, announce, opened, picked, sent, timer))
    everything, reading = [*page, told, *form.fields, *side], [blind.shown, blind.sent, material.sent]

    def acted(now: str, over: Picked, event: gr.EventData) -> list[Any]:
        return on_act(workspace, now, asked(event), over)

    def ticked(now: str, before: str, over: Picked, shown: str, sent: Sequence[str], told: Sequence[str]) -> list[Any]:
        parts, same = look(workspace, now, before, over), gr.skip()
        pair = [*blind_page.look(workspace, shown, sent), *material_page.look(workspace, told)]
        if parts.timer.active:
            return [*parts._replace(timer=same), same, same, *pair]
        return [*parts, *asking(workspace, read_plan(workspace.home)), *pair]  # the machine is free for another

    # Not their change: what the page itself puts into a field would come back as a plan, half of it.
    heeded = [f.input for f in form.choices] + [event for f in form.typed for event in (f.blur, f.submit)]
    # One wish for all of them: answered side by side, an older one could be kept last.
    looks = [form.path, form.works, form.reward, form.thoughts, form.start, *form.numbers]
    kept = gr.on(
        heeded, lambda *v: on_change(workspace, v), form.fields, [*looks, *side], trigger_mode="always_last", **QUIET
    )
    started = side[1].click(
        lambda now, over: on_start(workspace, now, over), [opened, picked], page, trigger_mode="once", **QUIET
    )
    started.then(lambda: formed(workspace), None, [*form.fields, *side], **QUIET)  # the run is seen first
    heard = run.submit(acted, [opened, picked], everything, **EACH)
    for board_of_runs in (runs, overlay):
        board_of_runs.submit(acted, [opened, picked], everything, **EACH)
    timer.tick(ticked, [opened, sent, picked, *reading], [*page, *side, *blind, *material.followed], **QUIET)
    material_page.wire(workspace, material, timer, [*form.fields, *side], lambda: formed(workspace), kept)
    comparing = blind_page.wire(workspace, blind, timer)
    heard.then(**comparing)
    return Wiring(
        lambda now, over, shown, sent, told: [
            *on_load(workspace, now, over),
            *blind_page.look(workspace, shown, sent),
            *material_page.loaded(workspace, told),
        ],
        [opened, picked, *reading],
        [*everything, *blind, *material.followed, *material.numbers],
        lambda: gr.Timer(active=False),
        timer,
        heard,
        comparing,
    )


def note(workspace: Workspace) -> str:
    """Return what Write says while a run trains on this machine; an empty string where none does."""
    if not (name := training(workspace.home)):
        return ""
    mine = name.startswith("“")
    who = f'“<b dir="auto">{escape(name[1:-1])}</b>”' if mine else f"{name[0].upper()}{name[1:]}"
    more = ' <button type="button" class="link" data-tab="train">See how it goes</button>' if mine else ""
    return (
        f'<p class="beside">{who} is training on this machine. You can go on writing, but '
        "both are slower. Start loads the writing model again, if there is memory for both."
        f"{more}</p>"
    )
