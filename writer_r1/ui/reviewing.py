"""A round or version that is gone through change by change -> what to show, and what was decided into the manuscript.

The page decides by itself; it comes here to compare, to put what was decided into the manuscript as one save with a
name, and to take that out again. Nothing is put where either text is not the one that was compared.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.manuscript_file import LONGEST
from writer_r1.preferences import Review, choices
from writer_r1.proposals import Decision, Stretch, Verdict, apply, is_rewritten, placed, proposals, stretches_of
from writer_r1.protection import allowed, guarded, spans_in
from writer_r1.store import Piece, Source, Store, Version
from writer_r1.trajectory import digest
from writer_r1.ui.answers import Answer, Asked
from writer_r1.ui.proposals_board import CHANGED, Compared, changes, review, taken
from writer_r1.ui.scene import Span, part_of_run, span_of
from writer_r1.ui.view import title
from writer_r1.workspace import Workspace

NO_TEXT = "Your manuscript is empty; “Use this round” puts the whole round there."
ELSEWHERE = "This piece was changed in another tab; choose there or here which text to keep, then review again."
NO_ROUND = "This round is not in the library any more, or is not finished; reload the page."
NO_VERSION = "This version is not in the library any more; open the list of versions again."
NOT_READ = "What you decided could not be read; reload the page and review again."
ASKED = Asked(NOT_READ, ELSEWHERE)
SINCE = "Your manuscript was changed since, so nothing was taken out; what stood there before is kept as a version."


class Wish(BaseModel):
    """Which round, or which version against which other, of which piece, typed upon which revision.

    A version against 0 is held against the manuscript.
    """

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(default="", max_length=64)
    base: int = 0
    run: str = Field(default="", max_length=64)
    attempt: int = Field(default=0, ge=0)
    revision: int = Field(default=0, ge=0, lt=1 << 62)
    against: int = Field(default=0, ge=0, lt=1 << 62)

    @model_validator(mode="after")
    def _names_a_text(self) -> Self:
        if not (self.revision or self.attempt):
            raise ValueError("neither a round nor a version")
        return self


class Other(NamedTuple):
    """What the manuscript is reviewed by: a text, what it is called, where it is kept, and who asked for what in it.

    `span` is the part of the manuscript in whose place it would stand.
    """

    title: str
    text: str
    source: Source
    prompt: str
    span: Span
    stretches: Sequence[Stretch] = ()


class Decided(BaseModel):
    """One decision of a page; `text` are its reader's own words."""

    verdict: Verdict
    text: str = Field(default="", max_length=LONGEST)


class Taking(Wish):
    """What was decided of a comparison, told by its key."""

    key: str = Field(max_length=64)
    decisions: dict[str, Decided]


class Returning(BaseModel):
    """Which piece, at which revision, shall hold the text of which earlier one again."""

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(max_length=64)
    base: int
    before: int


def reviewer(workspace: Workspace) -> list[Callable[[Any], Answer]]:
    """Return the functions that a page calls to compare, to put changes into the manuscript, and to take them out."""
    return [
        ASKED.by("compare", Wish, partial(on_compare, workspace)),
        ASKED.by("take_over", Taking, partial(on_take_over, workspace)),
        ASKED.by("take_out", Returning, partial(on_take_out, workspace)),
    ]


def on_compare(workspace: Workspace, wish: Wish) -> Answer:
    """Return the review of a round: its HTML, what the script must know of each change, and the text it is told of.

    Raises:
        WriterError: there is no such round, no text of the writer's, or a newer one than the page has.
    """
    piece, _, compared = _compared(workspace, wish)
    told = {"html": review(compared), "changes": changes(compared), "title": compared.title, "key": compared.key}
    return told | {"text": piece.text}


def on_take_over(workspace: Workspace, wish: Taking) -> Answer:
    """Return the piece with the accepted changes in its manuscript, saved as a version of its own.

    Raises:
        WriterError: as for `on_compare`; or either text is not what was compared, and nothing was saved.
    """
    piece, other, compared = _compared(workspace, wish)
    if compared.key != wish.key:
        return {"changed": CHANGED}
    known = {one.id for one in compared.found}
    wanted = {i: Decision(d.verdict, d.text) for i, d in wish.decisions.items() if i in known}
    decisions = allowed(compared.manuscript, compared.found, wanted, compared.spans)
    over = sum(d.verdict != "reject" for d in decisions.values())
    undecided = [one for one in compared.found if one.id not in decisions]
    stay = sum(one.protected or one.id in wanted for one in undecided)  # what is refused cannot be left to review
    count, left = len(compared.found), len(undecided) - stay
    saved, store, (start, end) = piece, workspace.store, other.span
    if over:
        words = piece.text[:start] + apply(compared.manuscript, compared.found, decisions) + piece.text[end:]
        why = reason(compared.title, count, decisions)
        saved = store.save_piece(piece.id, piece.brief, words, wish.base, why, source=other.source)
    done = Review(other.prompt, str(other.source), saved.revision)
    with suppress(StoreError):  # the words are saved by now, and a full disk is told by the next save
        store.keep_choices(choices(piece._replace(text=compared.manuscript), compared.found, decisions, done))
    return _answer(saved) | {"before": piece.revision, "html": taken(compared.title, over, count, left, stay)}


