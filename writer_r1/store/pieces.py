"""What the user writes -> pieces in the library, each with its versions, and back; and the search over all of it.

No text is ever lost to a save: a save made from an older revision is refused, and what a save replaces is kept as a
version, but for the last minute of saves that the page makes by itself. Deleting only hides; see `Pieces._forget`.
"""

import secrets
import sqlite3
import time
from typing import NamedTuple

from pydantic import ValidationError

from writer_r1.errors import StaleSave, StoreError
from writer_r1.folding import fold
from writer_r1.store.file import READ, WRITE, as_json
from writer_r1.store.runs import no_session, stored, texts_with
from writer_r1.store.versions import Source, Version, Versions, keep_version, version_of
from writer_r1.store.words import most_telling, pure, shortened, terms
from writer_r1.trajectory import Rubric, Trajectory

DELETED_S = 30 * 86400.0  # how long a deleted piece can be restored

PIECES = "SELECT id, title, brief, text, revision, rubric, created, updated FROM pieces"
NEWEST = "ORDER BY updated DESC, rowid DESC"
# Read whole: an index of the texts would be made anew with every save of the page, and searches are rare.
OWN_WORDS = "folded(title || char(10) || brief || char(10) || text)"


class Piece(NamedTuple):
    """A document of the user's. `updated`: its words were last saved or a run of it begun. Seconds since the epoch."""

    id: str
    title: str
    brief: str
    text: str
    revision: int
    rubric: Rubric | None
    created: float
    updated: float


class Hit(NamedTuple):
    """A piece found. `snippet` is plain text from the run with this id, or from the piece's own words where None."""

    piece: Piece
    run_id: str | None
    snippet: str


