"""Events -> Trajectory: how the state of a run follows from what happened in it."""

from collections.abc import Iterable

from writer_r1.events import (
    Accepted,
    Categorised,
    Chosen,
    Coded,
    DraftDelta,
    Drafted,
    Edited,
    Evaluated,
    Event,
    Failed,
    Finished,
    Marked,
    Proposed,
    Recalled,
    Reflected,
    Rejected,
    Retold,
    RubricReady,
    Scored,
    Started,
    Status,
    Stopped,
    Thought,
    ThoughtDelta,
)
from writer_r1.trajectory import Attempt, Rubric, Trajectory


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
        case Proposed() | Retold() | Thought() | ThoughtDelta() | Marked() | Chosen():
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
            told = {"text", "aside", "parent", "by", "faults", "tokens", "seconds"}
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
