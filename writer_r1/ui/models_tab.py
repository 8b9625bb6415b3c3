"""The Models page: what there is, what it takes, and the wish to fetch, use, test or remove a model -> the workspace.

A page owns no download and no test: it looks once a second while one runs, so pages may be closed, reloaded or opened
twice.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from writer_r1 import adapters, catalog
from writer_r1.calibration import fit_id
from writer_r1.catalog import Model
from writer_r1.errors import Busy, WriterError
from writer_r1.joining import Asked, joins_into
from writer_r1.machine_memory import this_machine
from writer_r1.pulls import kept_bytes, pulls_into, remove
from writer_r1.qualification import qualification_of
from writer_r1.qualifying import begun
from writer_r1.roles import ROLES
from writer_r1.servers import ADDRESS, server_of
from writer_r1.settings import change_settings, read_settings
from writer_r1.ui import adapter_cards, adapter_choice, hub_tab, render
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.model_cards import cards
from writer_r1.ui.notes import tell, warn
from writer_r1.ui.prose import answer
from writer_r1.ui.role_lines import BESIDE
from writer_r1.ui.server_cards import ASKING, can_judge
from writer_r1.ui.shelf import Shelf
from writer_r1.ui.trust import LABEL
from writer_r1.workspace import Workspace

LOOK_S = 1.0
SOON_S = 0.7  # a server that answers by then is not waited for
TESTED = "judge "  # before the name of a model whose test is watched; no name has a space in it
KEPT = "The models are shared by all writers; whoever runs this studio adds and removes them."
ASKED = "server "  # before the address or name of a server that is asked
Page = tuple[Any, Any, Any]  # the cards, the names of the downloads and tests this page watches, the timer


class Wiring(NamedTuple):
    """For the page around: `load(*inputs) -> outputs` when the tab is chosen, `leave() -> timer` when another is."""

    load: Callable[[list[str]], Page]
    inputs: list[Any]
    outputs: list[Any]
    leave: Callable[[], gr.Timer]
    timer: gr.Timer
    acted: Any  # what happens after a button was heard can be added to it


def look(workspace: Workspace) -> Shelf:
    """Return what the cards show now.

    Raises:
        ModelError: the list of the user's own models cannot be read.
    """
    models = tuple(catalog.rows(workspace.models))
    settings, pulls = read_settings(workspace.home), pulls_into(workspace.models)
    using = dict(zip(ROLES, workspace.cast(), strict=True))
    ready = [m.name for m in models if m.state == "ready"]
    return Shelf(
        models,
        {m.name: kept_bytes(m.name, workspace.models) for m in models if m.state == "partial"},
        {m.name: p for m in models if (p := pulls.progress(m.name))},
        this_machine(),
        {role: catalog.find(name, workspace.models).name for role, name in using.items()},
        {role: getattr(settings, role) for role in ROLES},
        {name: found for name in ready if (found := qualification_of(name, workspace.common))},
        {name: test for name in ready if (test := workspace.qualifying.progress(name))},
        [name for name in ready if begun(name, workspace.common)],
        joins_into(workspace.models).running(),
        {name: fit_id(name, workspace.common) for name in ready},
    )


def show(workspace: Workspace, watched: list[str]) -> Page:
    """Return the page as it is now, telling of each watched download or test that has ended."""
    try:
        shelf = look(workspace)
    except WriterError as error:
        return render.notice(str(error), "Your writing is not touched.", ""), [], gr.Timer(active=False)
    for name in watched:
        _tell(shelf, name)
        _tell_asked(workspace, name)
    tested = workspace.qualifying.running()
    running = pulls_into(workspace.models).running() + ([TESTED + tested] if tested else [])
    running += [ASKED + what for what in shelf.asking]
    return cards(shelf) + adapter_cards.cards(known(workspace, shelf)), running, gr.Timer(active=bool(running))


def known(workspace: Workspace, shelf: Shelf) -> list[adapter_cards.Known]:
    """Return the adapters as the cards show them."""
    kept = adapters.adapters(workspace.home)
    ready = {adapters.base_digest(m): m for m in shelf.models if m.state == "ready"} if kept else {}
    worn, writer = workspace.settings.adapter, shelf.named(shelf.using["writer"])
    return [
        adapter_cards.Known(a, worn=a.name == worn and base == writer, base=base.label if base else "")
        for a in kept
        for base in [ready.get(a.base_sha256)]
    ]


def _tell(shelf: Shelf, name: str) -> None:
    if name.startswith(TESTED):
        _tell_tested(shelf, name.removeprefix(TESTED))
    model, pull = shelf.named(name), shelf.pulls.get(name)
    if model and pull and pull.state == "done":
        tell(f"{model.label} is here and can be used.")
    elif pull and pull.state == "failed":
        warn(pull.message)


def _tell_tested(shelf: Shelf, name: str) -> None:
    model, test, found = shelf.named(name), shelf.tests.get(name), shelf.judges.get(name)
    if model and test and test.state == "done" and found:
        tell(f"{model.label} was tested as a judge: {LABEL[found.trust]}.")
    elif test and test.state == "failed":
        warn(test.message)


def _tell_asked(workspace: Workspace, name: str) -> None:
    if name.startswith(ASKED):
        _say(joins_into(workspace.models).progress(name.removeprefix(ASKED)))


def _say(asked: Asked) -> None:
    if asked.message:
        (tell if asked.state == "done" else warn)(asked.message)


def on_act(workspace: Workspace, watched: list[str], wish: dict[str, str]) -> Page:
    """Do what a card's button asks, and return the page."""
    try:
        _act(workspace, wish)
    except WriterError as error:
        warn(str(error))
    return show(workspace, watched)