class Pieces(Versions):
    """The user's documents."""

    def new_piece(self, brief: str = "", text: str = "", title: str = "", source: Source | None = None) -> Piece:
        """Return a new piece, at revision 1; `source` is what its text is a copy of."""
        with self._transaction(WRITE) as db:
            return add_piece(db, pure(brief), pure(text), " ".join(pure(title).split()), source=source)

    def piece(self, piece_id: str) -> Piece | None:
        """Return the piece with this id, or None where there is none or it was deleted."""
        with self._transaction(READ) as db:
            return next(iter(_pieces(db, "WHERE id = ? AND deleted IS NULL", piece_id)), None)

    def pieces(self, limit: int = 200) -> list[Piece]:
        """Return the pieces worked on last, newest first."""
        with self._transaction(READ) as db:
            return _pieces(db, f"WHERE deleted IS NULL {NEWEST} LIMIT ?", limit)

    def piece_count(self) -> int:
        """Return how many pieces there are."""
        with self._transaction(READ) as db:
            return int(db.execute("SELECT count(*) FROM pieces WHERE deleted IS NULL").fetchone()[0])

    def deleted_pieces(self) -> list[Piece]:
        """Return the pieces that can still be brought back, the one deleted last first."""
        with self._transaction(READ) as db:
            return _pieces(db, "WHERE deleted IS NOT NULL ORDER BY deleted DESC")

    def latest_piece(self) -> str | None:
        """Return the id of the piece worked on last."""
        return next((p.id for p in self.pieces(1)), None)

    def save_piece(
        self,
        piece_id: str,
        brief: str,
        text: str,
        base_revision: int,
        why: str = "",
        *,
        source: Source | None = None,
    ) -> Piece:
        """Return the piece as it is after the save; `why` names the version, empty where the page saves by itself.

        `source` is what its new words were put in from. Where nothing changed nothing is written, except that `why`
        then names the version that is there.

        Raises:
            StaleSave: the piece is not at `base_revision` any more and holds other words; nothing was written.
            StoreError: the piece was deleted.
        """
        brief, text, why, now = pure(brief), pure(text), pure(why), time.time()
        with self._transaction(WRITE) as db:
            piece = _kept(db, piece_id)
            if (brief, text) == (piece.brief, piece.text):
                if why:
                    name = "UPDATE versions SET why = ? WHERE piece_id = ? AND revision = ? AND why = ''"
                    db.execute(name, (why, piece_id, piece.revision))
                return piece
            if base_revision != piece.revision:
                raise StaleSave(f"{piece.title!r} was changed in another window; choose which text to keep.", piece)
            return _changed(db, piece, Version(piece.revision + 1, brief, text, why, now, source=source))

    def restore_version(self, piece_id: str, revision: int, base_revision: int, why: str = "restored") -> Piece:
        """Return the piece with the words that it held at `revision`; what it holds now is kept.

        They become a new version made of that one, a branch. Where nothing would change nothing is written.

        Raises:
            StaleSave: the piece is not at `base_revision` any more; nothing was written.
            StoreError: the piece was deleted, or there is no such version.
        """
        with self._transaction(WRITE) as db:
            piece, old = _kept(db, piece_id), version_of(db, piece_id, revision)
            if old is None:
                raise StoreError("This version is not in the library any more; open the list of versions again.")
            if (old.brief, old.text) == (piece.brief, piece.text):
                return piece
            if base_revision != piece.revision:
                raise StaleSave(f"{piece.title!r} was changed in another window; choose which text to keep.", piece)
            return _changed(db, piece, Version(piece.revision + 1, old.brief, old.text, why, time.time(), revision))

    def set_rubric(self, piece_id: str, rubric: Rubric | None) -> None:
        """Make these the criteria of the piece.

        Raises:
            StoreError: the piece was deleted.
        """
        self._set(piece_id, "rubric", as_json(rubric) if rubric else None)

    def rename_piece(self, piece_id: str, title: str) -> None:
        """Give the piece this title, or where it is blank its first words.

        Raises:
            StoreError: the piece was deleted.
        """
        self._set(piece_id, "title", " ".join(pure(title).split()))

    def delete_piece(self, piece_id: str) -> None:
        """Hide the piece and ask its runs to stop; it can be restored for thirty days."""
        with self._transaction(WRITE) as db:
            db.execute("UPDATE pieces SET deleted = ? WHERE id = ? AND deleted IS NULL", (time.time(), piece_id))
            db.execute("UPDATE runs SET stop_asked = 1 WHERE piece_id = ? AND state = 'running'", (piece_id,))

    def restore_piece(self, piece_id: str) -> None:
        """Bring a deleted piece back.

        Raises:
            StoreError: it was removed for good.
        """
        with self._transaction(WRITE) as db:
            if not db.execute("UPDATE pieces SET deleted = NULL WHERE id = ?", (piece_id,)).rowcount:
                raise StoreError(f"The piece {piece_id!r} was removed for good; look for it in a backup.")

    def adopt(self, run_id: str) -> Piece:
        """Return the piece of this run, which is made of its prompt and rubric where it has none.

        Raises:
            StoreError: there is no such run, it is damaged, or its piece was deleted.
        """
        with self._transaction(WRITE) as db:
            run = db.execute("SELECT prompt, piece_id FROM runs WHERE id = ?", (run_id,)).fetchone()
            if run is None:
                raise no_session(run_id)
            prompt, piece_id = run
            if piece_id is None:
                rubric = fold((e for _, e in stored(db, run_id)), Trajectory(id=run_id, prompt=prompt)).rubric
                piece_id = add_piece(db, prompt, "", "", rubric).id
                db.execute("UPDATE runs SET piece_id = ? WHERE id = ?", (piece_id, run_id))
            return _kept(db, piece_id)

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """Return the pieces that hold every term of `query`, themselves or in the texts of their runs, newest first.

        Terms are those of `Runs.search`; a query without any finds every piece.
        """
        words, tests, values = terms(query), ["deleted IS NULL"], list[object]()
        for word in words:
            select, bound = texts_with(word)
            runs = f"id IN (SELECT piece_id FROM runs WHERE id IN ({select}))"
            tests.append(f"({runs} OR instr({OWN_WORDS}, folded(?)))")
            values += [*bound, word]
        with self._transaction(READ) as db:
            found = _pieces(db, f"WHERE {' AND '.join(tests)} {NEWEST} LIMIT ?", *values, limit)
            return [_hit(db, piece, words) for piece in found]

    def _set(self, piece_id: str, column: str, value: str | None) -> None:
        with self._transaction(WRITE) as db:
            _kept(db, piece_id)
            db.execute(f"UPDATE pieces SET {column} = ? WHERE id = ?", (value, piece_id))

    def _forget(self) -> None:
        """Remove for good what was deleted more than thirty days ago, with its runs and the lessons learned in them."""
        old = "SELECT id FROM pieces WHERE deleted < :before"
        at = {"before": time.time() - DELETED_S}
        with self._transaction(READ) as db:
            if db.execute(old, at).fetchone() is None:
                return
        runs = f"SELECT id FROM runs WHERE piece_id IN ({old})"
        lesson_of = "CASE WHEN json_valid(lesson) THEN json_extract(lesson, '$.trajectory_id') END"
        with self._transaction(WRITE) as db:
            for rows in (
                f"found WHERE rowid IN (SELECT id FROM texts WHERE trajectory_id IN ({runs}))",
                f"texts WHERE trajectory_id IN ({runs})",
                f"events WHERE trajectory_id IN ({runs})",
                f"lessons WHERE {lesson_of} IN ({runs})",
                f"own_scores WHERE trajectory_id IN ({runs})",
                f"runs WHERE piece_id IN ({old})",
                f"versions WHERE piece_id IN ({old})",
                f"dismissed WHERE piece_id IN ({old})",
                f"decisions WHERE piece_id IN ({old})",
                f"summaries WHERE piece_id IN ({old})",
                f"protected WHERE piece_id IN ({old})",
                "pieces WHERE deleted < :before",
            ):
                db.execute(f"DELETE FROM {rows}", at)


