"""The blind comparison on the Train page: pairs that appear as they are written, and what a reader says of each.

A choice is in the library before its answer is shown. What is being read stays as it stands while others are written:
a part of the page is sent anew only where it changed.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from writer_r1.errors import WriterError
from writer_r1.store import BlindPair, Preferred
from writer_r1.ui import gradio as gr
from writer_r1.ui.blind_board import blind_board, blind_progress, chosen
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.notes import warn
from writer_r1.workspace import Workspace


class Parts(NamedTuple):
    """The pair, how far the writing is, which chosen pair is shown, and digests of what was sent last."""

    board: Any
    writing: Any
    shown: Any
    sent: Any


def place() -> Parts:
    """Place the parts, hidden until a comparison lies open."""
    board = Board("", elem_id="blind", script="blind_board.js")
    writing = Board("", elem_id="blind-writing", script="keep_focus.js")
    return Parts(board, writing, gr.State(""), gr.State(("", "")))


def look(workspace: Workspace, shown: str, sent: Sequence[str] = ("", "")) -> Parts:
    """Return the comparison that lies open as it is now; what is as it was `sent` last is skipped."""
    trials = workspace.blind_trials
    try:
        trial = trials.opened
        pairs = workspace.store.blind_pairs(trial.weights) if trial else []
    except WriterError as error:
        warn(str(error))
        return Parts(gr.skip(), gr.skip(), shown, sent)
    writing = trials.progress(trial) if trial else None
    running = writing is not None and writing.state == "running"
    html = (
        blind_board(trial, pairs, shown, writing=running) if trial else "",
        blind_progress(trial, writing, len(pairs)) if trial else "",
    )
    marks = tuple(hashlib.sha256(part.encode("utf-8", "replace")).hexdigest() for part in html)
    board, progress = (
        gr.skip() if mark == before else part for part, mark, before in zip(html, marks, sent, strict=True)
    )
    return Parts(board, progress, shown, marks)


def on_act(workspace: Workspace, shown: str, sent: Sequence[str], wish: dict[str, str]) -> Parts:
    """Do what a button of the comparison asks for; a browser may have sent anything."""
    try:
        shown = _act(workspace, shown, wish)
    except WriterError as error:
        warn(str(error))
    return look(workspace, shown, sent)


def _act(workspace: Workspace, shown: str, wish: dict[str, str]) -> str:
    """Do it, and return which chosen pair is then shown."""
    trials = workspace.blind_trials
    match wish["act"]:
        case "choose" | "out":
            return _chosen(workspace, shown, wish)
        case "more":
            trials.more()
        case "halt":
            trials.stop()
            return shown
        case "shut":
            trials.shut()
    return ""


def _chosen(workspace: Workspace, shown: str, wish: dict[str, str]) -> str:
    trial = workspace.blind_trials.opened
    pairs = workspace.store.blind_pairs(trial.weights) if trial else []
    pair = next((p for p in pairs if p.id == wish.get("pair")), None)
    choice = _choice(pair, wish) if pair else ""
    if pair is None or not choice:
        return shown
    workspace.store.choose_blind(pair, choice)  # pressed twice, the first counts
    return pair.id


def _choice(pair: BlindPair, wish: dict[str, str]) -> Preferred:
    return "out" if wish["act"] == "out" else chosen(pair, wish.get("choice", ""))


def clock(workspace: Workspace) -> Any:
    """Return what the page's clock is to do: run while pairs are written, else go on as it does."""
    return gr.Timer(active=True) if workspace.blind_trials.running() else gr.skip()


def wire(workspace: Workspace, parts: Parts, timer: Any) -> dict[str, Any]:
    """Wire the buttons of the parts, and return what shows the comparison after another part of the page opened it."""
    reading = [parts.shown, parts.sent]

    def acted(shown: str, sent: Sequence[str], event: gr.EventData) -> list[Any]:
        return [*on_act(workspace, shown, sent, asked(event)), clock(workspace)]

    def opened(shown: str, sent: Sequence[str]) -> list[Any]:
        return [*look(workspace, shown, sent), clock(workspace)]

    for part in (parts.board, parts.writing):
        part.submit(acted, reading, [*parts, timer], **EACH)
    return {"fn": opened, "inputs": reading, "outputs": [*parts, timer]} | QUIET
