"""A run of the library -> one JSON file with its request, every event and own score; and such a file -> a piece.

The file may come from anybody: all of it is checked before any of it is kept, and what could not be shown later is
refused now. `history export --format json` prints a part of it, which opens as well.
"""

import json
import math
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from writer_r1.errors import WriterError
from writer_r1.events import EVENT, Event, Started
from writer_r1.folding import fold
from writer_r1.manuscript_file import shown
from writer_r1.store import Arrival, OwnScore, Piece, Store, no_session
from writer_r1.trajectory import Criterion, Trajectory

FORMAT: Literal["writer-r1 session"] = "writer-r1 session"
VERSION = 1
MOST_BYTES = 50_000_000
MOST_EVENTS = 500_000
MOST_ATTEMPTS = 999
DAY_S = 86400.0

NO_SESSION = "{name} is no session that Writer-R1 saved ({why}); choose another file."
DAMAGED = "{name} is damaged ({where}: {why}); save the session again where it was written."
NEWER = "{name} is of a newer Writer-R1 (version {version} of its form); update Writer-R1 to open it."

Whole = Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)]


class Given(BaseModel):
    """A score of the writer's own."""

    model_config = ConfigDict(extra="ignore")

    attempt: Whole
    criterion: Criterion
    score: Annotated[int, Field(ge=1, le=10)]
    value: Annotated[float, Field(ge=0, le=1)] | None = None
    judge: str = Field(default="", max_length=200)
    created: Annotated[float, Field(ge=0, lt=1e11, allow_inf_nan=False)] = 0.0


class Session(BaseModel):
    """What stands in a session file."""

    model_config = ConfigDict(extra="ignore")

    format: Literal["writer-r1 session"] = FORMAT
    version: int = VERSION
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    title: str = Field(default="", max_length=400)
    prompt: str = Field(default="", max_length=4_000_000)
    model: str = Field(default="", max_length=200)
    created: float = 0.0
    updated: float = 0.0
    events: list[Event] = Field(min_length=1, max_length=MOST_EVENTS)
    own_scores: list[Given] = Field(default=[], max_length=10_000)


def session_json(store: Store, run_id: str) -> str:
    """Return the file of a run.

    Raises:
        StoreError: there is no such run.
    """
    run = store.run(run_id)
    if run is None:
        raise no_session(run_id)
    piece = store.piece(store.piece_of(run_id) or "")
    own = [Given.model_validate(o._asdict() | {"criterion": o.criterion}) for o in store.own_scores(run_id)]
    session = Session(
        id=run.id,
        title=piece.title if piece else "",
        prompt=run.prompt,
        model=run.model,
        created=run.created,
        updated=run.updated,
        events=[event for _, event in store.events(run_id)],
        own_scores=own,
    )
    return session.model_dump_json(indent=1) + "\n"


def take_in_session(store: Store, name: str, data: bytes) -> tuple[Piece, str]:
    """Return the new piece made of a session file, and the id of its run.

    Raises:
        WriterError: the file is no session, damaged, or of a newer version; nothing was kept.
    """
    session = _read(shown(name), data)
    prompt = session.prompt or next((e.prompt for e in session.events if isinstance(e, Started)), "")
    model = session.model or next((e.model for e in session.events if isinstance(e, Started)), "")
    now = time.time()
    created, updated = (t if 0 < t < now + DAY_S else now for t in (session.created, session.updated))
    own = [
        OwnScore(session.id, g.attempt, g.criterion, g.score, g.value, g.judge, prompt, g.created)
        for g in session.own_scores
    ]
    return store.take_in(Arrival(session.id, session.title, prompt, model, created, updated, session.events, own))


def _read(name: str, data: bytes) -> Session:
    if len(data) > MOST_BYTES:
        raise WriterError(
            f"{name} is larger than {MOST_BYTES // 1_000_000} MB, which no session is; choose another file."
        )
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise WriterError(NO_SESSION.format(name=name, why=str(error).splitlines()[0][:80])) from None
    if not isinstance(raw, dict) or raw.get("format", FORMAT) != FORMAT or not {"id", "events"} <= raw.keys():
        raise WriterError(NO_SESSION.format(name=name, why="its form is another"))
    version = raw.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise WriterError(NEWER.format(name=name, version=min(version, 10**9)))
    try:
        session = Session.model_validate(raw)
    except (ValidationError, RecursionError) as error:
        raise WriterError(DAMAGED.format(name=name, **_first(error))) from None
    if fault := _fault(session):
        raise WriterError(DAMAGED.format(name=name, where=fault[0], why=fault[1]))
    return session


def _first(error: Exception) -> dict[str, str]:
    """Return where the first fault is and what it is, without a word of what stands there."""
    if not isinstance(error, ValidationError):
        return {"where": "events", "why": "nested too deeply"}
    first: Any = error.errors(include_input=False, include_url=False)[0]
    place = [str(part)[:40] for part in first["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    return {"where": ".".join(place[:4]), "why": str(first["msg"]).splitlines()[0][:120]}


def _fault(session: Session) -> tuple[str, str] | None:
    """Return where and why a session whose parts are sound could not be shown, or None."""
    for n, event in enumerate(session.events):
        attempt = getattr(event, "attempt", None)
        if attempt is not None and not 1 <= attempt <= MOST_ATTEMPTS:
            return f"events.{n}", f"a round numbered {str(attempt)[:12]}"
        if not math.isfinite(event.t):
            return f"events.{n}", "a time that is no number"
        try:
            EVENT.validate_json(event.model_dump_json())
        except ValidationError:  # numbers that JSON has no words for
            return f"events.{n}", "a value that cannot be kept"
    run = fold(session.events, Trajectory(id=session.id, prompt=session.prompt))
    known = {c.id for c in run.rubric.criteria} if run.rubric else set()
    for attempt in run.attempts:
        if any(s.criterion_id not in known for s in attempt.scores):
            return f"round {attempt.number}", "a score for a criterion that it does not have"
    if run.best is not None and run.attempt(run.best) is None:
        return "its end", "a best round that it does not have"
    return None
