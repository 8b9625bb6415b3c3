"""Criteria that the user said are not for a piece -> rows in the library, and back.

What was dismissed for a piece holds for that piece, whatever it becomes, and for every other of the very same request.
"""

import time
from contextlib import suppress

from pydantic import ValidationError

from writer_r1.store.file import READ, WRITE, File, as_json
from writer_r1.trajectory import Criterion

HELD = (
    "piece_id = :piece OR prompt_id = :prompt AND piece_id IN (SELECT id FROM pieces WHERE deleted IS NULL)"  # in sight
)


class Dismissals(File):
    """The criteria that are not to be proposed again."""

    def dismiss(self, piece_id: str, prompt_id: str, criterion: Criterion) -> None:
        """Remember that this criterion, made for the request with this prompt id, is not for this piece."""
        row = (piece_id, prompt_id, criterion.id, as_json(criterion), time.time())
        with self._transaction(WRITE) as db:
            db.execute("INSERT OR REPLACE INTO dismissed VALUES (?, ?, ?, ?, ?)", row)

    def readmit(self, piece_id: str, prompt_id: str, criterion_id: str) -> None:
        """Forget that this criterion was dismissed, for this piece and for every other of the request."""
        held = {"piece": piece_id, "prompt": prompt_id, "criterion": criterion_id}
        with self._transaction(WRITE) as db:
            db.execute(f"DELETE FROM dismissed WHERE criterion_id = :criterion AND ({HELD})", held)

    def dismissed(self, prompt_id: str, piece_id: str | None = None) -> list[Criterion]:
        """Return what was dismissed for the request with this prompt id, or for this piece, oldest first."""
        query = (
            f"SELECT criterion FROM dismissed WHERE {HELD} GROUP BY criterion_id ORDER BY min(created), criterion_id"
        )
        with self._transaction(READ) as db:
            lines = db.execute(query, {"piece": piece_id, "prompt": prompt_id}).fetchall()
        found = []
        for (line,) in lines:
            with suppress(ValidationError):  # the piece must open even where one of these is damaged
                found.append(Criterion.model_validate_json(line))
        return found
