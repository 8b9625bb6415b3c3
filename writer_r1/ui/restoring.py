"""What the boards of versions and of hands and the offer to undo ask for -> a piece with the words of a version.

Before anything is put into the manuscript what was typed is kept, so every step back can be gone forward again.
"""

import itertools
from html import escape
from typing import Any, NamedTuple

from writer_r1.authorship import written_by
from writer_r1.errors import Busy, WriterError
from writer_r1.provenance import Written
from writer_r1.store import Piece, Source
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import EACH, Board, asked, number
from writer_r1.ui.desk import Desk, Place, mark, opened, place_of, refused, ticket
from writer_r1.ui.hands_board import hands_board
from writer_r1.ui.saving import Sent, keep
from writer_r1.ui.version_board import AT_ONCE, Tree, listed, moment, version_board
from writer_r1.workspace import Workspace

CHANGED_ELSEWHERE = (
    "This piece was changed in another tab; choose there or here which text to keep, then restore again."
)
GONE = "This version is not in the library any more; open the list of versions again."

_offers = itertools.count(1)


class Parts(NamedTuple):
    """The boards, for wiring."""

    undo: Board
    versions: Board
    hands: Board


def place_versions() -> Board:
    """Place the list of versions, closed."""
    return Board(version_board(None), elem_id="versions", script="version_board.js")


def place_hands() -> Board:
    """Place who wrote what, closed."""
    return Board(hands_board(None), elem_id="hands", script="hands_board.js")


def place_undo() -> Board:
    """Place the offer to undo, unseen; after all that it may lie over."""
    return Board("", elem_id="undo", script="undo.js")


def wire(workspace: Workspace, parts: Parts, desk: list[Any], typed: list[Any], js: str) -> None:
    """Connect the boards with the parts of the desk; `typed` holds the brief, the text and the place."""
    told = EACH | {"js": js}

    def listed_(brief: str, text: str, place: str, event: gr.EventData) -> tuple[Any, ...]:
        wish = asked(event)
        changed, board = on_versions(workspace, place, brief, text, wish)
        return (*changed, board)

    def undone(brief: str, text: str, place: str, event: gr.EventData) -> Desk:
        return on_undo(workspace, place, brief, text, asked(event))

    def read(place: str, event: gr.EventData) -> str:
        return on_hands(workspace, place) if asked(event)["act"] == "show" else gr.skip()

    parts.hands.submit(read, typed[-1], parts.hands, **told)
    parts.versions.submit(listed_, typed, [*desk, parts.versions], **told)
    parts.undo.submit(undone, typed, desk, **told)


def offer(sentence: str, piece_id: str, revision: int) -> str:
    """Return what was done, with the button that brings this revision back."""
    undo = f'data-act="undo" data-piece="{escape(piece_id)}" data-revision="{revision}"'
    return (
        f'<p class="note" role="status" data-ticket="{next(_offers)}"><span>{escape(sentence)}</span> '
        f'<button type="button" {undo} aria-keyshortcuts="Alt+Z" title="Alt+Z">Undo</button></p>'
    )


def done(sentence: str) -> str:
    """Return what was done, with nothing to undo."""
    return f'<p class="note" role="status" data-ticket="{next(_offers)}"><span>{escape(sentence)}</span></p>'


def on_versions(workspace: Workspace, said: str, brief: str, text: str, wish: dict[str, str]) -> tuple[Desk, Any]:
    """Return what a wish of the board changes on the desk, and the board."""
    place, same = place_of(said), gr.skip()
    if wish.get("piece", place.piece) != place.piece:  # pressed on the list of the piece that was open before
        wish = {"act": "list"}
    try:
        match wish["act"]:
            case "list" | "look":
                return unchanged(), tree(workspace, place, wish)
            case "refresh":
                return followed(workspace, place, wish), tree(workspace, place, wish) if wish.get("open") else same
            case "name":
                workspace.store.name_version(place.piece, number(wish, "revision"), wish.get("name", ""))
                return unchanged(), tree(workspace, place, wish)
            case "copy":
                return copied(workspace, place, number(wish, "revision")), same
            case "restore":
                desk = restored(workspace, place, brief, text, number(wish, "revision"))
                return desk, tree(workspace, place, wish | {"revision": ""})
    except WriterError as error:
        return refused(str(error)), same
    return unchanged(), same


