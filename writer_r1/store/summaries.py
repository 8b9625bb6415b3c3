"""What parts of a manuscript say, in short, as a model told it -> rows in the library, and back.

Each is known by a hash of its part's words, so that only what changed is read again.
"""

import time
from collections.abc import Sequence

from writer_r1.store.file import READ, WRITE, File
from writer_r1.store.words import pure

KEPT = 500  # of a piece: several times the chapters of a long one


class Summaries(File):
    """The summaries of the pieces' parts."""

    def summaries(self, piece_id: str, parts: Sequence[str]) -> dict[str, str]:
        """Return those of these parts' summaries that are kept, by the part's hash."""
        one = "SELECT text FROM summaries WHERE piece_id = ? AND part = ?"
        with self._transaction(READ) as db:
            found = {part: db.execute(one, (piece_id, part)).fetchone() for part in parts}
        return {part: row[0] for part, row in found.items() if row}

    def keep_summary(self, piece_id: str, part: str, text: str) -> None:
        """Keep the summary of a part; of each piece the newest 500 are, and of one that is gone none."""
        old = (
            "SELECT part FROM summaries WHERE piece_id = :piece ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET :most"
        )
        with self._transaction(WRITE) as db:
            there = "INSERT OR REPLACE INTO summaries SELECT id, ?, ?, ? FROM pieces WHERE id = ?"
            db.execute(there, (part, pure(text), time.time(), piece_id))
            db.execute(
                f"DELETE FROM summaries WHERE piece_id = :piece AND part IN ({old})", {"piece": piece_id, "most": KEPT}
            )
