"""(run, changed criteria) -> events: its texts judged by them, and the best chosen anew.

Only what no earlier verdict covers is asked of the model: new weights, locks or order, or one criterion less, ask
nothing, load nothing and wait for nobody. Verdicts of another judge do not mix with new ones. While it works another
rubric may be wanted; then it begins again with that one and keeps every verdict it has, so quick edits in a row cost
one pass.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

from writer_r1.acceptance import accept, usable
from writer_r1.events import (
    BY_USER,
    CRITERIA_CHANGED,
    Accepted,
    Edited,
    Evaluated,
    Event,
    Finished,
    Rejected,
    Scored,
    Status,
    Stopped,
    part_of,
)
from writer_r1.folding import fold
from writer_r1.judge import CUT, Judge, evaluate, settled
from writer_r1.llm import Cancel
from writer_r1.trajectory import Attempt, Rubric, Score, Trajectory

Load = Callable[[Cancel], Judge | None]  # None where that turned true while the judge was waited for


class Wanted:
    """The rubric the user wants last, handed from any thread to the job that judges by it."""

    def __init__(self, rubric: Rubric) -> None:
        self._guard = threading.Lock()
        self._rubric = rubric
        self._open = True

    def __call__(self) -> Rubric:
        return self._rubric

    def ask(self, rubric: Rubric) -> bool:
        """Want `rubric` from now on, and return whether the job will still judge by it."""
        with self._guard:
            if self._open:
                self._rubric = rubric.model_copy()  # one of its own, so that there and back again is seen too
            return self._open

    def settle(self, rubric: Rubric) -> bool:
        """Return whether `rubric` is still the one wanted; then no other is taken any more."""
        with self._guard:
            self._open = self._open and self._rubric is not rubric
            return not self._open

    def close(self) -> None:
        """Take no other rubric any more."""
        with self._guard:
            self._open = False


def rescore(
    run: Trajectory, load: Load, wanted: Wanted, cancel: Cancel, earlier: Iterable[Event] = ()
) -> Iterator[Event]:
    """Yield what happens until the run's texts are judged by the rubric wanted last; `load` gives the judge if needed.

    `earlier` are the run's events so far: a criterion that comes back gets the verdict it had. Stopped early, the run
    keeps its best attempt, and the attempts not reached keep their old evaluations.
    """
    case = _Case(run, earlier)
    try:
        while True:
            rubric = wanted()
            yield from case.tell([Edited(rubric=rubric)])
            yield from _pass(case, rubric, load, lambda now=rubric: cancel() or wanted() is not now)  # type: ignore[misc]
            if cancel():
                yield Stopped(why=BY_USER)
                break
            if wanted.settle(rubric):
                yield from case.tell(choices(case.run.attempts, rubric))
                yield Stopped(why=CRITERIA_CHANGED)
                break
    finally:
        wanted.close()
    rounds = max(0, len(case.run.attempts) - 1)
    yield Finished(trajectory_id=run.id, best_attempt=case.run.best, rounds=rounds)


class _Case:
    """The run as far as it was told, and every evaluation that each of its texts ever had."""

    def __init__(self, run: Trajectory, earlier: Iterable[Event]) -> None:
        self.run = run
        earlier = tuple(earlier)
        self.part = part_of(earlier) is not None
        self._evaluations = [(e.attempt, e.evaluation) for e in earlier if isinstance(e, Evaluated)]
        self._evaluations += [(a.number, a.evaluation) for a in run.attempts if a.evaluation is not None]

    def tell(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.run = fold([event], self.run)
            if isinstance(event, Evaluated):
                self._evaluations.append((event.attempt, event.evaluation))
            yield event

    def verdicts(self, attempt: Attempt) -> dict[str, Score]:
        """Return the verdicts that are done with, by criterion; all of the judge who judged the attempt last."""
        judge = attempt.evaluation.judge if attempt.evaluation else None
        mine = [e for number, e in self._evaluations if number == attempt.number and judge and e.judge.same(judge)]
        return {s.criterion_id: s for e in mine for s in e.scores if s.reason != CUT}


def _pass(case: _Case, rubric: Rubric, load: Load, halted: Cancel) -> Iterator[Event]:
    """Yield the evaluation by `rubric` of every text that can be judged, or as many as it comes to."""
    texts = [a for a in case.run.attempts if a.complete and usable(a)]
    for k, attempt in enumerate(texts, 1):
        if halted():
            return
        known = case.verdicts(attempt)
        # A verdict after the last evaluation still lacks its reason where another wish forestalled it.
        known |= {s.criterion_id: s for s in attempt.scores if s.reason and s.reason != CUT}
        if attempt.evaluation is not None and all(c.id in known for c in rubric.criteria):
            evaluation = settled(rubric, known, attempt.evaluation.judge, attempt.evaluation)
            yield from case.tell([Evaluated(attempt=attempt.number, evaluation=evaluation)])
            continue
        yield from case.tell([Status(text=f"judging again, text {k} of {len(texts)}")])
        if (judge := load(halted)) is None:
            return
        judge = judge._replace(cancel=halted, part=case.part)
        same = attempt.evaluation is not None and attempt.evaluation.judge.same(judge.info)
        known |= {s.criterion_id: s for s in attempt.scores if s.value is not None}
        rows = tuple(known.values()) if same else ()
        before = attempt.evaluation if same else None
        found = evaluate(attempt.number, case.run.prompt, attempt.text, rubric, judge, rows, before)
        yield from case.tell(_before(found, halted))


def _before(events: Iterable[Event], halted: Cancel) -> Iterator[Event]:
    """Yield what was found out before the halt: a criterion that was left open by it is not judged as unscored."""
    for event in events:
        if halted() and not (isinstance(event, Scored) and event.score.value is not None):
            return
        yield event


def choices(attempts: Iterable[Attempt], rubric: Rubric) -> Iterator[Event]:
    """Yield for each complete attempt, in order, whether it takes the place of the best before it, and why."""
    best: Attempt | None = None
    for attempt in attempts:
        if not attempt.complete:
            continue
        verdict = accept(rubric, best, attempt)
        outcome = Accepted if verdict.accepted else Rejected
        best = attempt if verdict.accepted else best
        yield outcome(attempt=attempt.number, why=verdict.why)
