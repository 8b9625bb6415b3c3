"""Events of writing runs -> one SQLite file in the user's home, and back: runs, search, lessons, stop requests.

The ordered events of a run are the truth; every other row is derived from them in the same transaction, so a crash
leaves both or neither. A connection lives for one operation, because pages and jobs call from many threads. Text that
is not valid Unicode (lone surrogates) becomes U+FFFD here. Nothing in this file logs.
"""

import errno
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import psutil
from filelock import FileLock
from pydantic import ValidationError

from writer_r1.errors import StoreError
from writer_r1.events import EVENT, Accepted, DraftDelta, Drafted, Event, Failed, Finished, Recalled, Stopped, fold
from writer_r1.places import PACKAGE
from writer_r1.trajectory import Lesson, Trajectory

State = Literal["running", "finished", "stopped", "failed", "interrupted"]

BUSY_S = 10.0  # how long an operation waits for another process's transaction
CLOCK_SLACK_S = 2.0  # process start times are derived from the wall clock, which may be set
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"  # a write takes its lock first, so it never fails half way
Parsed = TypeVar("Parsed")
SURROGATES = re.compile("[\ud800-\udfff]")

# Appended to, never edited or renamed: a file in the wild may stop after any of these.
MIGRATIONS = {f.stem: f.read_text("utf-8") for f in sorted((PACKAGE / "schema").glob("m*.sql"))}

RUNS = """SELECT id, prompt, state, model, created, updated, owner, coalesce(
    (SELECT text FROM texts WHERE trajectory_id = runs.id AND attempt = runs.best),
    (SELECT text FROM texts WHERE trajectory_id = runs.id AND attempt IS NOT NULL ORDER BY attempt DESC LIMIT 1), '')
    FROM runs"""
NEWEST = "ORDER BY created DESC, rowid DESC"
CONTAINS = "SELECT trajectory_id FROM texts WHERE instr(folded(text), folded(?))"
# A run that is being written (or was killed while it was) is not in the index yet.
INDEXED = f"""SELECT trajectory_id FROM texts WHERE id IN (SELECT rowid FROM found WHERE found MATCH ?)
    UNION {CONTAINS} AND trajectory_id IN (SELECT id FROM runs WHERE state = 'running')"""

DAMAGED = "The library {name} is damaged ({error}); put a copy in its place, or move it aside to begin anew."
SENTENCES = {
    sqlite3.SQLITE_FULL: "The disk is full: the library {name} cannot be written; free some space.",
    sqlite3.SQLITE_IOERR: "The disk refused the library {name} ({error}); check that it is connected and has space.",
    sqlite3.SQLITE_CANTOPEN: "The library {name} cannot be opened ({error}); set WRITER_R1_HOME to a folder of yours.",
    sqlite3.SQLITE_READONLY: "The library {name} is read-only; make it writable or set WRITER_R1_HOME elsewhere.",
    sqlite3.SQLITE_BUSY: "Another program holds the library {name}; close it and try again.",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}


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


