"""Which piece lies open on a page, and which of its runs: opening, searching, renaming, deleting.

The page tells with each wish its *place*: the open piece, the revision it was typed upon, and the run that is shown.
"""

import itertools
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from writer_r1.errors import WriterError
from writer_r1.manuscript_file import LONGEST
from writer_r1.store import Piece
from writer_r1.ui import gradio as gr
from writer_r1.ui import render
from writer_r1.ui.board import number
from writer_r1.ui.library import Shelf, library
from writer_r1.workspace import Workspace

LONG = 20_000  # characters; as in `outline.js`

_numbers = itertools.count(1)


class Place(BaseModel):
    """Where a page is. What it tells is checked against the store, never trusted."""

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(default="", max_length=64)
    base: int = 0
    run: str = Field(default="", max_length=64)
    part: str = Field(default="", max_length=LONGEST)  # the words of the scene to work on; empty: the whole text


class Desk(NamedTuple):
    """What a page shows of a piece, and the run it follows from now on."""

    piece: Any
    brief: Any
    text: Any
    follow: str
    shelf: Any
    trouble: Any = ""
    undo: Any = gr.skip()  # what is offered to be undone


def place_of(said: str) -> Place:
    """Return the place a page told of; an empty one where it told nothing of use."""
    try:
        return Place.model_validate_json(said or "{}")
    except ValidationError:
        return Place()


def mark(piece: Piece | None, run_id: str = "") -> str:
    """Return the part that tells the page's script which piece and revision it holds."""
    id_, revision, title = (piece.id, piece.revision, piece.title) if piece else ("", 0, "")
    return render.mark(id_, revision, run_id, title, told=next(_numbers), long=bool(piece and len(piece.text) > LONG))


def still(piece: Piece, place: Place, run_id: str) -> str:
    """Return the mark of a page whose boxes stay as they are.

    It holds the revision it was typed upon: told a newer one, it would save over words that it never showed.
    """
    return mark(piece._replace(revision=place.base) if piece.id == place.piece else piece, run_id)


def ticket(piece: Piece | None, run_id: str) -> str:
    """Return a new wish to follow a run of a piece; equal wishes would not reach the follower."""
    return f"{piece.id if piece else ''}/{run_id}#{next(_numbers)}"


def opened(workspace: Workspace, piece: Piece | None, run_id: str = "") -> Desk:
    """Return the desk of a piece, with the wanted run or its newest."""
    if piece and not run_id:
        run_id = next((run.id for run in workspace.store.runs_of(piece.id)), "")
    shelf = library(workspace.store, Shelf(piece.id if piece else ""))
    brief, text = (piece.brief, piece.text) if piece else ("", "")
    return Desk(mark(piece, run_id), brief, text, ticket(piece, run_id), shelf, "", "")


BEGUN = "new"  # in the address of a piece that is not in the library yet


def on_load(workspace: Workspace, piece_id: str | None, run_id: str | None) -> Desk:
    """Return the desk of what the address names; else of what is being written, else of the newest piece."""
    try:
        return _load(workspace, piece_id or "", run_id or "")
    except WriterError as error:
        return refused(str(error))


def _load(workspace: Workspace, piece_id: str, run_id: str) -> Desk:
    store = workspace.store
    run = run_id if run_id and store.run(run_id) else ""
    if not run and not piece_id:
        run = next(iter(store.running()), "")
    if run:
        of = store.piece_of(run)
        return _found(workspace, store.piece(of) if of else store.adopt(run), run)
    if piece_id:
        return opened(workspace, None) if piece_id == BEGUN else _found(workspace, store.piece(piece_id))
    piece = store.piece(store.latest_piece() or "")
    if piece is None and (last := store.latest()):
        piece = store.adopt(last)
    return opened(workspace, piece)


def _found(workspace: Workspace, piece: Piece | None, run_id: str = "") -> Desk:
    """Return the desk of a piece that an address names, or an empty one that says that it is not there."""
    if piece is not None:
        return opened(workspace, piece, run_id)
    todo = "Open another from your pieces, or bring it back from “Deleted” below them."
    return opened(workspace, None)._replace(trouble=render.notice("The piece of this address is not there.", "", todo))


def refused(sentence: str) -> Desk:
    """Return a desk where nothing changes but the card that says why."""
    same = gr.skip()
    return Desk(same, same, same, same, same, render.notice(sentence, "Your text is still in its box.", ""))


def on_shelf(workspace: Workspace, said: str, wish: dict[str, str]) -> Desk:
    """Do what a button of the sidebar asks for."""
    place, store, same = place_of(said), workspace.store, gr.skip()
    piece_id, run_id = wish.get("piece", ""), wish.get("run", "")
    shelf = Shelf(place.piece, wish.get("value", "") if wish["act"] in ("search", "refresh") else "")
    shelf = shelf._replace(shown=max(shelf.shown, number(wish, "shown")))
    try:
        match wish["act"]:
            case "new":
                return opened(workspace, None)
            case "open" if piece := store.piece(piece_id):
                return opened(workspace, piece, run_id)
            case "session" if store.run(run_id):
                piece = store.piece(store.piece_of(run_id) or "") or store.adopt(run_id)
                if piece.id != place.piece:  # the boxes hold another one's words
                    return opened(workspace, piece, run_id)
                return Desk(still(piece, place, run_id), same, same, ticket(piece, run_id), same)
            case "adopt" if store.run(run_id):
                return opened(workspace, store.adopt(run_id), run_id)
            case "rename":
                store.rename_piece(piece_id, wish.get("title", ""))
            case "delete":
                store.delete_piece(piece_id)
                shelf = shelf._replace(deleted=piece_id)
                if piece_id == place.piece:
                    shelf = shelf._replace(open="")
                    return opened(workspace, None)._replace(shelf=library(store, shelf))
            case "undelete":
                store.restore_piece(piece_id)
                return opened(workspace, store.piece(piece_id))
    except WriterError as error:
        return refused(str(error))
    return Desk(same, same, same, same, library(store, shelf), same)  # what the card tells still holds
