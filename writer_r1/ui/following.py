"""A run's stored events -> the parts of the page that show it, as they come.

One generator per page. It reads on from the last event it saw and yields only what changed, so a page may come, go and
come again, in any browser, and a run never knows who watches.
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from writer_r1.errors import WriterError
from writer_r1.qualification import marked_since
from writer_r1.rubric_edits import Deleted
from writer_r1.store import Piece, Run
from writer_r1.thinking import came_to
from writer_r1.trajectory import Trajectory, prompt_id
from writer_r1.ui import gradio as gr
from writer_r1.ui import render
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.criteria_dialogs import Stock
from writer_r1.ui.drawn import Drawn, Sent
from writer_r1.ui.round_board import round_board
from writer_r1.ui.story import corrected
from writer_r1.ui.view import Earlier, View, advance, over
from writer_r1.workspace import Workspace

POLL_S = 0.125  # a browser falls behind above about ten updates a second
PRESSED = 3  # buttons, the last parts of a page
THOUGHTS = 20  # of the library that one which has ended is shown among


class Page(NamedTuple):
    """The parts of the page that follow a run."""

    phase: Any
    announce: Any
    trouble: Any
    sheet: Any
    criteria: Any
    rounds: Any
    since: Any  # what is not as `rounds` has it
    start: Any
    judge: Any
    stop: Any


def read_ticket(ticket: str) -> tuple[str, str]:
    """Return the ids of the piece and the run that a ticket names; see `desk.ticket`."""
    piece_id, _, rest = ticket.partition("/")
    return piece_id, rest.partition("#")[0]


class Follower:
    """The one follower of each page: a new ticket from a page ends what the page followed before."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._latest: dict[str, str] = {}

    def follow(self, ticket: str, page: str) -> Iterator[Page]:
        """Yield what `follow` does for the page of this session until it asks for something else."""
        self._latest[page] = ticket
        for parts in follow(self._workspace, ticket):
            if self._latest.get(page) != ticket:
                return
            yield parts

    def leave(self, page: str) -> None:
        """Forget a page that was closed."""
        self._latest.pop(page, None)


def follow(workspace: Workspace, ticket: str) -> Iterator[Page]:
    """Yield the page of a run as its events come, only what changed, until it ends."""
    piece_id, run_id = read_ticket(ticket)
    try:
        run = workspace.store.run(run_id) if run_id else None
        if run is None:
            yield blank(workspace, piece_id)
            return
        last: Page | None = None
        was_busy: bool | None = None
        drawn, sent = Drawn(), Sent()
        for view, elapsed_s in _views(workspace, run, piece_id):
            page, busy = screen(workspace, piece_id, view, elapsed_s, drawn), not over(view)
            page = page._replace(**dict(zip(("rounds", "since"), sent.of(page.rounds), strict=True)))
            pressed = buttons(busy) if busy != was_busy else [gr.skip()] * PRESSED
            parts = [p if last is None or p != last[i] else gr.skip() for i, p in enumerate(page[:-PRESSED])]
            yield Page(*parts, *pressed)
            last, was_busy = page, busy
    except WriterError as error:
        same = gr.skip()
        notice = render.notice(str(error), "Your text is still in its box.", "")
        yield Page(same, same, notice, same, same, same, same, *buttons(busy=False))


def blank(workspace: Workspace, piece_id: str) -> Page:
    """Return the page of a piece that has no run yet; a card stays, for it is of what opened the piece."""
    piece = workspace.store.piece(piece_id) if piece_id else None
    rubric = piece.rubric if piece else None
    board = criteria_board(None, rubric=rubric, busy=False, stock=stock_of(workspace, piece))
    sheet = render.manuscript(None)
    return Page(render.phase(None), "", gr.skip(), sheet, board, "", "", *buttons(busy=False))


