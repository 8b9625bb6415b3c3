"""A round that is gone through change by change -> what to show of it, and what was decided into the manuscript.

The page decides by itself; it comes here to compare, to put what was decided into the manuscript as one save with a
name, and to take that out again. Nothing is put where either text is not the one that was compared, and no change that
would alter a protected passage.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from writer_r1.errors import Busy, StaleSave, WriterError
from writer_r1.manuscript_file import LONGEST
from writer_r1.proposals import Decision, Verdict, apply, is_rewritten, proposals, stretches_of
from writer_r1.protection import allowed, guarded, protected_spans, within
from writer_r1.store import Piece, Source
from writer_r1.trajectory import Attempt, digest
from writer_r1.ui.proposals_board import CHANGED, Compared, changes, review, taken
from writer_r1.ui.scene import Span, part_of_run, span_of
from writer_r1.ui.view import title
from writer_r1.workspace import Workspace

NO_TEXT = "Your manuscript is empty; “Use this round” puts the whole round there."
ELSEWHERE = "This piece was changed in another tab; choose there or here which text to keep, then review the round."
NO_ROUND = "This round is not in the library any more, or is not finished; reload the page."
NOT_READ = "What you decided could not be read; reload the page and review the round again."
SINCE = "Your manuscript was changed since, so nothing was taken out; what stood there before is kept as a version."


class Wish(BaseModel):
    """Which round against which piece, typed upon which revision."""

    model_config = ConfigDict(extra="ignore")

    piece: str = Field(default="", max_length=64)
    base: int = 0
    run: str = Field(default="", max_length=64)
    attempt: int = Field(ge=1)


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


def reviewer(workspace: Workspace) -> list[Callable[[Any], dict[str, Any]]]:
    """Return the functions that a page calls to compare, to put changes into the manuscript, and to take them out."""

    def compare(sent: Any) -> dict[str, Any]:
        return _told(lambda: on_compare(workspace, Wish.model_validate(sent)))

    def take_over(sent: Any) -> dict[str, Any]:
        return _told(lambda: on_take_over(workspace, Taking.model_validate(sent)))

    def take_out(sent: Any) -> dict[str, Any]:
        return _told(lambda: on_take_out(workspace, Returning.model_validate(sent)))

    return [compare, take_over, take_out]


def _told(do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return do()
    except ValidationError:
        return {"error": NOT_READ}
    except StaleSave:
        return {"error": ELSEWHERE}
    except WriterError as error:
        return {"error": str(error)}


def on_compare(workspace: Workspace, wish: Wish) -> dict[str, Any]:
    """Return the review of a round: its HTML, what the script must know of each change, and the text it is told of.

    Raises:
        WriterError: there is no such round, no text of the writer's, or a newer one than the page has.
    """
    piece, _, compared, _ = _compared(workspace, wish)
    told = {"html": review(compared), "changes": changes(compared), "title": compared.title, "key": compared.key}
    return told | {"text": piece.text}


def on_take_over(workspace: Workspace, wish: Taking) -> dict[str, Any]:
    """Return the piece with the accepted changes in its manuscript, saved as a version of its own.

    Raises:
        WriterError: as for `on_compare`; or either text is not what was compared, and nothing was saved.
    """
    piece, attempt, compared, (start, end) = _compared(workspace, wish)
    if compared.key != wish.key:
        return {"changed": CHANGED}
    known = {one.id for one in compared.found}
    wanted = {i: Decision(d.verdict, d.text) for i, d in wish.decisions.items() if i in known}
    decisions = allowed(compared.manuscript, compared.found, wanted, compared.spans)
    over = sum(d.verdict != "reject" for d in decisions.values())
    undecided = [one for one in compared.found if one.id not in decisions]
    stay = sum(one.protected or one.id in wanted for one in undecided)  # what is refused cannot be left to review
    count, left = len(compared.found), len(undecided) - stay
    words = piece.text[:start] + apply(compared.manuscript, compared.found, decisions) + piece.text[end:]
    why, source = reason(compared.title, count, decisions), Source("run", wish.run, wish.attempt)
    saved = workspace.store.save_piece(piece.id, piece.brief, words, wish.base, why, source=source)
    done = taken(compared.title, over, count, left, stay)
    return _answer(saved) | {"before": piece.revision, "html": done}


def on_take_out(workspace: Workspace, wish: Returning) -> dict[str, Any]:
    """Return the piece with the text of an earlier revision.

    Raises:
        WriterError: the manuscript was changed since, or that revision is not kept.
    """
    store = workspace.store
    piece, earlier = store.piece(wish.piece), [v for v in store.versions(wish.piece) if v.revision == wish.before]
    if piece is None or not earlier or piece.revision != wish.base:
        raise Busy(SINCE)
    why, source = "changes taken out again", Source("piece", piece.id, wish.before)
    return _answer(store.save_piece(piece.id, piece.brief, earlier[0].text, wish.base, why, source=source))


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


def _compared(workspace: Workspace, wish: Wish) -> tuple[Piece, Attempt, Compared, Span]:
    store = workspace.store
    piece = store.piece(wish.piece) if wish.piece else None
    if piece is None or not piece.text.strip():
        raise WriterError(NO_TEXT)
    if piece.revision != wish.base:
        raise Busy(ELSEWHERE)
    now = store.trajectory(wish.run)
    attempt = now.attempt(wish.attempt)
    if attempt is None or not attempt.complete:
        raise WriterError(NO_ROUND)
    part = part_of_run(workspace, wish.run)
    span = span_of(piece, part, now)
    text, name = piece.text[slice(*span)], f"{title(attempt)} in {part.label}" if part else title(attempt)
    spans = within(protected_spans(piece.text, [p.passage for p in store.protected(piece.id)]), span)
    found = guarded(text, proposals(text, attempt.text, stretches_of(now, attempt)), spans)
    # Of both texts, and of what was found between them: a busy machine may find larger changes, with other ids.
    key = digest(piece.text, attempt.text, *(one.id for one in found))
    compared = Compared(name, key, text, found, is_rewritten(text, attempt.text), tuple(spans))
    return piece, attempt, compared, span


def _answer(piece: Piece) -> dict[str, Any]:
    return {"piece": piece.id, "revision": piece.revision, "title": piece.title, "text": piece.text}
