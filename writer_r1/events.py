"""What happens while a piece is written, as events.

The stored list of them is the truth; `folding.fold` derives the state that a page, the history or an export shows.
Fields are plain data so that an event is one JSON line (names are relied upon by scripts outside the package).
"""

from collections.abc import Callable, Generator, Iterable
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter

from writer_r1.passage import Passage
from writer_r1.trajectory import (
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
)


class Part(Noun):
    """The scene that a run works on, of a longer manuscript: what it is called, and its words as they stood."""

    label: str
    text: str


class Summary(Noun):
    """What another part of the manuscript says, in short; the library keeps it under `key`."""

    title: str
    text: str
    after: bool = False
    key: str = ""


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
    analyst: str = ""  # where it was not the judge that found the criteria, or said what to change
    critic: str = ""
    settings: dict[str, str | int | float | bool | None] = {}
    part: Part | None = None  # None: the whole manuscript


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


class Retold(Happening):
    """The manuscript around the scene that is worked on, as the models are told of it."""

    event: Literal["story"] = "story"
    summaries: tuple[Summary, ...]


class Thought(Happening):
    """The model thought in one go: its plan, what the thought cost, and why it could not be read to its end, if so.

    Drafts and reflections of it come as those of rounds do.
    """

    event: Literal["thought"] = "thought"
    plan: str = ""
    tokens: int = 0
    seconds: float = 0.0
    refused: str = ""


class ThoughtDelta(Happening):
    """Words to append to a part of a thought that is being written; its draft comes as that of a round does.

    Parts are counted from 1 and the draft is one of them. A revision says which paragraph it writes anew, or goes on
    after.
    """

    event: Literal["thinking"] = "thinking"
    part: int
    name: Literal["plan", "reflection", "revision", "piece"]
    text: str
    paragraph: int = 0
    operation: Literal["rewrite", "extend"] = "rewrite"


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
    aside: str = ""  # what the model said to its user before the piece
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


class Marked(Happening):
    """What a run about a passage is to do: write it another way, or where it has no words, go on from there.

    `ways` are what its alternatives are called, in order; they are attempts 2, 3, … beside the first, what stands.
    """

    event: Literal["passage"] = "passage"
    passage: Passage
    direction: str = ""  # where the writer wants it to go
    ways: tuple[str, ...] = ()


class Chosen(Happening):
    """The writer put this alternative into the manuscript, or without a number none of them."""

    event: Literal["chosen"] = "chosen"
    attempt: int | None = None


Event = Annotated[
    Started
    | Status
    | Coded
    | Categorised
    | Proposed
    | RubricReady
    | Recalled
    | Retold
    | Thought
    | ThoughtDelta
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
    | Edited
    | Marked
    | Chosen,
    Field(discriminator="event"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
BY_USER = "user"  # the `why` of a run that was asked to stop
CRITERIA_READY = "criteria ready"  # of a run that was to find criteria and no more
CRITERIA_CHANGED = "criteria changed"  # of a run whose texts were judged anew
JUDGED = "judged"  # of a run that was to judge the user's own text and no more
NOT_SCORED = "not scored"  # of a run whose judge could make nothing of the user's own text
THOUGHT_OUT = "thought to the end"  # of a run that thought in one go
THOUGHT_BROKE_OFF = "thought broke off"  # of one whose thought could not be read to its end
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


def part_of(events: Iterable[Event]) -> Part | None:
    """Return the part of a manuscript that a run works on; None where it is the whole."""
    return next((event.part for event in events if isinstance(event, Started)), None)