def _act(workspace: Workspace, wish: dict[str, str]) -> None:
    """Do what a browser asked; it may have sent anything, so only listed models and known wishes count.

    Raises:
        WriterError: it cannot be done; the sentence says why.
    """
    if workspace.writer_name and wish["act"] in ("remove", "forget"):
        raise WriterError(KEPT)
    if wish["act"] in ("try-adapter", "blind", "delete-adapter"):
        _act_on_adapter(workspace, wish)
        return
    if wish["act"] == "unuse" and wish.get("role") in BESIDE:
        change_settings(workspace.home, **{wish["role"]: None})
        return
    if wish["act"] == "unask":
        joins_into(workspace.models).stop(wish.get("name", ""))
        return
    model = next((m for m in catalog.rows(workspace.models) if m.name == wish.get("name")), None)
    if model is None:
        return
    pulls = pulls_into(workspace.models)
    match wish["act"]:
        case "download" if model.sha256:
            pulls.start(model.name)
        case "cancel":
            pulls.cancel(model.name)
        case "remove":
            _remove(workspace, model)
        case "forget" if model.sha256 is None or (model.hub and model.state == "absent"):
            catalog.forget(model.name, workspace.models)
        case "use" if wish.get("role") in ROLES and model.state == "ready":
            if wish["role"] == "judge" and not can_judge(model):
                return
            change_settings(workspace.home, **{wish["role"]: model.name})
        case "test" if model.state == "ready":
            workspace.qualifying.start(model.name)
        case "ask" if model.server:
            _say(_asked(workspace, model.name))
        case "untest":
            workspace.qualifying.stop(model.name)


def _act_on_adapter(workspace: Workspace, wish: dict[str, str]) -> None:
    """Delete an adapter, compare it blind, or let the writer wear it, as the model that it fits.

    Raises:
        WriterError: it is not there, is in use, or the model that it fits is not.
    """
    adapter = adapters.find(wish.get("name", ""), workspace.home)
    if wish["act"] == "try-adapter":
        adapter_choice.choose(workspace, adapter)
    elif wish["act"] == "blind":
        workspace.blind_trials.open(adapter.name)
    elif workspace.store.running():
        raise Busy(f"A piece is being written; delete {adapter.name!r} when that has ended, or press Stop first.")
    else:
        adapters.delete(adapter.name, workspace.home)