def screen(workspace: Workspace, piece_id: str, view: View, elapsed_s: float, drawn: Drawn | None = None) -> Page:
    """Return the whole page for a run as far as it was followed; the buttons are left to `follow`.

    `drawn` keeps from one update to the next what did not change.
    """
    busy = not over(view)
    return Page(
        render.phase(view, elapsed_s),
        render.announcement(view),
        render.card(view),
        render.manuscript(view),
        criteria_of(workspace, piece_id, view),
        round_board(view, busy=busy, drawn=drawn),
        "",
        *[None] * PRESSED,
    )


def criteria_of(workspace: Workspace, piece_id: str, view: View) -> str:
    """Return the criteria board of a piece and the run shown with it."""
    busy = not over(view)
    asks = piece_id and (not busy or view.rescoring or view.now.rubric is None)  # a run being written has its own
    piece = workspace.store.piece(piece_id) if asks else None
    # A run of no piece has its own; where a piece has none they were deleted, and are not to come back by themselves.
    rubric = piece.rubric if piece else view.now.rubric
    stock = Stock() if busy else stock_of(workspace, piece)
    return criteria_board(view, rubric=rubric, busy=busy and not view.rescoring, stock=stock)


def stock_of(workspace: Workspace, piece: Piece | None) -> Stock:
    """Return what the library has for the criteria board of this piece."""
    store = workspace.store
    dismissed = store.dismissed(prompt_id(piece.brief), piece.id) if piece else ()
    return Stock(store.saved_rubrics(), dismissed=dismissed)


def criteria_now(workspace: Workspace, piece_id: str, run_id: str, gone: Deleted | None = None) -> str:
    """Return the criteria board of a piece as it stands this moment."""
    store = workspace.store
    run, piece = store.run(run_id) if run_id else None, store.piece(piece_id)
    view = None
    if run:
        view = advance(View(Trajectory(id=run.id, prompt=run.prompt)), store.events(run.id))
        view = view._replace(ended=run.state != "running", own=tuple(store.own_scores(run.id)))
        view = view._replace(now=marked_since(view.now, workspace.common))
    return criteria_board(
        view,
        rubric=piece.rubric if piece else None,
        busy=view is not None and not over(view) and not view.rescoring,
        stock=stock_of(workspace, piece),
        deleted=gone,
    )


def _views(workspace: Workspace, run: Run, piece_id: str) -> Iterator[tuple[View, float]]:
    """Yield the run as far as it is known, and for how long it has been worked on."""
    view, began = View(Trajectory(id=run.id, prompt=run.prompt)), run.created
    if run.state == "running" and run.updated == run.created:  # else what is known comes in a moment, and is not blank
        yield view, 0.0
    for batch in workspace.jobs.follow_batches(run.id, poll_s=POLL_S):
        view, first = advance(view, batch)._replace(trouble=workspace.jobs.trouble(run.id)), not view.seen
        own = tuple(workspace.store.own_scores(run.id))
        view = view._replace(own=own, now=marked_since(view.now, workspace.common))
        if batch and first:
            began = run.updated - view.t  # a run that goes on lay still for a while
        yield view, time.time() - began
    edited = workspace.store.edited_round(piece_id, run.id) if piece_id else None
    story = corrected(workspace, piece_id, view.story)
    own = tuple(workspace.store.own_scores(run.id))
    lately = _lately(workspace) if view.thought else ()
    yield view._replace(ended=True, own=own, edited=edited, story=story, lately=lately), view.t


def _lately(workspace: Workspace) -> tuple[Earlier, ...]:
    """Return the library's newest thoughts in one go, oldest first."""
    found = list[Earlier]()
    for run in reversed(workspace.store.thoughts(THOUGHTS)):
        view = advance(View(Trajectory(id=run.id, prompt=run.prompt)), workspace.store.events(run.id))
        if view.thought:
            found.append(Earlier(view.thought.tokens, tuple(came_to(view.now).values())))
    return tuple(found)


def buttons(busy: bool) -> list[Any]:
    """Return Start, Judge my text and Stop as they are while a run goes on, or not."""
    free = [gr.Button(name, interactive=not busy) for name in ("Start", "Judge my text")]
    return [*free, gr.Button("Stop", interactive=busy)]