def on_take_out(workspace: Workspace, wish: Returning) -> Answer:
    """Return the piece with the text of an earlier revision.

    Raises:
        WriterError: the manuscript was changed since, or that revision is not kept.
    """
    store = workspace.store
    piece, earlier = store.piece(wish.piece), store.version(wish.piece, wish.before)
    if piece is None or earlier is None or piece.revision != wish.base:
        raise Busy(SINCE)
    why, source = "changes taken out again", Source("piece", piece.id, wish.before)
    saved = store.save_piece(piece.id, piece.brief, earlier.text, wish.base, why, source=source)
    store.forget_choices(piece.id, wish.base)
    return _answer(saved)


def reason(title: str, count: int, decisions: Mapping[str, Decision]) -> str:
    """Return what a version is called that holds what was decided of a round's changes."""
    number = {
        verdict: sum(d.verdict == verdict for d in decisions.values()) for verdict in ("accept", "reject", "edit")
    }
    over = number["accept"] + number["edit"]
    more = [f"{number['edit']} in my own words"] if number["edit"] else []
    more += [f"{number['reject']} rejected"] if number["reject"] else []
    more += [f"{count - len(decisions)} left open"] if count > len(decisions) else []
    return ", ".join([f"{over} of {count} changes of {title} taken over", *more])


def _compared(workspace: Workspace, wish: Wish) -> tuple[Piece, Other, Compared]:
    store = workspace.store
    piece = store.piece(wish.piece) if wish.piece else None
    if piece is None or not piece.text.strip():
        raise WriterError(NO_TEXT)
    if piece.revision != wish.base:
        raise Busy(ELSEWHERE)
    other = _version(store, piece, wish) if wish.revision else _round(workspace, piece, wish)
    text = piece.text[slice(*other.span)]
    begun = _kept(store, piece, wish.against).text if wish.against else text
    every = proposals(begun, other.text, other.stretches)
    spans = spans_in(store, piece, other.span)
    found = guarded(text, placed(every, begun, text) if wish.against else every, spans)
    # Of both texts, and of what was found between them: a busy machine may find larger changes, with other ids.
    key = digest(piece.text, other.text, *(f"{one.id}@{one.start}" for one in found))
    apart, lost = is_rewritten(begun, other.text), len(every) - len(found)
    return piece, other, Compared(other.title, key, text, found, apart, tuple(spans), lost)


def _round(workspace: Workspace, piece: Piece, wish: Wish) -> Other:
    now, part = workspace.store.trajectory(wish.run), part_of_run(workspace, wish.run)
    attempt = now.attempt(wish.attempt)
    if attempt is None or not attempt.complete:
        raise WriterError(NO_ROUND)
    source = Source("run", now.id, attempt.number)
    called = f"{title(attempt)} in {part.label}" if part else title(attempt)
    return Other(called, attempt.text, source, now.prompt, span_of(piece, part, now), stretches_of(now, attempt))


def _version(store: Store, piece: Piece, wish: Wish) -> Other:
    version = _kept(store, piece, wish.revision)
    since = f" since {_called(_kept(store, piece, wish.against))}" if wish.against else ""
    source = Source("piece", piece.id, wish.revision)
    return Other(f"{_called(version)}{since}", version.text, source, piece.brief, (0, len(piece.text)))


def _kept(store: Store, piece: Piece, revision: int) -> Version:
    version = store.version(piece.id, revision)
    if version is None:
        raise WriterError(NO_VERSION)
    return version


def _called(version: Version) -> str:
    at = datetime.fromtimestamp(version.created)
    return f"“{version.name}”" if version.name else f"the version of {at.day} {at:%B %Y}, {at:%H:%M}"


def _answer(piece: Piece) -> Answer:
    return {"piece": piece.id, "revision": piece.revision, "title": piece.title, "text": piece.text}