def _remove(workspace: Workspace, model: Model) -> None:
    """Delete what was downloaded of a model that no job uses.

    Raises:
        Busy: a piece is being written, or the model is being downloaded or tested.
    """
    if model.name == workspace.qualifying.running():
        raise Busy(f"{model.label} is being tested as a judge; press Stop first, then remove it.")
    if workspace.store.running():
        raise Busy(f"A piece is being written; remove {model.label} when that has ended, or press Stop first.")
    with workspace.machine(timeout_s=0):  # another home's job may use it
        remove(model.name, workspace.models)
    pulls_into(workspace.models).forget(model.name)


def on_add(workspace: Workspace, path: str) -> tuple[str, str]:
    """Return what came of adding the user's own file, and what the field then holds."""
    if workspace.writer_name:
        return answer(KEPT, wrong=True), path
    path = path.strip().strip("\"'")
    if not path:
        return answer("Type or paste the path of a GGUF file on this machine, or a server's address.", wrong=True), path
    if ADDRESS.fullmatch(path):
        return _on_server(workspace, path)
    try:
        model = catalog.add(path, workspace.models)
    except WriterError as error:
        return answer(str(error), wrong=True), path
    return answer(f"{model.label} is listed; its file stays where it is."), ""


def _on_server(workspace: Workspace, address: str) -> tuple[str, str]:
    try:
        server = server_of(address)
    except WriterError as error:
        return answer(str(error), wrong=True), address
    asked = _asked(workspace, address)
    if asked.state == "running":
        return answer(f"{server.host} {ASKING}"), ""
    failed = asked.state == "failed"
    return answer(asked.message, failed), address if failed else ""


def _asked(workspace: Workspace, what: str) -> Asked:
    """Ask a server, and return what came of it where it answers at once."""
    joins_into(workspace.models).start(what)
    return joins_into(workspace.models).wait(what, SOON_S)


def build(workspace: Workspace) -> Wiring:
    """Place the tab's parts in the open Tab and wire them."""
    shared = ["shared"] if workspace.writer_name else None
    board = Board("", elem_id="models", script="keep_focus.js", elem_classes=shared)
    watched, timer = gr.State([]), gr.Timer(LOOK_S, active=False)
    page: list[Any] = [board, watched, timer]
    with gr.Row(elem_id="add-model", visible=not workspace.writer_name):
        path = gr.Textbox(
            label="Add a model of your own",
            info="The path of a GGUF chat model on this machine, which is used where it lies and never deleted; or the "
            "address of an OpenAI-compatible server, with the model's name after a #.",
            placeholder="~/models/my-model.gguf or http://127.0.0.1:8080/v1#my-model",
            max_lines=1,
            elem_id="model-path",
        )
        add = gr.Button("Add", elem_id="model-add", scale=0, min_width=96)
    answer = gr.HTML("", elem_id="model-answer", apply_default_css=False)
    chosen = hub_tab.build(workspace)

    def acted(now: list[str], event: gr.EventData) -> Page:
        return on_act(workspace, now, asked(event))

    def looked(now: list[str]) -> Page:
        return show(workspace, now)

    def ticked(now: list[str]) -> Page:
        html, running, clock = show(workspace, now)
        return html, running, gr.skip() if running else clock

    heard = board.submit(acted, watched, page, **EACH)
    timer.tick(ticked, watched, page, **QUIET)
    chosen.then(looked, watched, page, **QUIET)
    for event in (add.click, path.submit):
        added = event(lambda text: on_add(workspace, text), path, [answer, path], **QUIET)
        added.then(looked, watched, page, **QUIET)
    return Wiring(looked, [watched], page, lambda: gr.Timer(active=False), timer, heard)
