"""Requests, or the library's own runs -> thoughts to train on, a row each: `writer-r1 synth`.

Every request ends in one row of one of two files: the thoughts, or what was dropped, with its reason. A row is added as
soon as it is known, so that a kill loses the request that was being worked on and nothing is made twice. What was
dropped is tried again by other models, with more rounds or other limits, and never in the same way. The machine's model
is held for one request at a time; one that somebody who writes has to wait for is given up and made anew later.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1.checks import word_count
from writer_r1.errors import RequestTooLong, WriterError
from writer_r1.events import Status, part_of
from writer_r1.folding import fold
from writer_r1.lines import rows
from writer_r1.llm import Cancel, never
from writer_r1.loop import Task, Team, write
from writer_r1.review import Similarity
from writer_r1.room import Doing, Host, work_off
from writer_r1.row_files import Pair, Row, Say, beside, ids, in_turn
from writer_r1.store import Store
from writer_r1.thinking import (
    NO_TEXT,
    Limits,
    NoThought,
    Voice,
    plain_plan,
    plainly,
    refuse_twins,
    thought,
    tried,
)
from writer_r1.traces import Trace, written
from writer_r1.training.config import TOKENS_A_WORD_OF_THOUGHT
from writer_r1.training.data import EVERY, Example
from writer_r1.trajectory import Lesson, Trajectory, digest
from writer_r1.usefulness import Tried, shares

ENOUGH = 0.95  # of each criterion, before a run ends: a text that would please a reader may still be bettered
TOO_LONG = "the request is too long for the model"
REQUEST, RUN = "t-", "h-"  # how ids begin; those of a run of the library end in the number of its best text
A_SCENE = "a scene of a longer manuscript"


class Wish(NamedTuple):
    """How thoughts are made: by which models, with how many revisions at most, and what they have to be."""

    writer: str
    judge: str
    rounds: int
    seed: int
    limits: Limits

    @property
    def mark(self) -> str:
        """Return a short name of all of it, for what was dropped."""
        return digest(self.writer, self.judge, str(self.rounds), str(self.seed), *map(str, self.limits))


class Outcomes(Pair):
    """The rows of thoughts in a file and, beside it, of what was dropped; `mark` names how they are being made."""

    mark = ""
    begins = (REQUEST, RUN)

    @property
    def done(self) -> set[str]:
        """Return the ids of what needs no more work."""
        return settled(self.kept, self.dropped, self.mark)

    def pieces(self, key: str) -> list[str]:
        """Return the pieces of the thoughts so far, but for those of the very run that `key` is of."""
        return [str(row.get("trace", {}).get("final", "")) for row in self._others(key)]

    def _others(self, key: str) -> list[Row]:
        return [row for row in self.kept if _whose(str(row["id"])) != _whose(key)]

    def add(self, key: str, trace: Trace, tries: Sequence[Tried], **more: Any) -> None:
        """Keep a thought, in the place of an earlier one of the same run, which went on and got better."""
        row = {"id": key, "prompt": trace.prompt, "text": written(trace), "trace": trace.model_dump(mode="json")}
        row |= _told(tries) | more
        others = self._others(key)
        if len(others) < len(self.kept):
            self.part([*others, row], self.dropped)
        else:
            self.keep(row)

    def refuse(self, key: str, prompt: str, why: str, tries: Sequence[Tried] = ()) -> None:
        """Keep that nothing was made of a request, and why."""
        self.drop({"id": key, "prompt": prompt, "reason": why, "mark": self.mark} | _told(tries))

    def summary(self) -> dict[str, Any]:
        """Return what is told of the rows; see `summed`."""
        return summed(self.kept, self.dropped)


def settled(kept: Sequence[Row], dropped: Sequence[Row], mark: str) -> set[str]:
    """Return the ids of the thoughts, and of what was dropped in the very way that `mark` names."""
    return ids((*kept, *(row for row in dropped if row.get("mark", "") == mark)))


def summed(kept: Sequence[Row], dropped: Sequence[Row]) -> dict[str, Any]:
    """Return how many thoughts there are, how many were dropped for which reason, and what reflections did.

    A request that was tried in several ways counts as it ended last, as does a run that went on.
    """
    last, made = {_whose(str(row["id"])): row for row in dropped}, set(map(_whose, ids(kept)))
    dropped = [row for key, row in last.items() if key not in made]
    tries = [Tried.model_validate(t) for row in (*kept, *dropped) for t in row.get("tried", ())]
    reasons = Counter(str(row.get("reason")) for row in dropped)
    longest = max((word_count(str(row.get("text", ""))) for row in kept), default=0)
    told = {"traces": len(kept), "longest_words": longest, "dropped": dict(reasons.most_common())}
    return told | shares(tries)


def _whose(key: str) -> str:
    """Return what a row of this id is of: the request, or the run of the library, whatever its best text was then."""
    return key.rpartition("-")[0] if key.startswith(RUN) else key


def room_for(words: int) -> int:
    """Return the `text_tokens` that a thought of so many words needs in training, about."""
    return -(-int(words * TOKENS_A_WORD_OF_THOUGHT) // 64) * 64


def _told(tries: Sequence[Tried]) -> dict[str, Any]:
    return {"tried": [t.model_dump() for t in tries]}


def read_outcomes(out: Path) -> dict[str, Any]:
    """Return the summary of thoughts that were made earlier, or are being made; see `summed`.

    Raises:
        WriterError: there is no such file.
    """
    kept, dropped = ([row for row in rows(path) if "id" in row] for path in (out, beside(out)))
    if not kept and not dropped:
        raise WriterError(f"The file {str(out)!r} holds no thoughts yet.")
    return summed(kept, dropped)


def synthesise(
    host: Host, examples: Sequence[Example], outcomes: Outcomes, wish: Wish, say: Say, cancel: Cancel
) -> int:
    """Make a thought of every request that has none yet, and return how many requests were worked on now."""
    outcomes.mark = wish.mark

    def work(key: str, example: Example, halt: Cancel, doing: Doing) -> None:
        judge = host.judge_by(wish.judge, halt, wish.writer)
        team = Team(host.llm(wish.writer), judge.llm, judge.similarity, _no_lessons, halt, judge.readers)
        _one(key, example, team, outcomes, wish, doing)

    return work_off(examples, key_of, outcomes, host.jobs, work, say, cancel)


def key_of(example: Example) -> str:
    """Return the id of the row that a request ends in."""
    return REQUEST + digest(example.prompt)


def _no_lessons(prompt: str, criterion: str | None) -> Sequence[Lesson]:
    """Return no lesson: a thought must not rest on what stands outside it."""
    return ()


def _one(key: str, example: Example, team: Team, outcomes: Outcomes, wish: Wish, doing: Doing) -> None:
    voice = Voice(team.writer, team.cancel, example.prompt, wish.seed)
    run = Trajectory(id=key, prompt=example.prompt)
    began = time.monotonic()
    try:
        doing("planning")
        plan = voice.plan()
        task = Task(
            key,
            example.prompt,
            example.rubric,
            rounds=wish.rounds,
            target=ENOUGH,
            each=ENOUGH,
            patience=wish.rounds,  # what fails is tried another way
            seed=wish.seed,
            plan=plan,
            reasons=False,
        )
        for event in write(task, team):
            run = fold([event], run)
            if isinstance(event, Status):
                doing(event.text)
        doing("wording the reflections")
        trace = thought(run, plan, voice.reflection, wish.limits, team.similarity)
        refuse_twins(trace, outcomes.pieces(key), team.similarity)
    except RequestTooLong:
        outcomes.refuse(key, example.prompt, TOO_LONG, tried(run))
    except NoThought as why:
        if not team.cancel():  # what was cut short says nothing
            outcomes.refuse(key, example.prompt, str(why), tried(run))
    else:
        if not team.cancel():
            _keep(outcomes, key, trace, run, wish, round(time.monotonic() - began, 1))


def _keep(outcomes: Outcomes, key: str, trace: Trace, run: Trajectory, wish: Wish, seconds: float) -> None:
    made = {"source": "synthesis", "writer": wish.writer, "judge": wish.judge, "seconds": seconds}
    rubric = run.rubric.model_dump(mode="json") if run.rubric else None
    outcomes.add(key, trace, tried(run), rubric=rubric, **made)


def from_history(
    store: Store,
    outcomes: Outcomes,
    limits: Limits,
    similarity: Similarity | None,
    say: Say,
    cancel: Cancel = never,
    most: int | None = None,
) -> int:
    """Make a thought of every run of the library that has none yet, without a model; return how many were looked at.

    Of one that failed or was broken off, what was judged counts as ever. `most` leaves out all but the oldest runs.
    """
    outcomes.mark = digest(*map(str, limits))
    runs = [run for run in reversed(store.runs(EVERY)) if run.state != "running"][:most]
    looked = 0
    with outcomes.alone():
        for listed, doing in in_turn(runs, len(runs), say):
            doing("reading the library")
            if cancel():
                return looked
            run = store.trajectory(listed.id)
            key = f"{RUN}{run.id}-{run.best}"  # a run that goes on and gets better is another
            if key in outcomes.done:
                continue
            looked += 1
            try:
                if part_of(event for _, event in store.events(listed.id)):
                    raise NoThought(A_SCENE)
                if run.rubric is None or run.best is None:
                    raise NoThought(NO_TEXT)
                plan = plain_plan(run.prompt, run.rubric.criteria)
                trace = thought(run, plan, lambda before, after, _: plainly(after, before), limits, similarity)
                refuse_twins(trace, outcomes.pieces(key), similarity)
            except NoThought as why:
                outcomes.refuse(key, run.prompt, str(why), tried(run))
            else:
                outcomes.add(key, trace, tried(run), rubric=run.rubric.model_dump(mode="json"), source="history")
    return looked
