"""What is marked in the manuscript -> other texts for it, the one that was chosen in its place, or its protection.

The page is answered at once and looks at the stored events while a run goes on; it may be reloaded or closed. Nothing
is put into the manuscript but what its writer chose, in exactly the place of what was marked.
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from writer_r1 import catalog
from writer_r1.alternatives import Wish, check, usable, write_alternatives
from writer_r1.checks import word_count
from writer_r1.errors import Busy, WriterError
from writer_r1.events import Chosen, Event, Status
from writer_r1.llm import Cancel
from writer_r1.loop import Team
from writer_r1.passage import AROUND, Passage, located, one_line_end, places
from writer_r1.proposals import Proposal
from writer_r1.protection import alters, spans_in
from writer_r1.qualification import marked_since
from writer_r1.store import Piece, Run, Source
from writer_r1.ui.answers import Answer, Asked
from writer_r1.ui.passage_board import Shown, parts, protections, short, shown_of
from writer_r1.ui.restoring import offer
from writer_r1.workspace import Workspace

ELSEWHERE = "This piece was changed in another tab; choose there or here which text to keep, then try again."
NO_PIECE = "This piece is not in the library any more; reload the page."
NOT_READ = "What you marked could not be read; mark it again."
NO_TEXT = "This text is not in the library any more; ask for other ways again."
STAYS = (
    "This would alter a passage that you protected (“{words}”), so nothing was changed; take its protection off first, "
    "or mark other words."
)
ALREADY = "These words are protected already."
NOTHING = "Mark the words to protect first: a sentence, or a paragraph."
ASKED = Asked(NOT_READ, ELSEWHERE)
STILL_WRITTEN = "These texts are still being written elsewhere; stop that first, then choose."


class Place(BaseModel):
    """A piece as a page has it, typed upon a revision."""

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(default="", max_length=64)
    base: int = 0


class Words(Place):
    """What is marked, or where the caret stands."""

    text: str = Field(default="", max_length=AROUND * 10)
    before: str = Field(default="", max_length=AROUND * 2)
    after: str = Field(default="", max_length=AROUND * 2)
    direction: str = Field(default="", max_length=400)

    def passage(self) -> Passage:
        """Return it as it is kept."""
        return Passage(text=self.text, before=self.before[-AROUND:], after=self.after[:AROUND])


class Choice(Place):
    """One of the texts of a run."""

    run: str = Field(max_length=64)
    attempt: int = Field(default=0, ge=0)


class Letting(Place):
    """A passage that is to be protected no more."""

    id: str = Field(max_length=64)


def marker(workspace: Workspace) -> list[Callable[[Any], Answer]]:
    """Return the functions that the toolbar of the manuscript calls."""
    return [
        ASKED.by("begin", Words, partial(on_begin, workspace)),
        ASKED.by("protect", Words, partial(on_protect, workspace)),
        ASKED.by("unprotect", Letting, partial(on_unprotect, workspace)),
        ASKED.by("protected", Place, partial(listed, workspace)),
    ]


def chooser(workspace: Workspace) -> list[Callable[[Any], Answer]]:
    """Return the functions that the board of the texts calls."""
    return [
        ASKED.by("look", Place, partial(on_look, workspace)),
        ASKED.by("use", Choice, partial(on_use, workspace)),
        ASKED.by("none", Choice, partial(on_none, workspace)),
        ASKED.by("halt", Choice, partial(on_stop, workspace)),
    ]


# Texts for a passage


def on_begin(workspace: Workspace, words: Words) -> Answer:
    """Begin to write other texts for what is marked; those of an earlier mark are let go.

    Raises:
        WriterError: it cannot be found, is too long or protected, or the model is not there.
    """
    piece = _piece(workspace, words)
    passage = words.passage()
    wish = Wish(secrets.token_hex(6), piece.brief, passage, piece.rubric, words.direction.strip())
    check(wish)
    start, end = located(passage, piece.text)
    _refuse_protected(workspace, piece, start, end, "")
    if earlier := workspace.store.passage_run(piece.id):
        workspace.jobs.stop(earlier.id)
    begin(workspace, piece, wish)
    return {"run": wish.trajectory_id}


def begin(workspace: Workspace, piece: Piece, wish: Wish) -> None:
    """Begin a run that writes and judges the texts.

    Raises:
        WriterError: a model is not there, or the piece was deleted.
    """
    writer, judging = workspace.writer, workspace.judge
    for name in (writer, judging):
        catalog.refuse_absent(name, workspace.models)

    def work(stop: Cancel) -> Iterator[Event]:
        yield Status(text="loading the model")
        judge = workspace.judge_by(judging, stop)
        team = Team(workspace.llm(writer), judge.llm, judge.similarity, workspace.recall, stop, judge.readers)
        yield from map(workspace.marked, write_alternatives(wish, team))

    workspace.jobs.start(piece.brief, writer, work, wish.trajectory_id, piece.id, passage=True)


def on_look(workspace: Workspace, place: Place) -> Answer:
    """Return what the page shows of the newest run about a passage of the piece; nothing once a text was chosen."""
    run = workspace.store.passage_run(place.piece) if place.piece else None
    shown = _shown(workspace, run) if run else None
    if shown is None or shown.chosen:
        return {"run": ""}
    told = {"run": shown.run, "busy": shown.busy, "parts": parts(shown)}
    if trouble := workspace.jobs.trouble(shown.run):
        told["trouble"] = trouble
    return told


def on_use(workspace: Workspace, choice: Choice) -> Answer:
    """Return the piece with a text in exactly the place of what was marked, saved as a version of its own.

    Raises:
        WriterError: the passage is gone or stands twice, the text is protected or not whole; nothing was saved.
    """
    store, piece = workspace.store, _piece(workspace, choice)
    shown = _ended(workspace, piece, choice)
    attempt = shown.now.attempt(choice.attempt)
    if shown.marked is None or attempt is None or attempt.by == "user" or not attempt.complete or not usable(attempt):
        raise WriterError(NO_TEXT)
    passage, text = shown.marked.passage, attempt.text
    text = one_line_end(text).replace("\n", "\r\n") if "\r\n" in piece.text else text
    start, end = located(passage, piece.text)
    _refuse_protected(workspace, piece, start, end, text)
    why = f"“{short(passage.text)}” said another way" if passage.text else "Gone on with the text"
    words, source = piece.text[:start] + text + piece.text[end:], Source("run", shown.now.id, attempt.number)
    saved = store.save_piece(piece.id, piece.brief, words, choice.base, why, source=source)
    store.append(choice.run, [Chosen(attempt=choice.attempt)])
    done = "It stands in your manuscript now. What stood there is kept."
    told = {"piece": saved.id, "revision": saved.revision, "title": saved.title, "text": saved.text}
    at = len(one_line_end(saved.text[:start]))
    return told | {"note": offer(done, saved.id, piece.revision), "at": [at, at + len(one_line_end(text))]}


def on_none(workspace: Workspace, choice: Choice) -> Answer:
    """Let the texts go; the manuscript is not touched.

    Raises:
        WriterError: they are still being written elsewhere.
    """
    piece = workspace.store.piece(choice.piece)
    if piece is None:
        raise WriterError(NO_PIECE)
    _ended(workspace, piece, choice)
    workspace.store.append(choice.run, [Chosen()])
    return {"run": ""}


def on_stop(workspace: Workspace, choice: Choice) -> Answer:
    """Ask the run to stop; what was written stays to be chosen from."""
    workspace.jobs.stop(choice.run)
    return {}


def _piece(workspace: Workspace, place: Place) -> Piece:
    piece = workspace.store.piece(place.piece) if place.piece else None
    if piece is None:
        raise WriterError(NO_PIECE)
    if piece.revision != place.base:
        raise Busy(ELSEWHERE)
    return piece


def _ended(workspace: Workspace, piece: Piece, choice: Choice) -> Shown:
    """Return the run that is the piece's newest about a passage, once it is over: stopped where it was not."""
    run = workspace.store.passage_run(piece.id)
    if run is None or run.id != choice.run:
        raise WriterError(NO_TEXT)
    if workspace.jobs.writes(run.id):
        workspace.jobs.stop(run.id)
    if not workspace.jobs.wait(run.id) or workspace.jobs.writes(run.id):
        raise Busy(STILL_WRITTEN)
    shown = _shown(workspace, run)
    if shown.chosen:
        raise WriterError(NO_TEXT)
    return shown


