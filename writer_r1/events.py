"""Events -> Trajectory: what happens while a piece is written, and how the state follows from it.

The stored list of events is the truth; `fold` derives everything a page, the history or an export shows. Fields are
plain data so that an event is one JSON line (names are relied upon by scripts outside the package).
"""

from collections.abc import Callable, Generator, Iterable
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter

from writer_r1.trajectory import (
    Attempt,
    Author,
    Category,
    Code,
    Evaluation,
    Fault,
    Lesson,
    Noun,
    Reflection,
    Rubric,
    Score,
    Trajectory,
)


class Happening(Noun):
    t: float = 0.0  # seconds since the run began


class Started(Happening):
    event: Literal["started"] = "started"
    prompt: str
    model: str
    judge: str
    seed: int
    adapter: str = ""  # that the model wore while it wrote, and how strongly; the judge wears none
    strength: float = 1.0
    settings: dict[str, str | int | float | bool | None] = {}


class Status(Happening):
    """What the run is busy with, in words for the user ("loading the model")."""

    event: Literal["status"] = "status"
    text: str


class Coded(Happening):
    event: Literal["code"] = "code"
    code: Code


class Categorised(Happening):
    event: Literal["category"] = "category"
    category: Category


class Proposed(Happening):
    """A criterion as selective coding words it, before the reviewer has seen the whole list."""

    event: Literal["criterion"] = "criterion"
    name: str
    description: str


class RubricReady(Happening):
    event: Literal["rubric"] = "rubric"
    rubric: Rubric
    dropped: tuple[str, ...] = ()  # what the reviewer refused, each with its reason


class Recalled(Happening):
    event: Literal["lesson"] = "lesson"
    lesson: Lesson
    origin: Literal["recalled", "learned"]


class DraftDelta(Happening):
    """Text to append to an attempt; the first one of an attempt opens it."""

    event: Literal["delta"] = "delta"
    attempt: int
    text: str
    parent: int | None = None


class Drafted(Happening):
    event: Literal["draft"] = "draft"
    attempt: int
    parent: int | None = None
    by: Author = "model"
    text: str
    faults: tuple[Fault, ...] = ()
    tokens: int = 0
    seconds: float = 0.0


class Scored(Happening):
    event: Literal["score"] = "score"
    attempt: int
    score: Score


class Evaluated(Happening):
    event: Literal["evaluation"] = "evaluation"
    attempt: int
    evaluation: Evaluation
    seconds: float = 0.0


class Reflected(Happening):
    event: Literal["reflection"] = "reflection"
    attempt: int  # the attempt this reflection leads to
    reflection: Reflection


class Accepted(Happening):
    event: Literal["accepted"] = "accepted"
    attempt: int
    why: str


class Rejected(Happening):
    event: Literal["rejected"] = "rejected"
    attempt: int
    why: str


class Stopped(Happening):
    event: Literal["stopped"] = "stopped"
    why: str


class Finished(Happening):
    event: Literal["finished"] = "finished"
    trajectory_id: str
    best_attempt: int | None
    rounds: int


class Failed(Happening):
    event: Literal["error"] = "error"
    message: str


class Edited(Happening):
    """The user changed the criteria of a run that was over: it goes on, and its texts are judged by these."""

    event: Literal["edited"] = "edited"
    rubric: Rubric


Event = Annotated[
    Started
    | Status
    | Coded
    | Categorised
    | Proposed
    | RubricReady
    | Recalled
    | DraftDelta
    | Drafted
    | Scored
    | Evaluated
    | Reflected
    | Accepted
    | Rejected
    | Stopped
    | Finished
    | Failed
    | Edited,
    Field(discriminator="event"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
BY_USER = "user"  # the `why` of a run that was asked to stop
CRITERIA_READY = "criteria ready"  # of a run that was to find criteria and no more
CRITERIA_CHANGED = "criteria changed"  # of a run whose texts were judged anew
JUDGED = "judged"  # of a run that was to judge the user's own text and no more
NOT_SCORED = "not scored"  # of a run whose judge could make nothing of the user's own text
ENDS = ("finished", "error")


Outcome = TypeVar("Outcome")


def outcome(stages: Generator[Event, None, Outcome], show: Callable[[Event], object] | None = None) -> Outcome:
    """Return what the stages come to, showing each event on the way."""
    while True:
        try:
            event = next(stages)
        except StopIteration as end:
            found: Outcome = end.value
            return found
        if show is not None:
            show(event)


def fold(events: Iterable[Event], trajectory: Trajectory) -> Trajectory:
    """Return `trajectory` brought forward by `events`, in their order."""
    for event in events:
        trajectory = _step(trajectory, event)
    return trajectory


def _step(now: Trajectory, event: Event) -> Trajectory:
    match event:
        case Started():
            return now.model_copy(update={"prompt": event.prompt})
        case Status():
            return now.model_copy(update={"status": event.text})
        case Coded():
            return now.model_copy(update={"codes": (*now.codes, event.code)})
        case Categorised():
            return now.model_copy(update={"categories": (*now.categories, event.category)})
        case RubricReady():
            return now.model_copy(update={"rubric": event.rubric})
        case Recalled():
            return now.model_copy(update={"lessons": (*now.lessons, event.lesson)})
        case Stopped():
            return now.model_copy(update={"stopped": event.why, "status": ""})
        case Finished():
            return now.model_copy(update={"finished": True, "status": "", "best": event.best_attempt})
        case Failed():
            return now.model_copy(update={"finished": True, "status": "", "error": event.message})
        case Edited():
            return _edited(now, event.rubric)
        case Proposed():
            return now
        case _:
            return _step_attempt(now, event)


def _edited(now: Trajectory, rubric: Rubric) -> Trajectory:
    """Return a run that goes on with `rubric`; what was chosen and evaluated stands until it is done anew."""
    ids = {c.id for c in rubric.criteria}
    attempts = tuple(
        a.model_copy(update={"scores": tuple(s for s in a.scores if s.criterion_id in ids)}) for a in now.attempts
    )
    over = {"finished": False, "stopped": None, "error": None}
    return now.model_copy(update={"rubric": rubric, "attempts": attempts} | over)


def _step_attempt(
    now: Trajectory, event: DraftDelta | Drafted | Scored | Evaluated | Reflected | Accepted | Rejected
) -> Trajectory:
    old = now.attempt(event.attempt) or Attempt(number=event.attempt)
    update: dict[str, object] = {}
    match event:
        case DraftDelta():
            update = {"text": old.text + event.text, "parent": event.parent}
        case Drafted():
            told = {"text", "parent", "by", "faults", "tokens", "seconds"}
            update = event.model_dump(include=told) | {"complete": True}
        case Scored():
            others = tuple(s for s in old.scores if s.criterion_id != event.score.criterion_id)
            update = {"scores": (*others, event.score)}
        case Evaluated():
            update = {"evaluation": event.evaluation, "scores": event.evaluation.scores}
        case Reflected():
            update = {"reflection": event.reflection}
        case Accepted():
            update = {"accepted": True, "why": event.why}
        case Rejected():
            update = {"accepted": False, "why": event.why}
    new = old.model_copy(update=update)
    attempts = tuple(a for a in now.attempts if a.number != event.attempt) + (new,)
    best = new.number if isinstance(event, Accepted) else now.best
    return now.model_copy(update={"attempts": tuple(sorted(attempts, key=lambda a: a.number)), "best": best})
