"""Events of writing runs -> rows in the library, and back: runs, their texts, search, lessons, stop requests.

The ordered events of a run are the truth; every other row is derived from them in the same transaction, so a crash
leaves both or neither. A run belongs to a piece or, made on the command line, to none.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

from writer_r1.errors import Busy, StoreError
from writer_r1.events import EVENT, Accepted, DraftDelta, Drafted, Event, Failed, Finished, Marked, Recalled, Stopped
from writer_r1.folding import fold
from writer_r1.processes import alive
from writer_r1.store.file import READ, WRITE, File, as_json, parsed, readable
from writer_r1.store.words import SURROGATES, pure, shortened, terms
from writer_r1.trajectory import Lesson, Trajectory

WRITTEN = "A session is still being written; stop it first, then {then}."
State = Literal["running", "finished", "stopped", "failed", "interrupted"]


RUNS = """SELECT id, prompt, state, model, created, updated, owner, coalesce(
    (SELECT text FROM texts WHERE trajectory_id = runs.id AND attempt = runs.best),
    (SELECT text FROM texts WHERE trajectory_id = runs.id AND attempt IS NOT NULL ORDER BY attempt DESC LIMIT 1), '')
    FROM runs"""
NEWEST = "ORDER BY created DESC, rowid DESC"
LISTED = "NOT passage AND (piece_id IS NULL OR piece_id IN (SELECT id FROM pieces WHERE deleted IS NULL))"
CONTAINS = "SELECT trajectory_id FROM texts WHERE instr(folded(text), folded(?))"
# A run that is being written (or was killed while it was) is not in the index yet.
INDEXED = f"""SELECT trajectory_id FROM texts WHERE id IN (SELECT rowid FROM found WHERE found MATCH ?)
    UNION {CONTAINS} AND trajectory_id IN (SELECT id FROM runs WHERE state = 'running')"""
LOOKED = 200  # newest runs among which thoughts are looked for
THOUGHT = """EXISTS (SELECT 1 FROM events WHERE trajectory_id = runs.id
    AND instr(substr(line, 1, 60), '"event":"thought"'))"""  # near the beginning, behind the time


class Run(NamedTuple):
    """What a list of runs shows. `created` and `updated` are seconds since the epoch."""

    id: str
    prompt: str
    state: State
    model: str
    created: float
    updated: float
    best_text: str
    title: str


def no_session(run_id: str) -> StoreError:
    """Return what is said where there is no run of this id."""
    return StoreError(f"The session {run_id!r} is not in the library any more.")


def refuse_while_written(db: sqlite3.Connection, then: str) -> None:
    """Return where no run is being written; `then` is what would be done.

    Raises:
        Busy: one is.
    """
    owners = db.execute("SELECT DISTINCT owner FROM runs WHERE state = 'running'").fetchall()
    if any(alive(owner) for (owner,) in owners):
        raise Busy(WRITTEN.format(then=then))


def whole(event: Event) -> Event:
    """Return `event` with every lone surrogate replaced by U+FFFD, as it will read when it comes back."""
    torn = SURROGATES.search(json.dumps(event.model_dump(), ensure_ascii=False))
    return EVENT.validate_json(as_json(event)) if torn else event


def texts_with(term: str) -> tuple[str, list[object]]:
    """Return a SELECT of the ids of the runs whose prompt or texts hold `term`, and its values."""
    if len(term) < 3:  # the index holds trigrams
        return CONTAINS, [term]
    return INDEXED, ['"' + term.replace('"', '""') + '"', term]


def stored(db: sqlite3.Connection, trajectory_id: str, after: int = 0) -> list[tuple[int, Event]]:
    """Return the run's events with a number above `after`, each with its number."""
    query = "SELECT seq, line FROM events WHERE trajectory_id = ? AND seq > ? ORDER BY seq"
    rows = db.execute(query, (trajectory_id, after)).fetchall()
    return [(n, parsed(EVENT.validate_json, line, f"Event {n} of run {trajectory_id!r}")) for n, line in rows]


