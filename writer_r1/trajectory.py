"""The nouns of the studio, small to large: Criterion, Rubric, Score, Evaluation, Attempt, Trajectory.

All are frozen and know nothing of files, models or pages. Scores and rewards are in [0, 1], or `None` where nothing
could be read from the judge ("not scored" is never a zero).
"""

import hashlib
import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, computed_field, model_validator

MAX_CRITERIA = 24
LIGHTEST, HEAVIEST = 0.001, 1000.0  # weights of criteria

Stage = Literal["rule", "open", "axial", "selective", "general", "user"]
Kind = Literal["judged", "measured"]
Author = Literal["model", "user"]
CheckType = Literal[
    "length",
    "completeness",
    "repetition",
    "relevance",
    "must_include",
    "must_not",
    "language",
    "person",
    "tense",
    "voice",
]
Fault = Literal[
    "empty",
    "truncated",
    "looping",
    "off-language",
    "copied",
    "echoes the instructions",
    "asks instead of writing",
    "stopped at length",
    "alters a protected passage",
]


def digest(*parts: str, length: int = 12) -> str:
    """Return a short stable hash of `parts`, used for every content id."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def prompt_id(prompt: str) -> str:
    """Return the id of a request text (white space at its ends does not count)."""
    return "p-" + digest(prompt.strip())


def name_key(name: str) -> str:
    """Return what makes two names of criteria the same: neither case nor white space tells them apart."""
    return " ".join(name.split()).casefold()


class Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identified(Noun):
    """A noun with a computed id: what is stored of it is recomputed, so a hand-edited file cannot disagree with it."""

    @model_validator(mode="before")
    @classmethod
    def _drop_id(cls, data: Any) -> Any:
        return {k: v for k, v in data.items() if k != "id"} if isinstance(data, dict) else data


def _weighable(value: float) -> float:
    if not LIGHTEST <= value <= HEAVIEST:  # beyond these a weighted mean loses its digits or overflows
        raise ValueError(f"weight must be a number from {LIGHTEST:g} to {HEAVIEST:g}, not {value!r}")
    return value


Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, AfterValidator(_weighable)]


class Check(Noun):
    """A measurement of a draft that needs no model. `low`/`high` are in `unit`; `items` are words or phrases."""

    type: CheckType
    low: int | None = None
    high: int | None = None
    unit: Literal["words", "characters", "lines", "sentences"] = "words"
    items: tuple[str, ...] = ()
    value: str | None = None  # the language, person or tense asked for, or a sample of the voice


class Source(Noun):
    """Where a criterion or code came from: the coding stage, the codes under it, the words it is tied to."""

    stage: Stage
    codes: tuple[str, ...] = ()
    span: str | None = None


class Criterion(Identified):
    model_config = ConfigDict(str_strip_whitespace=True)  # a name of blanks is none

    name: str = Field(min_length=1, max_length=80)
    description: str = Field(min_length=1, max_length=600)
    weight: Weight = 1.0
    kind: Kind = "judged"
    check: Check | None = None
    levels: dict[str, str] | None = None
    source: Source = Source(stage="user")
    locked: bool = False

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """Hash of what is judged; weight, lock, levels and origin are outside it, so scores survive reweighting."""
        check = self.check.model_dump_json() if self.check else ""
        return "c-" + digest(self.name, self.description, check)


class Rubric(Identified):
    prompt_id: str
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=MAX_CRITERIA)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """Content hash over the criteria, order-free: rewards compare only under the same id."""
        return "r-" + digest(*sorted(c.id for c in self.criteria))

    @model_validator(mode="after")
    def _distinct_names(self) -> "Rubric":
        seen: set[str] = set()
        for c in self.criteria:
            key = name_key(c.name)
            if key in seen:
                raise ValueError(f"two criteria are named {c.name!r}")
            seen.add(key)
        return self

    def criterion(self, criterion_id: str) -> Criterion:
        """Return the criterion with this id."""
        return next(c for c in self.criteria if c.id == criterion_id)


class Score(Noun):
    """One criterion's verdict on one draft. `low`..`high` is the judge's own range, `parts` what it was mixed from."""

    criterion_id: str
    value: Unit | None
    low: Unit | None = None
    high: Unit | None = None
    reason: str = ""
    quote: str | None = None
    quote_found: bool = False
    parts: dict[str, float] = {}
    raw: str = ""


class JudgeInfo(Noun):
    """Who judged: verdicts mix only where all but `trust` is the same."""

    model: str
    adapter: str | None = None
    prompt_hash: str = ""
    calibration: str = ""  # id of the fit that stands in for readers; empty where there was none
    trust: Literal["high", "some", "low", "none", "unmeasured"] = "unmeasured"

    def same(self, other: "JudgeInfo") -> bool:
        """Return whether scores of the other may stand beside this one's."""
        return self.model_copy(update={"trust": other.trust}) == other