def _shown(workspace: Workspace, run: Run) -> Shown:
    shown = shown_of(run.id, run.prompt, run.state, [event for _, event in workspace.store.events(run.id)])
    return shown._replace(now=marked_since(shown.now, workspace.common))


def _refuse_protected(workspace: Workspace, piece: Piece, start: int, end: int, text: str) -> None:
    """Refuse what would alter a protected passage, whatever `text` would stand there."""
    change = Proposal("", start, end, piece.text[start:end], text)
    for span in spans_in(workspace.store, piece):
        if alters(piece.text, change, text, [span]):
            raise WriterError(STAYS.format(words=short(piece.text[slice(*span)])))


# Protection


def on_protect(workspace: Workspace, words: Words) -> Answer:
    """Protect what is marked, without the white space at its ends.

    Raises:
        WriterError: nothing is marked, it cannot be found, or it is protected already.
    """
    piece, passage = _piece(workspace, words), words.passage()
    if not word_count(passage.text):
        raise WriterError(NOTHING)
    core = passage.text.strip()
    at = passage.text.index(core)
    passage = Passage(
        text=core, before=passage.before + passage.text[:at], after=passage.text[at + len(core) :] + passage.after
    )
    start, end = located(passage, piece.text)
    if any(first <= start and end <= last for first, last in spans_in(workspace.store, piece)):
        raise WriterError(ALREADY)
    workspace.store.protect(piece.id, passage)
    return listed(workspace, words) | {"said": f"Protected: “{short(core)}”."}


def on_unprotect(workspace: Workspace, letting: Letting) -> Answer:
    """Let everything change a passage again."""
    workspace.store.unprotect(letting.piece, letting.id)
    return listed(workspace, letting) | {"said": "Its protection is off."}


def listed(workspace: Workspace, place: Place) -> Answer:
    """Return the protected passages of the piece as HTML, and how many there are."""
    piece = workspace.store.piece(place.piece) if place.piece else None
    rows = workspace.store.protected(piece.id) if piece else []
    text = piece.text if piece else ""
    return {"html": protections([(one, bool(places(one.passage, text))) for one in rows]), "count": len(rows)}
