"""A path -> the library's one SQLite file: migrated, backed up, its faults explained in a sentence.

A connection lives for one operation, because pages and jobs call from many threads. What is in the tables is the
business of the modules beside this one. Nothing here logs.
"""

import errno
import json
import os
import re
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from writer_r1.errors import StoreError
from writer_r1.places import PACKAGE
from writer_r1.store.words import pure

BUSY_S = 10.0  # how long an operation waits for another process's transaction
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"  # a write takes its lock first, so it never fails half way
BACKUPS_KEPT = 10
MADE = re.compile(r"library-\d{4}-\d\d-\d\d(T\d\d-\d\d-\d\d)?\.zip")  # one a day, or before another took its place
Parsed = TypeVar("Parsed")

# Appended to, never edited or renamed: a file in the wild may stop after any of these.
MIGRATIONS = {f.stem: f.read_text("utf-8") for f in sorted((PACKAGE / "schema").glob("m*.sql"))}

DAMAGED = (
    "The library {name} is damaged ({error}); start the studio with --restore to put its newest whole backup in its "
    "place, or move it aside to begin anew."
)
SENTENCES = {
    sqlite3.SQLITE_FULL: "The disk is full: the library {name} cannot be written; free some space.",
    sqlite3.SQLITE_IOERR: "The disk refused the library {name} ({error}); check that it is connected and has space.",
    sqlite3.SQLITE_CANTOPEN: "The library {name} cannot be opened ({error}); set WRITER_R1_HOME to a folder of yours.",
    sqlite3.SQLITE_READONLY: "The library {name} is read-only; make it writable or set WRITER_R1_HOME elsewhere.",
    sqlite3.SQLITE_BUSY: "Another program holds the library {name}; close it and try again.",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}


class File:
    """The file at `path`. Every method may raise StoreError: full disk, read-only, damaged, held, missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.backups = self.path.parent / "backups"
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._applied() != list(MIGRATIONS):
                self._migrate()

    def backup(self, folder: Path, *, replace: bool = False) -> Path | None:
        """Return a new zip in `folder` with the library as it is now, or None where today's is already there.

        With `replace` a new one takes the place of today's. The ten newest are kept.
        """
        with self._explained(), FileLock(f"{self.path}.lock", timeout=BUSY_S):
            return self._backup(folder, replace)

    def _backup(self, folder: Path, replace: bool) -> Path | None:
        target = folder / time.strftime("library-%Y-%m-%d.zip")
        return None if target.exists() and not replace else self._back_up_to(target)

    def _back_up_to(self, target: Path) -> Path:
        folder = target.parent
        copy, part = folder / "library.copying", folder / "library.zip.part"  # the same each time: none is left behind
        try:
            folder.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(b"")
            with self._connected("rw") as db, closing(sqlite3.connect(copy)) as other:
                db.backup(other)
                if found := faults_of(other):  # it must not take the place of a backup that is whole
                    raise sqlite3.DatabaseError(found)
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
                archive.write(copy, self.path.name)
            os.replace(part, target)
            self.thin_out(folder)
        except OSError as error:
            why = error.strerror or error
            raise StoreError(
                f"No backup could be made in {str(folder)!r} ({why}); check that it can be written and has space."
            ) from error
        finally:
            for made in (copy, part):  # on a full disk they would keep it full
                with suppress(OSError):
                    made.unlink()
        return target

    def thin_out(self, folder: Path) -> None:
        """Remove all but the ten newest of the daily backups, and of those made before another took their place."""
        made = sorted(p for p in folder.glob("library-*.zip") if MADE.fullmatch(p.name))
        for before_restore in (False, True):
            for old in [p for p in made if ("T" in p.name) == before_restore][:-BACKUPS_KEPT]:
                old.unlink(missing_ok=True)

    def _compact(self) -> None:
        """Write the file anew, so that nothing removed can be read in it or in its log."""
        with self._explained(), self._connected("rw") as db:
            db.execute("VACUUM")
            held = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if held:
            raise StoreError(SENTENCES[sqlite3.SQLITE_BUSY].format(name=repr(str(self.path))))

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
        with FileLock(f"{self.path}.lock", timeout=BUSY_S):
            if (applied := self._applied()) and applied != list(MIGRATIONS):  # another may have been quicker
                self._backup(self.backups, replace=True)
            with self._connected("rwc") as db:
                db.execute("PRAGMA journal_mode = WAL")  # cannot wait for another that does the same, hence the lock
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
            if type(error) is sqlite3.DatabaseError and not code:  # what `faults_of` found
                code = sqlite3.SQLITE_CORRUPT
            if isinstance(error, Timeout):
                code = sqlite3.SQLITE_BUSY
            elif isinstance(error, OSError):
                code = sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN
            elif code == sqlite3.SQLITE_IOERR and shutil.disk_usage(self.path.parent).free < 1 << 20:
                code = sqlite3.SQLITE_FULL  # growing the log's memory-mapped index failed, which SQLite reports so
            if code not in SENTENCES:  # a bug of ours
                raise
            raise StoreError(SENTENCES[code].format(name=repr(str(self.path)), error=error)) from error


def faults_of(db: sqlite3.Connection) -> str:
    """Return the first fault that SQLite finds in the whole file, or an empty string."""
    [found] = db.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if found == "ok" else str(found).replace("\n", " ")


def as_json(noun: BaseModel) -> str:
    """Return `noun` as JSON that holds no lone surrogate."""
    return pure(json.dumps(noun.model_dump(), ensure_ascii=False))


def readable(reader: Callable[[str], Parsed], line: str) -> Parsed | None:
    """Return what `reader` makes of a stored line; None of one that is damaged or of a newer Writer-R1."""
    try:
        return reader(line)
    except ValidationError:
        return None


def parsed(reader: Callable[[str], Parsed], line: str, what: str) -> Parsed:
    """Return what `reader` makes of a stored line.

    Raises:
        StoreError: it cannot be read; `what` names it.
    """
    try:
        return reader(line)
    except ValidationError:  # not chained: it would carry the user's text into a log
        raise StoreError(f"{what} is damaged or of a newer Writer-R1; update Writer-R1 to read it.") from None