class Note(Noun):
    """What a check found in a whole text: in two words, in a sentence, and the words it rests on."""

    check: str
    value: Unit
    said: str
    reason: str
    quote: str | None = None


class Evaluation(Noun):
    """`readers` is what the calibrated judge expects readers to say of the whole text, `notes` what was measured."""

    rubric_id: str
    reward: Unit | None
    scores: tuple[Score, ...]
    judge: JudgeInfo
    readers: dict[str, Unit] = {}
    notes: tuple[Note, ...] = ()

    def score(self, criterion_id: str) -> Score | None:
        """Return this criterion's score, or None where it was never asked."""
        return next((s for s in self.scores if s.criterion_id == criterion_id), None)


def weighted_reward(rubric: Rubric, values: dict[str, float | None]) -> float | None:
    """Return R_crit, the weighted mean of the scored criteria, or None if none is scored.

    Source: `docs/papers.md` R_crit; unscored criteria leave both sums, so they never count as 0.
    """
    scored = [(c.weight, v) for c in rubric.criteria if (v := values.get(c.id)) is not None]
    total = math.fsum(w for w, _ in scored)
    return min(1.0, math.fsum(w * v for w, v in scored) / total) if scored else None


class Advice(Noun):
    """One change asked of the reviser, tied to a criterion and, where one was quoted, to words of the draft."""

    criterion_id: str
    paragraph: int = Field(ge=1)  # counted from 1 in the draft's paragraphs
    operation: Literal["rewrite", "extend"] = "rewrite"
    fault: str
    edit: str
    quote: str | None = None
    quote_found: bool = False
    mend: bool = False  # all but what is asked for stays in its words, as where a count asks for it


class Reflection(Noun):
    on_attempt: int
    advice: tuple[Advice, ...]
    lesson_ids: tuple[str, ...] = ()


class Attempt(Noun):
    number: int
    parent: int | None = None
    by: Author = "model"  # whose text it is: the first of a run may be the user's own
    text: str = ""
    aside: str = ""  # what the model said to its user before it
    complete: bool = False  # False while streaming, and for what a stop or crash left behind
    faults: tuple[Fault, ...] = ()
    scores: tuple[Score, ...] = ()  # as they arrive; the evaluation settles them
    evaluation: Evaluation | None = None
    reflection: Reflection | None = None  # what led to this attempt
    accepted: bool | None = None
    why: str = ""
    tokens: int = 0
    seconds: float = 0.0


class Lesson(Noun):
    """Advice that raised (or failed to raise) a criterion's score, kept for later work."""

    id: str
    kind: Literal["success", "failure"]
    criterion: str
    text: str
    prompt: str
    rubric_id: str
    trajectory_id: str
    delta: float


class Code(Noun):
    """An open code: two to six words tied to a span of the request or of a sample draft."""

    label: str = Field(min_length=1, max_length=120)
    span: str | None = None
    stage: Literal["rule", "open"] = "open"


class Category(Noun):
    name: str
    codes: tuple[str, ...]
    relation: str = ""  # how it bears on the piece: condition, action or consequence


class Trajectory(Noun):
    """One writing run, folded from its events."""

    id: str
    prompt: str
    codes: tuple[Code, ...] = ()
    categories: tuple[Category, ...] = ()
    rubric: Rubric | None = None
    attempts: tuple[Attempt, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    best: int | None = None
    status: str = ""
    stopped: str | None = None
    error: str | None = None
    finished: bool = False

    def attempt(self, number: int) -> Attempt | None:
        """Return the attempt with this number, if it has begun."""
        return next((a for a in self.attempts if a.number == number), None)


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean; the caller makes sure there is at least one value."""
    rows = list(values)
    return math.fsum(rows) / len(rows)
