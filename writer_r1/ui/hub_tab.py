"""The part of the Models page that finds models on the hub: words -> what there is -> a download on the list of models.

Nothing is asked before somebody presses Search. What was found stays with the page; the asking belongs to no page.
"""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from writer_r1 import catalog, hub, offers
from writer_r1.errors import WriterError
from writer_r1.looking import Looked, lookups, meant
from writer_r1.machine_memory import this_machine
from writer_r1.pulls import pulls_into
from writer_r1.ui import gradio as gr
from writer_r1.ui import hub_cards
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.notes import tell, warn
from writer_r1.workspace import Workspace

LOOK_S = 0.5
SOON_S = 1.5  # an answer that comes by then is shown at once
OFF = "Searching is switched off on this machine (HF_HUB_OFFLINE); start the studio without that setting to search."


class View(NamedTuple):
    """What a page looks at: what was searched for, and which repository of it is open."""

    words: str = ""
    open: str = ""

    @property
    def now(self) -> str:
        return self.open or self.words


Page = tuple[str, View, gr.Timer]


def show(workspace: Workspace, view: View, wait_s: float = 0.0) -> Page:
    """Return what was found, what is looked at, and a clock where the answer has not come."""
    looked = lookups().wait(view.now, wait_s) if view.now else Looked("none")
    try:
        here = {m.hub: m.state for m in catalog.rows(workspace.models) if m.hub}
    except WriterError as error:  # a list that cannot be read
        looked, here = Looked("failed", message=str(error)), {}
    back = bool(view.open and view.words and view.open != view.words)
    html = hub_cards.answer(looked, urlsplit(hub.endpoint()).netloc, this_machine(), here, back)
    return html, view, gr.Timer(active=looked.state == "running")


def on_search(workspace: Workspace, words: str) -> Page:
    """Ask the hub for words, or for a repository that was named."""
    what = meant(words)
    if what:
        lookups().start(what)
    return show(workspace, View(what), SOON_S)


def on_act(workspace: Workspace, view: View, wish: dict[str, str]) -> Page:
    """Do what a button asks; what a browser sends may be anything, so only what the hub answered counts."""
    asked = lookups()
    match wish["act"]:
        case "open" if wish.get("id") in [f"hf:{row.id}" for row in asked.progress(view.words).found]:
            view = view._replace(open=wish["id"])
            if asked.progress(view.open).repository is None:
                asked.start(view.open)
            return show(workspace, view, SOON_S)
        case "back":
            view = view._replace(open="")
        case "stop":
            asked.stop(view.now)
            return show(workspace, view, SOON_S)
        case "get" if found := asked.offer(view.now, wish.get("id", "")):
            try:
                entry = offers.choose(*found, workspace.models)
                pulls_into(workspace.models).start(entry.name)
                tell(f"{entry.label} is being downloaded; its card is in the list above.")
            except WriterError as error:
                warn(str(error))
    return show(workspace, view)


def build(workspace: Workspace) -> Any:
    """Place the parts in the open tab, wire them, and return what happens after a button was heard."""
    host = urlsplit(hub.endpoint()).netloc
    tells = f"Your words go to {host} when you press Search, and nothing before. Or type its full name, OWNER/NAME."
    with gr.Row(elem_id="find-model"):
        words = gr.Textbox(
            label="Find a model on the internet",
            info=OFF if hub.offline() else tells,
            placeholder="llama instruct, or OWNER/NAME",
            max_lines=1,
            elem_id="hub-words",
        )
        search = gr.Button("Search", elem_id="hub-search", scale=0, min_width=96)
    board = Board("", elem_id="hub", script="keep_focus.js")
    view, timer = gr.State(View()), gr.Timer(LOOK_S, active=False)
    page: list[Any] = [board, view, timer]

    def acted(now: View, event: gr.EventData) -> Page:
        return on_act(workspace, now, asked(event))

    for event in (search.click, words.submit):
        event(lambda text: on_search(workspace, text), words, page, **QUIET)
    timer.tick(lambda now: show(workspace, now), view, page, **QUIET)
    return board.submit(acted, view, page, **EACH)
