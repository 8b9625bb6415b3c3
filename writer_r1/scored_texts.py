"""Cases and a judge -> a score for each, kept as soon as it is known, so that a stop or a kill loses one text at most.

A text takes seconds and a set takes an hour, on a machine on which somebody may want to write: the model is held for a
turn at a time and given back in between. What is kept holds scores and digests, and no word of a text.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from writer_r1.calibration import Readers
from writer_r1.errors import Busy, RequestTooLong, StoreError
from writer_r1.jobs import Jobs
from writer_r1.judge import Judge, scored
from writer_r1.lines import add_line
from writer_r1.llm import Cancel
from writer_r1.prompts import prompt_hash
from writer_r1.trajectory import Evaluation, Noun, Rubric, Score, digest, mean

TURN_S = 10.0  # a job of another process, which cannot be seen to wait, gets the model after so long at most
PAUSE_S = 0.5  # longer than anyone who waits takes to look again
LOOK_S = 0.5  # how often a stop is heard while another has the model

Say = Callable[[int, int, float | None], None]  # texts done, in all, seconds left; None while the model is waited for


class Case(NamedTuple):
    """A text to be scored: what was asked for, what was written, and by which criteria."""

    request: str
    text: str
    rubric: Rubric

    def key(self, judge: str) -> str:
        """Return what tells this reading from every other; `judge` is its `identity`."""
        return digest(judge, self.request, self.text, self.rubric.id, length=24)


class Found(Noun):
    """What the judge gave one case: by name of criterion, and on the whole by each wording of the question."""

    key: str
    scores: dict[str, float | None]
    wordings: tuple[float, ...] = ()
    seconds: float


class Host(Protocol):
    """What is needed of a workspace."""

    home: Path
    jobs: Jobs

    def name_of(self, name: str) -> str:
        """Return the one name of a model, whatever it is called by."""
        ...

    def readers(self, model: str) -> Readers | None:
        """Return who stands in for readers where this model judges."""
        ...

    def judging(self, name: str, cancel: Cancel, timeout_s: float) -> AbstractContextManager[Judge]:
        """Hold the machine's model lock, with a judge on this model; `Busy` where it was not free in time."""
        ...


def identity(model: str, host: Host) -> str:
    """Return what a score depends on besides the text: the model, the prompt and the fit."""
    readers = host.readers(model)
    return " ".join((model, prompt_hash("judge"), readers.calibration.id if readers else ""))


def score_texts(cases: Sequence[Case], model: str, host: Host, say: Say, cancel: Cancel) -> dict[str, Found]:
    """Return what the judge gave each case, by key; fewer where it was stopped.

    Raises:
        WriterError: the model is not there, or what is read cannot be kept.
    """
    name = host.name_of(model)
    judge_id = identity(name, host)
    wanted = {case.key(judge_id): case for case in cases}  # a text that stands in several ladders is read once
    found = {key: row for key, row in kept(name, host.home).items() if key in wanted}
    todo = [(key, case) for key, case in wanted.items() if key not in found]
    pace = _Pace(sum(len(case.text) for _, case in todo))
    say(len(found), len(wanted), None)
    with closing(_turns(model, host, cancel, lambda: say(len(found), len(wanted), None))) as turns:
        for judge in turns if todo else ():
            began = time.monotonic()
            while todo:
                key, case = todo[0]
                row = _read(key, case, judge)
                if cancel():
                    return found  # what was cut short says nothing
                _keep(row, name, host.home)
                found[key] = row
                del todo[0]
                say(len(found), len(wanted), pace.read(len(case.text), row.seconds))
                if host.jobs.waiting() or time.monotonic() - began > TURN_S:
                    break
            if not todo:
                break
    return found


def _turns(model: str, host: Host, cancel: Cancel, waiting: Callable[[], None]) -> Generator[Judge, None, None]:
    """Yield the judge for a turn at a time; between two of them whoever waits for the model gets it."""
    while not cancel():
        try:
            with host.judging(model, cancel, timeout_s=LOOK_S) as judge:
                yield judge
        except Busy:
            waiting()
        else:
            time.sleep(PAUSE_S)


def _read(key: str, case: Case, judge: Judge) -> Found:
    began = time.monotonic()
    scores: dict[str, float | None]
    wordings: tuple[float, ...]
    try:
        evaluation = scored(case.request, case.text, case.rubric, judge)
    except RequestTooLong:  # of this judge it is a fact, like an answer that is no digit
        scores, wordings = dict.fromkeys((c.name for c in case.rubric.criteria), None), ()
    else:
        names = {c.id: c.name for c in case.rubric.criteria}
        scores = {names[s.criterion_id]: s.value for s in evaluation.scores}
        wordings = _wordings(evaluation)
    return Found(key=key, scores=scores, wordings=wordings, seconds=time.monotonic() - began)


def _wordings(evaluation: Evaluation) -> tuple[float, ...]:
    """Return the mean answer to each wording of the question, over the criteria in which all of them were answered."""
    rows = [row for score in evaluation.scores if (row := _answers(score))]
    return tuple(mean(column) for column in zip(*rows, strict=False))


def _answers(score: Score) -> tuple[float, ...]:
    try:
        return tuple(float(answer) for answer in score.raw.split())
    except ValueError:  # a dash: that wording was not answered
        return ()


def kept_at(model: str, home: Path) -> Path:
    """Return the file of what a judge model was found to give, a line a text."""
    return home / "judges" / f"{model}.scored.jsonl"


def kept(model: str, home: Path) -> dict[str, Found]:
    """Return what was read of a model so far, by key; a line that a kill cut short counts as not read."""
    try:
        lines = kept_at(model, home).read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"{str(kept_at(model, home))!r} cannot be read ({error.strerror}).") from None
    rows = []
    for line in filter(None, lines):
        try:
            rows.append(Found.model_validate_json(line))
        except ValidationError:
            continue
    return {row.key: row for row in rows}


def _keep(row: Found, model: str, home: Path) -> None:
    path = kept_at(model, home)
    try:
        add_line(path, row.model_dump_json().encode())
    except OSError as error:
        raise StoreError(f"What was read cannot be kept in {str(path)!r} ({error.strerror}).") from None


class _Pace:
    """Seconds a character, over what was read since the start: texts differ too much in length to be counted."""

    def __init__(self, characters: int) -> None:
        self._left, self._read, self._seconds = characters, 0, 0.0

    def read(self, characters: int, seconds: float) -> float:
        """Count a text that was read, and return the seconds that the others will take."""
        self._left -= characters
        self._read += characters
        self._seconds += seconds
        return self._seconds * self._left / max(self._read, 1)