def this_process() -> str:
    """Return the owner string of this process, which a later process with the same pid does not share."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def alive(owner: str) -> bool:
    """Return whether the process behind an owner string still runs."""
    pid, _, started = owner.partition(":")
    try:
        process = psutil.Process(int(pid))
        same: bool = abs(process.create_time() - float(started)) < CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def whole(event: Event) -> Event:
    """Return `event` with every lone surrogate replaced by U+FFFD, as it will read when it comes back."""
    raw = json.dumps(event.model_dump(), ensure_ascii=False)
    return EVENT.validate_json(SURROGATES.sub("\ufffd", raw)) if SURROGATES.search(raw) else event


class Store:
    """The library in one file. Every method may raise StoreError: full disk, read-only, damaged, held, missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._applied() != list(MIGRATIONS):
                self._migrate()

    def begin(self, trajectory_id: str, prompt: str, model: str, owner: str) -> None:
        """Record a run that `owner` (see `this_process`) is about to write."""
        prompt, now = SURROGATES.sub("\ufffd", prompt), time.time()
        with self._transaction(WRITE) as db:
            columns = "id, prompt, model, owner, state, created, updated"
            run = (trajectory_id, prompt, model, owner, "running", now, now)
            db.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", run)
            db.execute("INSERT INTO texts (trajectory_id, text) VALUES (?, ?)", (trajectory_id, prompt))
            _index(db, trajectory_id)

    def append(self, trajectory_id: str, events: Sequence[Event]) -> None:
        """Add `events` after those already stored, all or none of them."""
        events = [whole(e) for e in events]
        with self._transaction(WRITE) as db:
            db.executemany(
                "INSERT INTO events SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM events WHERE trajectory_id = ?1",
                [(trajectory_id, e.model_dump_json()) for e in events],
            )
            for event in events:
                _derive(db, trajectory_id, event)
            if any(isinstance(e, Drafted | Accepted | Finished | Failed) for e in events):
                _index(db, trajectory_id)
            db.execute("UPDATE runs SET updated = ? WHERE id = ?", (time.time(), trajectory_id))

    def events(self, trajectory_id: str, after: int = 0) -> list[tuple[int, Event]]:
        """Return the run's events with a number above `after`, each with its number; the first is 1."""
        query = "SELECT seq, line FROM events WHERE trajectory_id = ? AND seq > ? ORDER BY seq"
        with self._transaction(READ) as db:
            rows = db.execute(query, (trajectory_id, after)).fetchall()
        return [(n, _parse(EVENT.validate_json, line, f"Event {n} of run {trajectory_id!r}")) for n, line in rows]

    def trajectory(self, trajectory_id: str) -> Trajectory:
        """Return the run with this id, or prefix of one, as its events so far tell it."""
        [run] = self._runs("WHERE id = ?", self.resolve(trajectory_id))
        return fold((e for _, e in self.events(run.id)), Trajectory(id=run.id, prompt=run.prompt))

    def run(self, trajectory_id: str) -> Run | None:
        """Return the run with exactly this id."""
        return next(iter(self._runs("WHERE id = ?", trajectory_id)), None)

    def runs(self, limit: int = 50) -> list[Run]:
        """Return the newest runs, newest first."""
        return self._runs(f"{NEWEST} LIMIT ?", limit)

    def search(self, query: str, limit: int = 50) -> list[Run]:
        """Return the newest runs whose prompt and texts hold every term of `query`, in any letter case.

        Terms are parted by white space and mean only themselves: no character has a special meaning.
        """
        terms = SURROGATES.sub("\ufffd", query[:500]).replace("\0", " ").split()[:20]  # SQLite limits a query's size
        tests, values = ["true"], list[object]()
        for term in terms:
            indexed = len(term) >= 3  # the index holds trigrams
            tests.append(f"id IN ({INDEXED if indexed else CONTAINS})")
            values += ['"' + term.replace('"', '""') + '"', term] if indexed else [term]
        return self._runs(f"WHERE {' AND '.join(tests)} {NEWEST} LIMIT ?", *values, limit)

    def latest(self) -> str | None:
        """Return the id of the newest run."""
        return next((r.id for r in self.runs(1)), None)

    def running(self) -> list[str]:
        """Return the ids of the runs that a living process is writing, newest first."""
        return [r.id for r in self._runs(f"WHERE state = 'running' {NEWEST}") if r.state == "running"]

    def resolve(self, prefix: str) -> str:
        """Return the one run id that starts with `prefix`; StoreError where none or several do."""
        with self._transaction(READ) as db:
            rows = db.execute("SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 4", (prefix,))
            ids = [str(row[0]) for row in rows]
        if not ids:
            raise StoreError(f"No run has an id that starts with {prefix!r}; `writer-r1 history list` shows them all.")
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
        """Return every lesson learned, oldest first."""
        with self._transaction(READ) as db:
            rows = db.execute("SELECT id, lesson FROM lessons ORDER BY rowid").fetchall()
        return [_parse(Lesson.model_validate_json, line, f"Lesson {id_!r}") for id_, line in rows]

    def _runs(self, clause: str, *values: object) -> list[Run]:
        with self._transaction(READ) as db:
            return [_run(row) for row in db.execute(f"{RUNS} {clause}", values).fetchall()]

    def _applied(self) -> list[str]:
        """Return the names of the migrations in the file, in order, without changing a byte of it."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return []
        with self._connected("ro") as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and "migrations" not in tables:
                raise StoreError(f"{str(self.path)!r} is no Writer-R1 library; set WRITER_R1_HOME to another folder.")
            applied = [row[0] for row in db.execute("SELECT name FROM migrations ORDER BY rowid")] if tables else []
        if newer := [name for name in applied if name not in MIGRATIONS]:
            raise StoreError(f"{str(self.path)!r} is of a newer Writer-R1 ({newer[0]!r}); update Writer-R1 to open it.")
        return applied

    def _migrate(self) -> None:
        with FileLock(f"{self.path}.lock", timeout=BUSY_S), self._connected("rwc") as db:
            db.execute("PRAGMA journal_mode = WAL")  # cannot wait for another that does the same, hence the file lock
            db.execute("BEGIN IMMEDIATE")
            db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
            for name, script in MIGRATIONS.items():
                if db.execute("INSERT OR IGNORE INTO migrations VALUES (?)", (name,)).rowcount:
                    for statement in script.split(";\n"):  # executescript would commit first
                        db.execute(statement)
            db.execute("COMMIT")

    @contextmanager
    def _connected(self, mode: Literal["ro", "rw", "rwc"]) -> Iterator[sqlite3.Connection]:
        uri = f"{self.path.as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as db:
            db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # a torn row is shown torn, not raised
            db.create_function("folded", 1, str.casefold, deterministic=True)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._explained(), self._connected("rw") as db:
            db.execute(begin)
            yield db
            db.execute("COMMIT")  # not reached on an error: closing rolls back

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if isinstance(error, OSError):
                code = sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN
            elif code == sqlite3.SQLITE_IOERR and shutil.disk_usage(self.path.parent).free < 1 << 20:
                code = sqlite3.SQLITE_FULL  # growing the log's memory-mapped index failed, which SQLite reports so
            if code not in SENTENCES:  # a bug of ours
                raise
            raise StoreError(SENTENCES[code].format(name=repr(str(self.path)), error=error)) from error


def _derive(db: sqlite3.Connection, trajectory_id: str, event: Event) -> None:
    mine = {"id": trajectory_id} | event.model_dump(include={"attempt", "text", "best_attempt", "why"})
    match event:
        case DraftDelta() | Drafted():
            row = "INSERT INTO texts (trajectory_id, attempt, text) VALUES (:id, :attempt, :text)"
            text = "text || excluded.text" if isinstance(event, DraftDelta) else "excluded.text"
            db.execute(f"{row} ON CONFLICT (trajectory_id, attempt) DO UPDATE SET text = {text}", mine)
        case Accepted():
            db.execute("UPDATE runs SET best = :attempt WHERE id = :id", mine)
        case Stopped():
            db.execute("UPDATE runs SET stopped = :why WHERE id = :id", mine)
        case Finished():
            state = "state = CASE stopped WHEN 'user' THEN 'stopped' ELSE 'finished' END"
            db.execute(f"UPDATE runs SET best = coalesce(:best_attempt, best), {state} WHERE id = :id", mine)
        case Failed():
            db.execute("UPDATE runs SET state = 'failed' WHERE id = :id", mine)
        case Recalled(origin="learned", lesson=lesson):
            db.execute("INSERT OR REPLACE INTO lessons VALUES (?, ?)", (lesson.id, lesson.model_dump_json()))


def _index(db: sqlite3.Connection, trajectory_id: str) -> None:
    texts = "FROM texts WHERE trajectory_id = ?"
    db.execute(f"DELETE FROM found WHERE rowid IN (SELECT id {texts})", (trajectory_id,))
    db.execute(f"INSERT INTO found (rowid, text) SELECT id, text {texts}", (trajectory_id,))


def _run(row: tuple[str, str, State, str, float, float, str, str]) -> Run:
    id_, prompt, state, model, created, updated, owner, best_text = row
    if state == "running" and not alive(owner):
        state = "interrupted"
    title = " ".join(prompt.split())
    title = title if len(title) <= 60 else title[:59].rstrip() + "…"
    return Run(id_, prompt, state, model, created, updated, best_text, title)


def _parse(reader: Callable[[str], Parsed], line: str, what: str) -> Parsed:
    try:
        return reader(line)
    except ValidationError:  # not chained: it would carry the user's text into a log
        raise StoreError(f"{what} is damaged or of a newer Writer-R1; update Writer-R1 to read it.") from None