def on_hands(workspace: Workspace, said: str) -> str:
    """Return who wrote what of the open piece."""
    piece = place_of(said).piece
    try:
        return hands_board(written_by(workspace.store, piece) if piece else Written("", ""))
    except WriterError as error:
        return hands_board(str(error))


def on_undo(workspace: Workspace, said: str, brief: str, text: str, wish: dict[str, str]) -> Desk:
    """Bring back what stood in the manuscript before a round was taken over or a version restored."""
    place = place_of(said)
    if wish["act"] != "undo" or not place.piece or wish.get("piece") != place.piece:
        return unchanged()
    try:
        piece, _ = _brought_back(workspace, place, brief, text, number(wish, "revision"), "undone")
    except WriterError as error:
        return refused(str(error))
    note = done("Undone: what stood here before is back.")
    return Desk(mark(piece, place.run), piece.brief, piece.text, ticket(piece, place.run), gr.skip(), "", note)


def unchanged() -> Desk:
    """Return a desk on which everything stays."""
    return Desk(*[gr.skip()] * len(Desk._fields))


def restored(workspace: Workspace, place: Place, brief: str, text: str, revision: int) -> Desk:
    """Put an earlier version into the manuscript and offer to undo it."""
    piece, before = _brought_back(workspace, place, brief, text, revision, "restored")
    old = next(step for step in workspace.store.steps(piece.id) if step.revision == revision)
    called = f"“{old.name}”" if old.name else f"The version of {moment(old.created)}"
    note = offer(f"{called} stands here now. What stood here is kept.", piece.id, before)
    return Desk(mark(piece, place.run), piece.brief, piece.text, ticket(piece, place.run), gr.skip(), "", note)


def copied(workspace: Workspace, place: Place, revision: int) -> Desk:
    """Open a new piece with the words of a version, and the criteria of the piece it is of."""
    store = workspace.store
    piece, old = store.piece(place.piece), store.version(place.piece, revision)
    if piece is None or old is None:
        raise WriterError(GONE)
    source = Source("piece", piece.id, revision)
    copy = store.new_piece(old.brief, old.text, f"{piece.title} ({old.name or moment(old.created)})", source)
    if piece.rubric is not None:
        store.set_rubric(copy.id, piece.rubric)
    desk = opened(workspace, store.piece(copy.id))
    return desk._replace(undo=done("Copied to a new piece, which is open now. The other is as it was."))


def followed(workspace: Workspace, place: Place, wish: dict[str, str]) -> Desk:
    """Follow the run shown once more where other rounds of it are based on an older text than before."""
    run = workspace.store.run(place.run) if place.run else None
    if run is None or run.state == "running" or not place.piece:
        return unchanged()
    edited = workspace.store.edited_round(place.piece, run.id)
    if str(edited or "") == wish.get("edited", ""):
        return unchanged()
    return unchanged()._replace(follow=ticket(workspace.store.piece(place.piece), run.id))


def tree(workspace: Workspace, place: Place, wish: dict[str, str]) -> str:
    """Return the board of the open piece, with the version that is read."""
    store = workspace.store
    steps = store.steps(place.piece) if place.piece else []
    shown = max(AT_ONCE, number(wish, "shown"))
    read = store.version(place.piece, number(wish, "revision")) if wish.get("revision") else None
    piece = store.piece(place.piece) if place.piece else None
    texts = store.texts_of(place.piece, listed(steps, shown))
    return version_board(Tree(steps, texts, shown, read, piece.brief if piece else "", place.piece))


def _brought_back(
    workspace: Workspace, place: Place, brief: str, text: str, revision: int, why: str
) -> tuple[Piece, int]:
    """Keep what was typed, put the version in its place, and return the piece and the revision that stood before."""
    answer = keep(workspace, Sent(piece=place.piece, base=place.base, brief=brief, text=text))
    if "stale" in answer or answer["piece"] != place.piece:
        raise Busy(CHANGED_ELSEWHERE)
    before = int(answer["revision"])
    return workspace.store.restore_version(place.piece, revision, before, why), before
