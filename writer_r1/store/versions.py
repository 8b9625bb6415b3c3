"""What a piece held -> its versions in the library, a tree that grows and is never pruned, and back.

Each version knows the one that it was made of, so that restoring an old one begins a branch and takes nothing away.
Only the last minute of saves that the page makes by itself shares a version, and not where half of a text went. Of a
long text a version holds what differs from an earlier one, or a novel would grow its library by its length each minute.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

from writer_r1.errors import StoreError
from writer_r1.store.file import READ, WRITE, File
from writer_r1.store.words import pure

AUTOSAVE_S = 60.0  # saves that the page makes by itself share a version for so long
NAME_CHARS = 120
TAKEN = "words of it were taken over"  # why a version is kept that would else share with the next save

LONG = 16_000  # characters of a text from which on a version may hold what differs from an earlier one
VERSIONS = """SELECT revision, brief, text, why, created, parent, name, source FROM whole_versions
    WHERE piece_id = ? ORDER BY revision DESC"""
STEPS = "SELECT revision, parent, why, name, created FROM versions WHERE piece_id = ? ORDER BY revision DESC"
# The way back from what the piece holds, and the first text on it that is a text of the run.
EDITED = """WITH RECURSIVE line (revision, parent) AS (
        SELECT revision, parent FROM versions
        WHERE piece_id = :piece AND revision = (SELECT max(revision) FROM versions WHERE piece_id = :piece)
        UNION ALL
        SELECT versions.revision, versions.parent FROM versions JOIN line ON versions.revision = line.parent
        WHERE piece_id = :piece
    )
    SELECT line.revision = (SELECT max(revision) FROM line), attempt FROM line
    JOIN versions AS row ON row.piece_id = :piece AND row.revision = line.revision
    JOIN texts ON trajectory_id = :run AND attempt IS NOT NULL AND texts.text != ''
        AND length(texts.text) = coalesce(row.head, 0) + length(row.text) + coalesce(row.tail, 0)
    JOIN whole_versions AS held ON held.piece_id = :piece AND held.revision = line.revision AND texts.text = held.text
    ORDER BY line.revision DESC, attempt LIMIT 1"""


Held = tuple[str, int | None, int | None, int | None]  # a row's text, base, head and tail
Kind = Literal["run", "piece"]


class Source(NamedTuple):
    """What words were put in from: the text of a run with this number, or the version of a piece with this revision."""

    kind: Kind
    id: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.number}"


class Version(NamedTuple):
    """What a piece held at a revision. `why` is empty where the page saved by itself, from `created` on.

    `parent` is the revision of the version that it was made of, `name` what the user calls it, `source` what the words
    that came in with it were put in from: None where they were typed, or came back with the parent.
    """

    revision: int
    brief: str
    text: str
    why: str
    created: float
    parent: int | None = None
    name: str = ""
    source: Source | None = None


class Step(NamedTuple):
    """A version without its words, which a list of many can do without."""

    revision: int
    parent: int | None
    why: str
    name: str
    created: float


class Versions(File):
    """What the pieces held."""

    def versions(self, piece_id: str) -> list[Version]:
        """Return the kept versions of this piece, newest first; the newest is what the piece holds."""
        with self._transaction(READ) as db:
            return [_version(row) for row in db.execute(VERSIONS, (piece_id,))]

    def steps(self, piece_id: str) -> list[Step]:
        """Return what is known of the versions of this piece besides their words, newest first."""
        with self._transaction(READ) as db:
            return [Step(*row) for row in db.execute(STEPS, (piece_id,))]

    def texts_of(self, piece_id: str, revisions: Sequence[int]) -> dict[int, str]:
        """Return the texts of those of these versions of the piece that there are."""
        with self._transaction(READ) as db:
            one = "SELECT text FROM whole_versions WHERE piece_id = ? AND revision = ?"
            found = {r: db.execute(one, (piece_id, r)).fetchone() for r in set(revisions)}
        return {revision: row[0] for revision, row in found.items() if row}

    def version(self, piece_id: str, revision: int) -> Version | None:
        """Return the version of this piece with this revision."""
        with self._transaction(READ) as db:
            return version_of(db, piece_id, revision)

    def name_version(self, piece_id: str, revision: int, name: str) -> None:
        """Call a version by this name, by none where it is blank; a named one is never saved over.

        Raises:
            StoreError: there is no such version.
        """
        called = " ".join(pure(name).split())[:NAME_CHARS]
        with self._transaction(WRITE) as db:
            named = "UPDATE versions SET name = ? WHERE piece_id = ? AND revision = ?"
            if not db.execute(named, (called, piece_id, revision)).rowcount:
                raise StoreError("This version is not in the library any more; open the list of versions again.")

    def edited_round(self, piece_id: str, run_id: str) -> int | None:
        """Return the number of the run's text that the piece goes back to and no longer holds, as it was changed since.

        None where the piece holds a text of the run as it was written, or goes back to none.
        """
        with self._transaction(READ) as db:
            row = db.execute(EDITED, {"piece": piece_id, "run": run_id}).fetchone()
        return None if row is None or row[0] else int(row[1])


def version_of(db: sqlite3.Connection, piece_id: str, revision: int) -> Version | None:
    """Return the version of this piece with this revision."""
    row = db.execute(VERSIONS.replace("ORDER", "AND revision = ? ORDER"), (piece_id, revision)).fetchone()
    return _version(row) if row else None


def keep_version(db: sqlite3.Connection, piece_id: str, new: Version) -> None:
    """Add a version, made of the newest where it names no parent.

    The newest is brought up to date instead where both were saved by the page within a minute.
    """
    row = db.execute(f"{VERSIONS} LIMIT 1", (piece_id,)).fetchone()
    last = _version(row) if row else None
    if last and not (last.why or last.name or new.why) and _soon(last, new) and not _shrank(last, new):
        held = _against_base(db, piece_id, new.text, last.revision)
        values = (new.revision, new.brief, *held, piece_id, last.revision)
        changed = "revision = ?, brief = ?, text = ?, base = ?, head = ?, tail = ?"
        db.execute(f"UPDATE versions SET {changed} WHERE piece_id = ? AND revision = ?", values)
        return
    parent = new.parent if new.parent is not None or last is None else last.revision
    columns = "piece_id, revision, brief, why, created, parent, name, source, text, base, head, tail"
    source = str(new.source) if new.source else None
    told = (piece_id, new.revision, new.brief, new.why, new.created, parent, new.name, source)
    held = _against_base(db, piece_id, new.text, new.revision)
    db.execute(f"INSERT INTO versions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*told, *held))
    if new.source and new.source.kind == "piece":  # the next save of that piece must not take its place
        at = (TAKEN, new.source.id, new.source.number)
        db.execute("UPDATE versions SET why = ? WHERE piece_id = ? AND revision = ? AND why = ''", at)


def _version(row: tuple[Any, ...]) -> Version:
    return Version(*row)._replace(source=_source(row[-1]))


def _source(stored: str | None) -> Source | None:
    kind, _, rest = (stored or "").partition(" ")
    id_, _, number = rest.rpartition(" ")
    return Source(kind, id_, int(number)) if kind in get_args(Kind) and number.isdecimal() else None  # type: ignore[arg-type]


def _against_base(db: sqlite3.Connection, piece_id: str, text: str, before: int) -> Held:
    """Return `text` as a version of this piece holds it: what differs from the last whole one before this revision.

    Whole where it is short, where much differs, and where SQLite would count its characters otherwise than we do.
    """
    if len(text) < LONG or "\0" in text:
        return text, None, None, None
    whole = "SELECT revision, text FROM versions WHERE piece_id = ? AND revision < ? AND base IS NULL"
    row = db.execute(f"{whole} ORDER BY revision DESC LIMIT 1", (piece_id, before)).fetchone()
    if row is None or "\0" in row[1]:
        return text, None, None, None
    revision, base = row
    most = min(len(base), len(text))
    head = _shared(most, lambda n: base[:n] == text[:n])
    tail = _shared(most - head, lambda n: base[len(base) - n :] == text[len(text) - n :])
    middle = text[head : len(text) - tail]
    return (middle, revision, head, tail) if 4 * len(middle) < len(text) else (text, None, None, None)


def _shared(most: int, same: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` of which this is true; it is for all below it."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if same(middle) else (low, middle - 1)
    return low


def _soon(last: Version, new: Version) -> bool:
    return 0 <= new.created - last.created < AUTOSAVE_S


def _shrank(old: Version, new: Version) -> bool:
    """Return whether the brief or the text lost more than half: perhaps by mistake, so the old words are kept."""
    return any(
        2 * len(after.strip()) < len(before.strip()) for before, after in ((old.brief, new.brief), (old.text, new.text))
    )
