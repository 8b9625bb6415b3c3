"""The store's pieces -> the sidebar: what there is, what was found, what was just deleted. Pure HTML, no gradio."""

import json
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple

from writer_r1.store import Hit, Piece, Run, Store
from writer_r1.ui.files_menu import import_button

STATES = {"running": "being written", "failed": "failed", "interrupted": "interrupted", "stopped": "stopped"}
AT_ONCE = 200  # pieces listed before “Show older ones”
RENAME = """<template data-dialog="rename"><form method="dialog" data-act="rename"><h2>Rename this piece</h2>
<label>Title <input name="title" maxlength="120" required autofocus></label>
<footer><button type="button" data-close>Cancel</button><button class="main">Rename</button></footer>
</form></template>"""


class Shelf(NamedTuple):
    """What the sidebar shows besides the pieces: the open one, the words looked for, the one just deleted, how many."""

    open: str = ""
    query: str = ""
    deleted: str = ""
    shown: int = AT_ONCE


def library(store: Store, shelf: Shelf) -> str:
    """Return the sidebar."""
    rows = found(store, shelf) if shelf.query.strip() else kept(store, shelf)
    undo = ""
    if shelf.deleted:
        undo = (
            '<p class="undo" role="status">Deleted, and kept for thirty days below. '
            f'<button data-act="undelete" data-piece="{escape(shelf.deleted)}">Undo</button></p>'
        )
    return (
        '<nav class="shelf" aria-label="Your pieces"><header><h2>Your pieces</h2>'
        '<button type="button" data-unshelf class="tool" aria-label="Close the list">✕</button>'
        f'<button data-act="new" class="new">New piece</button>{import_button()}</header>'
        '<label class="find"><span class="unseen">Search everything you wrote</span>'
        '<input type="search" data-act="search" placeholder="Search" autocomplete="off"></label>'
        f"{undo}{rows}{RENAME}</nav>"
    )


def kept(store: Store, shelf: Shelf) -> str:
    """Return every piece, newest first, the open one with its sessions."""
    pieces = store.pieces(shelf.shown)
    if shelf.open and all(piece.id != shelf.open for piece in pieces) and (here := store.piece(shelf.open)):
        pieces.append(here)  # an older one is open
    rows = [row(piece, store.runs_of(piece.id) if piece.id == shelf.open else (), shelf.open) for piece in pieces]
    loose = store.loose_runs(20)
    others = "".join(
        f'<li><button data-act="adopt" data-run="{escape(run.id)}" class="open" dir="auto">{escape(run.title)}'
        f"<small>{when(run.created)}</small></button></li>"
        for run in loose
    )
    apart = f"<h3>From the command line</h3><ul>{others}</ul>" if others else ""
    none = (
        '<p class="quiet">Nothing here yet. What you write is kept on this machine.</p>' if not (rows or loose) else ""
    )
    left = store.piece_count() - len(pieces)
    more = f'data-act="older" data-shown="{shelf.shown + AT_ONCE}"'
    older = f'<p><button class="more" {more}>Show older ones ({left:,} more)</button></p>' if left > 0 else ""
    return f'<ul class="kept" data-shown="{shelf.shown}">{"".join(rows)}</ul>{older}{apart}{none}{binned(store)}'


def binned(store: Store) -> str:
    """Return the deleted pieces that can still be brought back, folded."""
    pieces = store.deleted_pieces()
    rows = "".join(
        f'<li><span dir="auto">{escape(piece.title)}</span><button data-act="undelete" data-piece="{escape(piece.id)}" '
        f'aria-label="Bring back {escape(piece.title)}">Bring back</button></li>'
        for piece in pieces
    )
    if not rows:
        return ""
    about = '<p class="quiet">They are kept for thirty days.</p>'
    head = f"<summary>Deleted ({len(pieces)})</summary>"
    return f'<details class="bin" data-key="bin">{head}{about}<ul>{rows}</ul></details>'


def row(piece: Piece, runs: Sequence[Run], opened: str) -> str:
    """Return one piece with what can be done to it."""
    here = ' aria-current="true"' if piece.id == opened else ""
    id_, fill = escape(piece.id), escape(json.dumps({"title": piece.title, "piece": piece.id}))
    sessions = "".join(session(run) for run in runs)
    name = escape(piece.title)
    return (
        f'<li data-key="{id_}"><div class="piece">'
        f'<button data-act="open" data-piece="{id_}" class="open" dir="auto"{here}><span class="title">{name}</span>'
        f"<small>{when(piece.updated)}</small></button>"
        f'<button class="tool" data-dialog="rename" data-fill="{fill}" aria-label="Rename {name}">✎</button>'
        f'<button class="tool" data-act="delete" data-piece="{id_}" aria-label="Delete {name}">✕</button>'
        f"</div>{f'<ul class=sessions>{sessions}</ul>' if sessions else ''}</li>"
    )


def session(run: Run) -> str:
    """Return one session of the open piece."""
    state = f" · {STATES[run.state]}" if run.state in STATES else ""
    return (
        f'<li><button data-act="session" data-run="{escape(run.id)}" class="open">Session '
        f"<small>{when(run.created)}{state}</small></button></li>"
    )


def found(store: Store, shelf: Shelf) -> str:
    """Return what holds every word looked for."""
    hits = store.find(shelf.query)
    if not hits:
        return f'<p class="quiet">Nothing holds “{escape(shelf.query.strip()[:80])}”.</p>'
    return f"<ul>{''.join(hit_row(hit, shelf) for hit in hits)}</ul>"


def hit_row(hit: Hit, shelf: Shelf) -> str:
    """Return one piece that was found, with the words around the first match."""
    here = ' aria-current="true"' if hit.piece.id == shelf.open else ""
    return (
        f'<li data-key="{escape(hit.piece.id)}"><button data-act="open" data-piece="{escape(hit.piece.id)}" '
        f'data-run="{escape(hit.run_id or "")}" class="open" dir="auto"{here}><span class="title">'
        f"{escape(hit.piece.title)}</span><small>{escape(hit.snippet)}</small></button></li>"
    )


def when(seconds: float) -> str:
    """Return a time as a reader says it: the hour today, else the day."""
    moment, now = datetime.fromtimestamp(seconds), datetime.now()
    if moment.date() == now.date():
        return f"today {moment:%H:%M}"
    return f"{moment.day} {moment:%B}" if moment.year == now.year else f"{moment.day} {moment:%B %Y}"
