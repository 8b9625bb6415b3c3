"""What the writer gives a text for a criterion -> rows in the library, and back, each with what the judge gave it then.

They are no events of their run: nothing of it follows from them (decision 9).
"""

import sqlite3
import time
from contextlib import suppress
from typing import NamedTuple

from pydantic import ValidationError

from writer_r1.errors import StoreError
from writer_r1.events import Started
from writer_r1.folding import fold
from writer_r1.store.file import READ, WRITE, File, as_json
from writer_r1.store.runs import LISTED, no_session, stored
from writer_r1.trajectory import Attempt, Criterion, Trajectory

OWN_SCORES = """SELECT trajectory_id, attempt, criterion, score, value, judge, prompt, own_scores.created
    FROM own_scores JOIN runs ON runs.id = trajectory_id WHERE trajectory_id = ? ORDER BY attempt, own_scores.created"""
PAIRS = f"""FROM own_scores AS better JOIN own_scores AS worse USING (trajectory_id, criterion_id)
    JOIN runs ON runs.id = better.trajectory_id
    JOIN texts AS more ON (more.trajectory_id, more.attempt) = (runs.id, better.attempt)
    JOIN texts AS less ON (less.trajectory_id, less.attempt) = (runs.id, worse.attempt)
    WHERE better.score > worse.score AND {LISTED}"""


class OwnScore(NamedTuple):
    """What the writer gave attempt `attempt` of a run, from 1 to 10, and what the judge gave it at that time.

    `value` is in [0, 1], or None where there was no score; `created` is in seconds since the epoch.
    """

    run_id: str
    attempt: int
    criterion: Criterion
    score: int
    value: float | None
    judge: str
    prompt: str
    created: float


class ScoredPair(NamedTuple):
    """Two texts of a run that the writer scored differently on one criterion, told by their attempts."""

    run_id: str
    prompt: str
    criterion: Criterion
    better: int
    better_text: str
    worse: int
    worse_text: str


class OwnScores(File):
    """The scores that the writer gave."""

    def scored_pairs(self) -> list[ScoredPair]:
        """Return every two texts of a run that were scored differently on one criterion, oldest run first.

        Those of deleted pieces are not among them.
        """
        which = "runs.id, prompt, better.criterion, better.attempt, more.text, worse.attempt, less.text"
        order = "ORDER BY runs.created, runs.id, criterion_id, better.attempt, worse.attempt"
        with self._transaction(READ) as db:
            rows = db.execute(f"SELECT {which} {PAIRS} {order}").fetchall()
        found = []
        for id_, prompt, line, *rest in rows:
            with suppress(ValidationError):  # as for one run
                found.append(ScoredPair(id_, prompt, Criterion.model_validate_json(line), *rest))
        return found

    def scored_pair_count(self) -> int:
        """Return how many there are."""
        with self._transaction(READ) as db:
            return int(db.execute(f"SELECT count(*) {PAIRS}").fetchone()[0])

    def own_scores(self, run_id: str) -> list[OwnScore]:
        """Return the writer's scores of this run, by attempt, oldest first."""
        with self._transaction(READ) as db:
            rows = db.execute(OWN_SCORES, (run_id,)).fetchall()
        found = []
        for id_, attempt, line, *rest in rows:
            with suppress(ValidationError):  # the run must open even where one of these is damaged
                found.append(OwnScore(id_, attempt, Criterion.model_validate_json(line), *rest))
        return found

    def set_own_score(self, run_id: str, attempt: int, criterion_id: str, score: int | None) -> None:
        """Keep what the writer gives this text for this criterion, instead of an earlier score; None takes it back.

        Raises:
            StoreError: there is no such run, text or criterion, or its piece was deleted.
        """
        key = (run_id, attempt, criterion_id)
        with self._transaction(WRITE) as db:
            text, criterion, judge = _asked(db, *key)
            db.execute("DELETE FROM own_scores WHERE (trajectory_id, attempt, criterion_id) = (?, ?, ?)", key)
            if score is not None:
                given = (as_json(criterion), score, _value(text, criterion), judge, time.time())
                db.execute("INSERT INTO own_scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *given))


def _asked(db: sqlite3.Connection, run_id: str, number: int, criterion_id: str) -> tuple[Attempt, Criterion, str]:
    """Return the text and the criterion that a score is about, and the name of the judge."""
    kept = "piece_id IS NULL OR piece_id IN (SELECT id FROM pieces WHERE deleted IS NULL)"
    row = db.execute(f"SELECT prompt, {kept} FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise no_session(run_id)
    if not row[1]:
        raise StoreError("This piece was deleted; bring it back (“Deleted”, below your pieces) to score its texts.")
    events = [event for _, event in stored(db, run_id)]
    run = fold(events, Trajectory(id=run_id, prompt=row[0]))
    text = run.attempt(number)
    criterion = next((c for c in run.rubric.criteria if c.id == criterion_id), None) if run.rubric else None
    if text is None or not text.complete or criterion is None:
        raise StoreError("This text is not judged by that criterion any more; reload the page to see what it is now.")
    first = next((event.judge for event in events if isinstance(event, Started)), "")
    return text, criterion, text.evaluation.judge.model if text.evaluation else first


def _value(text: Attempt, criterion: Criterion) -> float | None:
    """Return what the judge gave; while the text is judged again what it gave before, for that judge is known."""
    scores = text.evaluation.scores if text.evaluation else text.scores
    return next((s.value for s in scores if s.criterion_id == criterion.id), None)
