"""A rubric and one change the user asked for -> the changed rubric, or one sentence on why not.

What is asked comes from a browser and may be anything, so it is read as strictly as a file. A criterion's id is made of
its words: only a change of words gives it a new one, and only that has it judged again.
"""

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, Field, Json, TypeAdapter, ValidationError

from writer_r1.errors import RubricError
from writer_r1.facts import VOICE_WORDS, WORD, voice_criterion
from writer_r1.trajectory import (
    HEAVIEST,
    LIGHTEST,
    MAX_CRITERIA,
    Criterion,
    Rubric,
    Source,
    Weight,
    name_key,
    prompt_id,
)

LONGEST_SAMPLE = 20_000  # characters, about 3,500 words
LONGEST_NAME, LONGEST_DESCRIPTION = 80, 600  # characters, as `Criterion` has them
REPEATABLE = ("must_include", "must_not")  # checks of which a rubric may hold several; two lengths would contradict
FULL = f"There are {MAX_CRITERIA} criteria already, the most that can be judged; delete one first."
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _one_line(text: object) -> object:
    return " ".join(_CONTROL.sub(" ", text).split()) if isinstance(text, str) else text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), BeforeValidator(_one_line)]
Description = Annotated[str, Field(min_length=1, max_length=LONGEST_DESCRIPTION), BeforeValidator(_one_line)]


class Lock(BaseModel):
    """Lock what is open and open what is locked."""

    act: Literal["lock"]
    id: str


class Weigh(BaseModel):
    act: Literal["weight"]
    id: str
    value: Weight


class Reword(BaseModel):
    act: Literal["edit"]
    id: str
    name: Name
    description: Description


class Add(BaseModel):
    act: Literal["add"]
    name: Name
    description: Description
    weight: Weight = 1.0


class Delete(BaseModel):
    act: Literal["delete"]
    id: str


class Dismiss(BaseModel):
    """Delete what is not for this piece; whoever keeps the rubric also keeps that it was said."""

    act: Literal["dismiss"]
    id: str


class Undelete(BaseModel):
    """Put a deleted criterion back; `criterion` is its JSON, as `Deleted` was shown to the page."""

    act: Literal["undelete"]
    criterion: Json[Criterion]
    at: int


class Move(BaseModel):
    """Place a criterion so that it is number `to` of the new list, counted from 0; the ends are the limits."""

    act: Literal["move"]
    id: str
    to: int


class Voice(BaseModel):
    """Have pieces measured against this sample of the user's own writing; an empty one takes the criterion out."""

    act: Literal["voice"]
    sample: Annotated[str, Field(max_length=LONGEST_SAMPLE)]


Edit = Lock | Weigh | Reword | Add | Delete | Dismiss | Undelete | Move | Voice
EDIT: TypeAdapter[Edit] = TypeAdapter(Annotated[Edit, Field(discriminator="act")])


class Deleted(NamedTuple):
    """A criterion that was deleted and the place it had, for `Undelete`."""

    criterion: Criterion
    at: int
    dismissed: bool = False  # and it is not to be proposed again


def apply(rubric: Rubric | None, edit: dict[str, object], prompt: str) -> Rubric | None:
    """Return `rubric` with the edit made, or None once its last criterion is deleted.

    Raises:
        RubricError: the edit cannot be read, names a criterion that is not there, or would spoil the rubric.
    """
    asked = _read(edit)
    criteria = list(rubric.criteria) if rubric else []
    match asked:
        case Add():
            criteria.append(_free(Criterion(**asked.model_dump(exclude={"act"})), criteria))
        case Voice():
            _speak(criteria, asked.sample)
        case Undelete():
            criteria.insert(_within(asked.at, criteria), _free(asked.criterion, criteria))
        case _:
            at = _place(asked.id, criteria)
            _change(criteria, at, asked)
    if not criteria:
        return None
    return Rubric(prompt_id=rubric.prompt_id if rubric else prompt_id(prompt), criteria=tuple(criteria))


def _change(criteria: list[Criterion], at: int, asked: Lock | Weigh | Reword | Delete | Dismiss | Move) -> None:
    """Change `criteria` in place: the one at `at`."""
    old = criteria.pop(at)
    match asked:
        case Lock():
            criteria.insert(at, old.model_copy(update={"locked": not old.locked}))
        case Weigh():
            criteria.insert(at, old.model_copy(update={"weight": asked.value}))
        case Reword():
            criteria.insert(at, _free(_reworded(old, asked), criteria))
        case Move():
            criteria.insert(_within(asked.to, criteria), old)


