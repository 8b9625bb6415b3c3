"""What was done with the changes of a review -> rows in the library, and back.

Kept so that a model can be trained on them one day, if their writer wants that; nothing else reads them.
"""

import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

from writer_r1.store.file import READ, WRITE, File
from writer_r1.store.words import pure

KEPT = "FROM decisions JOIN pieces ON pieces.id = piece_id WHERE deleted IS NULL"


class Choice(NamedTuple):
    """What was done with a change: `old` became `new`, or `own`, or stayed; `lead` and `trail` stand around it.

    `source` is what was reviewed, `revision` the version that came of it, `criterion` the name of the one that asked
    for the change, if any did; `created` is in seconds since the epoch.
    """

    piece_id: str
    source: str
    change_id: str
    revision: int
    prompt: str
    criterion: str
    reason: str
    verdict: Literal["accept", "reject", "edit"]
    lead: str
    old: str
    new: str
    own: str
    trail: str
    created: float = 0.0


class Choices(File):
    """What was done with the changes of every review."""

    def keep_choices(self, chosen: Sequence[Choice]) -> None:
        """Keep these, each instead of an earlier one on the same change."""
        names, marks, now = ", ".join(Choice._fields), ", ".join("?" * len(Choice._fields)), time.time()
        rows = [[pure(v) if isinstance(v, str) else v for v in one._replace(created=now)] for one in chosen]
        with self._transaction(WRITE) as db:
            db.executemany(f"INSERT OR REPLACE INTO decisions ({names}) VALUES ({marks})", rows)

    def forget_choices(self, piece_id: str, revision: int) -> None:
        """Forget what was decided where it made this version, which was taken back."""
        with self._transaction(WRITE) as db:
            db.execute("DELETE FROM decisions WHERE piece_id = ? AND revision = ?", (piece_id, revision))

    def decisions(self) -> list[Choice]:
        """Return what was decided on in the pieces that are not deleted, oldest first."""
        names = ", ".join(f"decisions.{name}" for name in Choice._fields)
        with self._transaction(READ) as db:
            rows = db.execute(f"SELECT {names} {KEPT} ORDER BY decisions.created, change_id").fetchall()
        return [Choice(*row) for row in rows]

    def decision_count(self) -> int:
        """Return how many there are."""
        with self._transaction(READ) as db:
            return int(db.execute(f"SELECT count(*) {KEPT}").fetchone()[0])
