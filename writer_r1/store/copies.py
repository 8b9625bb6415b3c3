"""A library file that lies elsewhere -> checked, and in place of what this library holds, in one transaction.

Rows are copied, never the file: whatever else a foreign file defines (triggers, views) stays outside, other pages and
processes see the old library or the new one, and nothing is replaced while a run is being written.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from writer_r1.errors import StoreError
from writer_r1.store.file import MIGRATIONS, WRITE, File, faults_of
from writer_r1.store.runs import refuse_while_written

# Each after those that it refers to.
RUNS = ("runs", "events", "texts", "lessons", "own_scores")
TABLES = ("pieces", *RUNS, "versions", "rubrics", "dismissed", "decisions", "summaries", "protected", "blind_pairs")
STORED_AS = {"TEXT": "('text', 'null')", "REAL": "('real', 'integer', 'null')", "INTEGER": "('integer', 'null')"}
NO_LIBRARY = "The library in it is damaged ({why}); choose another backup."


class Copies(File):
    """The whole library, taken out and put back."""

    def copy_to(self, path: Path) -> None:
        """Write the library as it is now to a new file, whoever writes in it meanwhile."""
        with self._explained(), self._connected("rw") as db, closing(sqlite3.connect(path)) as other:
            db.backup(other)

    def replace_by(self, other: Path, first: Callable[[], None] = lambda: None) -> None:
        """Make this library hold what the library at `other` does, which is whole and of today's schema.

        What is to be done `first`, such as a copy of what it holds, is done while nobody else can write in it.

        Raises:
            Busy: a run is being written; nothing was changed.
        """
        with self._explained(), self._connected("rw") as db:
            db.execute("ATTACH ? AS other", (f"{other.absolute().as_uri()}?mode=ro",))
            db.execute(WRITE)
            refuse_while_written(db, "restore the backup")
            first()
            for table in ("found", *reversed(TABLES)):
                db.execute(f"DELETE FROM main.{table}")
            try:
                for table in TABLES:
                    columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
                    db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM other.{table}")
            except sqlite3.IntegrityError as error:  # rows that another schema than ours let in
                raise StoreError(NO_LIBRARY.format(why=error)) from None
            # What was being written when the copy was made is written by nobody now, though the process may live.
            db.execute("UPDATE main.runs SET owner = 'elsewhere' WHERE state = 'running'")
            db.execute("INSERT INTO found (rowid, text) SELECT id, text FROM main.texts")
            db.execute("COMMIT")


def check_library(path: Path) -> None:
    """Bring a library file that was just unpacked to today's schema, where every page and row of it is sound.

    Raises:
        StoreError: it is damaged, of a newer Writer-R1, or holds what no library of ours does.
    """
    try:
        _check_pages(path)  # before anything is changed in it
        Copies(path)
        with closing(sqlite3.connect(path)) as db:
            for table, columns in _columns().items():
                _check_table(db, table, columns)
            if broken := db.execute("PRAGMA foreign_key_check").fetchone():
                raise StoreError(NO_LIBRARY.format(why=f"a row of {broken[0]} refers to nothing"))
    except sqlite3.DatabaseError as error:
        raise StoreError(NO_LIBRARY.format(why=error)) from None


def _check_pages(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        found = faults_of(db)
    if found:
        raise StoreError(NO_LIBRARY.format(why=found[-120:]))


def _columns() -> dict[str, list[tuple[str, str]]]:
    """Return the names and types of the columns of every table, as they are in a new library."""
    with closing(sqlite3.connect(":memory:")) as db:
        for script in MIGRATIONS.values():
            db.executescript(script)
        return {table: _columns_of(db, table) for table in TABLES}


def _columns_of(db: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    return [(name, kind) for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})")]


def _check_table(db: sqlite3.Connection, table: str, columns: list[tuple[str, str]]) -> None:
    """Refuse what is no such table, and values of another type than its columns have: SQLite would keep them."""
    kind = db.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if kind != ("table",) or _columns_of(db, table) != columns:
        raise StoreError(NO_LIBRARY.format(why=f"{table} is no such table as it should be"))
    for column, type_ in columns:
        wrong = f"SELECT 1 FROM {table} WHERE typeof({column}) NOT IN {STORED_AS[type_]} LIMIT 1"
        if db.execute(wrong).fetchone():
            raise StoreError(NO_LIBRARY.format(why=f"{table}.{column} holds what it cannot"))