class Runs(File):
    """The writing runs of the library, and the lessons learned in them."""

    def begin(
        self,
        trajectory_id: str,
        prompt: str,
        model: str,
        owner: str,
        piece_id: str | None = None,
        *,
        passage: bool = False,
    ) -> None:
        """Record a run that `owner` (see `this_process`) is about to write, for the piece with this id.

        One about a passage is in no list or search; see `passage_run`.

        Raises:
            StoreError: the piece was deleted.
        """
        prompt, now = pure(prompt), time.time()
        with self._transaction(WRITE) as db:
            piece = "UPDATE pieces SET updated = ? WHERE id = ? AND deleted IS NULL"
            if piece_id is not None and not db.execute(piece, (now, piece_id)).rowcount:
                raise StoreError(
                    "This piece was deleted; bring it back (“Deleted”, below your pieces), or begin a new one."
                )
            columns = "id, prompt, model, owner, state, created, updated, piece_id, passage"
            run = (trajectory_id, prompt, model, owner, "running", now, now, piece_id, passage)
            db.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run)
            if not passage:
                db.execute("INSERT INTO texts (trajectory_id, text) VALUES (?, ?)", (trajectory_id, prompt))
                index_texts(db, trajectory_id)

    def reopen(self, trajectory_id: str, owner: str) -> int:
        """Record that `owner` goes on with a run that was over, and return the number of its last event.

        Raises:
            StoreError: there is no such run.
            Busy: it is still being written.
        """
        with self._transaction(WRITE) as db:
            row = db.execute("SELECT state, owner FROM runs WHERE id = ?", (trajectory_id,)).fetchone()
            if row is None:
                raise no_session(trajectory_id)
            if row[0] == "running" and alive(row[1]):
                raise Busy("This session is still being written; wait until it ends, or stop it.")
            again = "state = 'running', owner = ?, stop_asked = 0, stopped = NULL, updated = ?"
            db.execute(f"UPDATE runs SET {again} WHERE id = ?", (owner, time.time(), trajectory_id))
            last = db.execute("SELECT coalesce(max(seq), 0) FROM events WHERE trajectory_id = ?", (trajectory_id,))
            return int(last.fetchone()[0])

    def append(self, trajectory_id: str, events: Sequence[Event]) -> None:
        """Add `events` after those already stored, all or none of them."""
        events = [whole(e) for e in events]
        with self._transaction(WRITE) as db:
            db.executemany(
                "INSERT INTO events SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM events WHERE trajectory_id = ?1",
                [(trajectory_id, e.model_dump_json()) for e in events],
            )
            for event in events:
                derive(db, trajectory_id, event)
            if any(isinstance(e, Drafted | Accepted | Finished | Failed) for e in events):
                index_texts(db, trajectory_id)
            db.execute("UPDATE runs SET updated = ? WHERE id = ?", (time.time(), trajectory_id))

    def events(self, trajectory_id: str, after: int = 0) -> list[tuple[int, Event]]:
        """Return the run's events with a number above `after`, each with its number; the first is 1."""
        with self._transaction(READ) as db:
            return stored(db, trajectory_id, after)

    def trajectory(self, trajectory_id: str) -> Trajectory:
        """Return the run with this id, or prefix of one, as its events so far tell it."""
        [run] = self._runs("WHERE id = ?", self.resolve(trajectory_id))
        return fold((e for _, e in self.events(run.id)), Trajectory(id=run.id, prompt=run.prompt))

    def run(self, trajectory_id: str) -> Run | None:
        """Return the run with exactly this id."""
        return next(iter(self._runs("WHERE id = ?", trajectory_id)), None)

    def runs(self, limit: int = 50) -> list[Run]:
        """Return the newest runs, newest first, without those of deleted pieces."""
        return self._runs(f"WHERE {LISTED} {NEWEST} LIMIT ?", limit)

    def runs_of(self, piece_id: str) -> list[Run]:
        """Return every run of this piece, newest first."""
        return self._runs(f"WHERE piece_id = ? AND NOT passage {NEWEST}", piece_id)

    def passage_run(self, piece_id: str) -> Run | None:
        """Return the newest run about a passage of this piece."""
        return next(iter(self._runs(f"WHERE piece_id = ? AND passage {NEWEST} LIMIT 1", piece_id)), None)

    def thoughts(self, limit: int) -> list[Run]:
        """Return the newest runs that thought in one go and are over, newest first, of the last `LOOKED` there are."""
        last = f"SELECT id FROM runs WHERE {LISTED} {NEWEST} LIMIT {LOOKED}"
        return self._runs(f"WHERE id IN ({last}) AND state != 'running' AND {THOUGHT} {NEWEST} LIMIT ?", limit)

    def loose_runs(self, limit: int = 50) -> list[Run]:
        """Return the newest runs that belong to no piece, newest first."""
        return self._runs(f"WHERE piece_id IS NULL {NEWEST} LIMIT ?", limit)

    def piece_of(self, run_id: str) -> str | None:
        """Return the id of the piece that this run belongs to."""
        with self._transaction(READ) as db:
            row = db.execute("SELECT piece_id FROM runs WHERE id = ?", (run_id,)).fetchone()
        return row[0] if row else None

    def search(self, query: str, limit: int = 50) -> list[Run]:
        """Return the newest runs whose prompt and texts hold every term of `query`, in any letter case.

        Terms are parted by white space and mean only themselves: no character has a special meaning.
        """
        tests, values = [LISTED], list[object]()
        for term in terms(query):
            select, bound = texts_with(term)
            tests.append(f"id IN ({select})")
            values += bound
        return self._runs(f"WHERE {' AND '.join(tests)} {NEWEST} LIMIT ?", *values, limit)

    def latest(self) -> str | None:
        """Return the id of the newest run."""
        return next((r.id for r in self.runs(1)), None)

    def running(self) -> list[str]:
        """Return the ids of the runs of kept pieces, and of none, that a living process is writing, newest first."""
        return [r.id for r in self._runs(f"WHERE state = 'running' AND {LISTED} {NEWEST}") if r.state == "running"]

    def resolve(self, prefix: str) -> str:
        """Return the one run id that starts with `prefix`; StoreError where none or several do."""
        with self._transaction(READ) as db:
            rows = db.execute("SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 4", (prefix,))
            ids = [str(row[0]) for row in rows]
        if not ids:
            raise StoreError(
                f"No run has an id that starts with {prefix!r}; `writer-r1 history list` shows the newest."
            )
        if len(ids) > 1 and ids[0] != prefix:
            raise StoreError(
                f"Several runs have an id that starts with {prefix!r} ({', '.join(ids)}); give more of it."
            )
        return ids[0]

    def ask_stop(self, trajectory_id: str) -> None:
        """Leave word for the process that writes this run."""
        with self._transaction(WRITE) as db:
            db.execute("UPDATE runs SET stop_asked = 1 WHERE id = ?", (trajectory_id,))

    def stop_asked(self, trajectory_id: str) -> bool:
        """Return whether anyone asked this run to stop."""
        with self._transaction(READ) as db:
            return db.execute("SELECT 1 FROM runs WHERE id = ? AND stop_asked", (trajectory_id,)).fetchone() is not None

    def lessons(self) -> list[Lesson]:
        """Return every lesson learned that can be read, oldest first: for a damaged one nothing could be drafted."""
        with self._transaction(READ) as db:
            rows = db.execute("SELECT lesson FROM lessons ORDER BY rowid").fetchall()
        return [lesson for (line,) in rows if (lesson := readable(Lesson.model_validate_json, line))]

    def _runs(self, clause: str, *values: object) -> list[Run]:
        with self._transaction(READ) as db:
            return [_run(row) for row in db.execute(f"{RUNS} {clause}", values).fetchall()]