def _speak(criteria: list[Criterion], sample: str) -> None:
    """Change `criteria` in place: the one of the user's voice."""
    sample = sample.strip()
    if sample and (count := sum(1 for _ in WORD.finditer(sample))) < VOICE_WORDS:
        raise RubricError(
            f"A voice shows from {VOICE_WORDS} words on, and these are {count}; paste more of your own, better a page."
        )
    at = next((i for i, c in enumerate(criteria) if c.check and c.check.type == "voice"), len(criteria))
    old = criteria.pop(at) if at < len(criteria) else None
    if sample:
        kept = {"weight": old.weight, "locked": old.locked} if old else {}
        criteria.insert(at, _free(voice_criterion(sample).model_copy(update=kept), criteria))


def deleted(rubric: Rubric | None, edit: dict[str, object]) -> Deleted | None:
    """Return what `edit` deletes from `rubric`, so that it can be put back; None where it deletes nothing."""
    if rubric is None or edit.get("act") not in ("delete", "dismiss"):
        return None
    found = ((at, c) for at, c in enumerate(rubric.criteria) if c.id == edit.get("id"))
    return next((Deleted(c, at, edit["act"] == "dismiss") for at, c in found), None)


def own(rubric: Rubric) -> tuple[Criterion, ...]:
    """Return the criteria that the user made or locked, which outlive a new search and others that are used instead."""
    return tuple(c for c in rubric.criteria if c.locked or c.source.stage == "user")


def merge(rubric: Rubric | None, other: Rubric) -> Rubric:
    """Return `rubric` and those of `other` that it has not in name, description or measure, up to the most allowed."""
    if rubric is None:
        return other
    criteria = list(rubric.criteria)
    for criterion in carried(other, rubric.prompt_id).criteria:
        if len(criteria) < MAX_CRITERIA and not any(_alike(criterion, c) for c in criteria):
            criteria.append(criterion)
    return rubric.model_copy(update={"criteria": tuple(criteria)})


def carried(rubric: Rubric, to: str) -> Rubric:
    """Return `rubric` for the request with the prompt id `to`, without quotes from a request that is not this one."""
    if rubric.prompt_id == to:
        return rubric
    unquoted = tuple(
        c.model_copy(update={"source": c.source.model_copy(update={"span": None})}) for c in rubric.criteria
    )
    return Rubric(prompt_id=to, criteria=unquoted)


def _alike(one: Criterion, other: Criterion) -> bool:
    if one.check and other.check and one.check.type == other.check.type and one.check.type not in REPEATABLE:
        return True
    same_words = name_key(one.description) == name_key(other.description)
    return same_words or name_key(one.name) == name_key(other.name)


def _within(at: int, criteria: list[Criterion]) -> int:
    return min(max(at, 0), len(criteria))


def _place(id_: str, criteria: list[Criterion]) -> int:
    for at, criterion in enumerate(criteria):
        if criterion.id == id_:
            return at
    raise RubricError("This criterion is not there any more; it was changed or deleted in another window.")


def _free(criterion: Criterion, others: list[Criterion]) -> Criterion:
    """Return `criterion` where it can stand beside `others`."""
    if len(others) >= MAX_CRITERIA:
        raise RubricError(FULL)
    if name_key(criterion.name) in {name_key(c.name) for c in others}:
        raise RubricError(f"Another criterion is named {criterion.name!r}; choose a name of its own.")
    return criterion


def _reworded(old: Criterion, asked: Reword) -> Criterion:
    if (asked.name, asked.description) == (old.name, old.description):
        return old
    if old.kind == "measured":
        raise RubricError(f"{old.name!r} is measured, so its words stand; weigh it less, delete it, or add your own.")
    source = Source(stage="user", codes=old.source.codes, span=old.source.span)
    # What 1, 5 and 10 look like was said of the old words.
    changed = {"name": asked.name, "description": asked.description, "source": source, "levels": None}
    return old.model_copy(update=changed)


def _read(edit: dict[str, object]) -> Edit:
    try:
        return EDIT.validate_python(edit)
    except ValidationError as e:
        raise RubricError(_sentence(e.errors(include_url=False)[0])) from None


def _sentence(fault: Any) -> str:
    field, given = str(fault["loc"][-1]) if fault["loc"] else "", fault["input"]
    wide = isinstance(given, str) and fault["type"] == "string_too_long"
    if fault["type"] == "string_unicode":
        return f"The {field} holds half a character; type it again."
    if field == "name":
        return (
            f"The name has {len(given)} letters; keep it to {LONGEST_NAME}." if wide else "Give the criterion a name."
        )
    if field == "description":
        longest = f"The description has {len(given)} letters; keep it to {LONGEST_DESCRIPTION}." if wide else ""
        return longest or "Say in one sentence what the text should do."
    if field in ("value", "weight"):
        return f"A weight is a number from {LIGHTEST:g} to {HEAVIEST:g}, not {_shown(given)}; choose another."
    return "The page asked for a change that the studio does not know; reload the page and try again."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
