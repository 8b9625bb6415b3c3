"""Passages that the writer protected -> rows in the library, and back.

They are kept by their words and surroundings, so that an edit elsewhere takes no protection away.
"""

import secrets
import time
from typing import NamedTuple

from writer_r1.errors import StoreError
from writer_r1.passage import AROUND, Passage
from writer_r1.store.file import READ, WRITE, File
from writer_r1.store.words import pure


class Protected(NamedTuple):
    """A passage of a piece that nothing but the writer's own hand may change."""

    id: str
    passage: Passage


class Protections(File):
    """The protected passages of the pieces."""

    def protect(self, piece_id: str, passage: Passage) -> Protected:
        """Return the passage, protected from now on.

        Raises:
            StoreError: the piece was deleted.
        """
        text, before, after = (
            pure(words) for words in (passage.text, passage.before[-AROUND:], passage.after[:AROUND])
        )
        new = Protected(secrets.token_hex(6), Passage(text=text, before=before, after=after))
        kept = "SELECT 1 FROM pieces WHERE id = ? AND deleted IS NULL"
        with self._transaction(WRITE) as db:
            if db.execute(kept, (piece_id,)).fetchone() is None:
                raise StoreError(
                    "This piece was deleted; bring it back (“Deleted”, below your pieces), or use a new one."
                )
            row = (new.id, piece_id, text, before, after, time.time())
            db.execute(
                "INSERT INTO protected (id, piece_id, text, before, after, created) VALUES (?, ?, ?, ?, ?, ?)", row
            )
        return new

    def unprotect(self, piece_id: str, protected_id: str) -> None:
        """Let everything change this passage of the piece again."""
        with self._transaction(WRITE) as db:
            db.execute("DELETE FROM protected WHERE piece_id = ? AND id = ?", (piece_id, protected_id))

    def protected(self, piece_id: str | None) -> list[Protected]:
        """Return the protected passages of this piece, oldest first."""
        query = "SELECT id, text, before, after FROM protected WHERE piece_id = ? ORDER BY created, rowid"
        with self._transaction(READ) as db:
            rows = db.execute(query, (piece_id,)).fetchall()
        return [Protected(id_, Passage(text=text, before=before, after=after)) for id_, text, before, after in rows]