def derive(db: sqlite3.Connection, trajectory_id: str, event: Event) -> None:
    """Bring the rows that follow from a run's events forward by one."""
    mine = {"id": trajectory_id} | event.model_dump(include={"attempt", "text", "best_attempt", "why"})
    match event:
        case DraftDelta() | Drafted():
            row = "INSERT INTO texts (trajectory_id, attempt, text) SELECT :id, :attempt, :text"
            row += " WHERE EXISTS (SELECT 1 FROM runs WHERE id = :id AND NOT passage)"
            text = "text || excluded.text" if isinstance(event, DraftDelta) else "excluded.text"
            db.execute(f"{row} ON CONFLICT (trajectory_id, attempt) DO UPDATE SET text = {text}", mine)
        case Accepted():
            db.execute("UPDATE runs SET best = :attempt WHERE id = :id", mine)
        case Marked():
            db.execute("UPDATE runs SET passage = 1 WHERE id = :id", mine)
        case Stopped():
            db.execute("UPDATE runs SET stopped = :why WHERE id = :id", mine)
        case Finished():
            state = "state = CASE stopped WHEN 'user' THEN 'stopped' ELSE 'finished' END"
            db.execute(f"UPDATE runs SET best = coalesce(:best_attempt, best), {state} WHERE id = :id", mine)
        case Failed():
            db.execute("UPDATE runs SET state = 'failed' WHERE id = :id", mine)
        case Recalled(origin="learned", lesson=lesson):
            db.execute("INSERT OR REPLACE INTO lessons VALUES (?, ?)", (lesson.id, lesson.model_dump_json()))


def index_texts(db: sqlite3.Connection, trajectory_id: str) -> None:
    """Make a run's texts findable as they are now."""
    texts = "FROM texts WHERE trajectory_id = ?"
    db.execute(f"DELETE FROM found WHERE rowid IN (SELECT id {texts})", (trajectory_id,))
    db.execute(f"INSERT INTO found (rowid, text) SELECT id, text {texts}", (trajectory_id,))


def _run(row: tuple[str, str, State, str, float, float, str, str]) -> Run:
    id_, prompt, state, model, created, updated, owner, best_text = row
    if state == "running" and not alive(owner):
        state = "interrupted"
    return Run(id_, prompt, state, model, created, updated, best_text, shortened(prompt))