def add_piece(
    db: sqlite3.Connection,
    brief: str,
    text: str,
    title: str,
    rubric: Rubric | None = None,
    source: Source | None = None,
) -> Piece:
    """Return a piece that was added, at revision 1."""
    id_, now = secrets.token_hex(6), time.time()
    row = (id_, title, brief, text, as_json(rubric) if rubric else None, now, now)
    columns = "id, title, brief, text, rubric, created, updated, revision"
    db.execute(f"INSERT INTO pieces ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, 1)", row)
    why = "begun" if brief or text else ""  # an empty beginning is not worth a version of its own
    keep_version(db, id_, Version(1, brief, text, why, now, source=source))
    return _kept(db, id_)


def _changed(db: sqlite3.Connection, piece: Piece, new: Version) -> Piece:
    keep_version(db, piece.id, new)
    changed = (new.brief, new.text, new.revision, new.created, piece.id)
    db.execute("UPDATE pieces SET brief = ?, text = ?, revision = ?, updated = ? WHERE id = ?", changed)
    return _kept(db, piece.id)


def _kept(db: sqlite3.Connection, piece_id: str) -> Piece:
    for piece in _pieces(db, "WHERE id = ? AND deleted IS NULL", piece_id):
        return piece
    raise StoreError("This piece was deleted; bring it back (“Deleted” below your pieces) or begin a new one.")


def _pieces(db: sqlite3.Connection, clause: str, *values: object) -> list[Piece]:
    return [_piece(*row) for row in db.execute(f"{PIECES} {clause}", values).fetchall()]


def _piece(id_: str, title: str, brief: str, text: str, revision: int, line: str | None, *times: float) -> Piece:
    title = title or shortened(brief) or shortened(text) or "Untitled"
    try:
        rubric = Rubric.model_validate_json(line) if line else None
    except ValidationError:  # the user's words must open even where the criteria beside them are damaged
        rubric = None
    return Piece(id_, title, brief, text, revision, rubric, *times)


def _hit(db: sqlite3.Connection, piece: Piece, words: list[str]) -> Hit:
    own = [(None, piece.text), (None, piece.brief), (None, piece.title)]
    best = most_telling(own, words)
    if best[0] < len(words):
        of_runs = """SELECT runs.id, texts.text FROM runs JOIN texts ON trajectory_id = runs.id
            WHERE piece_id = ? ORDER BY created DESC, runs.rowid DESC, attempt DESC"""
        best = most_telling([*own, *db.execute(of_runs, (piece.id,))], words)
    return Hit(piece, best[1], best[2])
