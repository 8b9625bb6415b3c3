"""What a page sends of a piece -> the store, and what the page must know of it: saved, stale, or why not.

A save carries the revision it was typed upon. Where another page saved meanwhile nothing is written: both texts go
back to the page and its user chooses.
"""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from writer_r1.errors import StaleSave, WriterError
from writer_r1.manuscript_file import LONGEST
from writer_r1.store import Source
from writer_r1.workspace import Workspace


class Sent(BaseModel):
    """A piece as a browser has it; no `piece` where it is not in the library yet."""

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(default="", max_length=64)
    base: int = 0
    brief: str = Field(default="", max_length=LONGEST)
    text: str = Field(default="", max_length=LONGEST)
    why: str = Field(default="", max_length=200)
    copy_of: str = Field(default="", max_length=64)  # keep this text as a new piece beside that one


def saver(workspace: Workspace) -> Callable[[Any], dict[str, Any]]:
    """Return the function that a page calls to save."""

    def save(sent: Any) -> dict[str, Any]:
        try:
            return keep(workspace, Sent.model_validate(sent))
        except ValidationError:
            return {"error": "This piece is too long to be kept; put a part of it into a new piece."}
        except WriterError as error:
            return {"error": str(error)}

    return save


def keep(workspace: Workspace, sent: Sent) -> dict[str, Any]:
    """Return the saved piece's id and revision, or the newer piece that another page saved."""
    store = workspace.store
    if sent.copy_of:
        original = store.piece(sent.copy_of)
        title = f"{original.title} (copy)" if original else ""
        source = Source("piece", original.id, original.revision) if original else None
        piece = store.new_piece(sent.brief, sent.text, title, source)
    elif not sent.piece:
        if not (sent.brief.strip() or sent.text.strip()):
            return {"piece": "", "revision": 0}
        piece = store.new_piece(sent.brief, sent.text)
    else:
        if store.piece(sent.piece) is None:  # deleted in another page: what is typed here is kept all the same
            piece = store.new_piece(sent.brief, sent.text)
            return {"piece": piece.id, "revision": piece.revision, "title": piece.title, "moved": True}
        try:
            piece = store.save_piece(sent.piece, sent.brief, sent.text, sent.base, sent.why)
        except StaleSave as stale:
            now = stale.current
            return {"stale": {"piece": now.id, "revision": now.revision, "brief": now.brief, "text": now.text}}
    return {"piece": piece.id, "revision": piece.revision, "title": piece.title}
