"""The library: what the user wrote and what was written for them -> one SQLite file, and back.

`Runs` holds the events of writing runs, `Pieces` the documents they belong to, `SavedRubrics` criteria to use again,
`Dismissals` those not to be proposed again, `Protections` passages that stay as they stand, `OwnScores` what the writer
gives a text, `Choices` what was decided in reviews, `BlindPairs` which of two texts a reader liked better, `Summaries`
what the parts of a long one say in short, `Arrivals` runs that come from elsewhere, `Backups` copies of it and `Copies`
the whole of it, in and out; `File` is the file under them all. Text that is not valid Unicode (lone surrogates) becomes
U+FFFD here.
"""

from contextlib import suppress
from pathlib import Path

from writer_r1.errors import StaleSave, StoreError
from writer_r1.processes import alive, this_process
from writer_r1.store.arrivals import Arrival, Arrivals
from writer_r1.store.backups import Backup, Backups, asides, kept, restore_newest
from writer_r1.store.blind_pairs import BlindPair, BlindPairs, Preferred
from writer_r1.store.choices import Choice, Choices
from writer_r1.store.copies import Copies, check_library
from writer_r1.store.dismissals import Dismissals
from writer_r1.store.file import MIGRATIONS, READ, WRITE
from writer_r1.store.own_scores import OwnScore, OwnScores, ScoredPair
from writer_r1.store.pieces import Hit, Piece, Pieces
from writer_r1.store.protections import Protected, Protections
from writer_r1.store.rubrics import SavedRubric, SavedRubrics
from writer_r1.store.runs import WRITTEN, Run, Runs, State, no_session, refuse_while_written, whole
from writer_r1.store.summaries import Summaries
from writer_r1.store.versions import Source, Step, Version

__all__ = [
    "MIGRATIONS",
    "WRITTEN",
    "Arrival",
    "Backup",
    "BlindPair",
    "Choice",
    "Hit",
    "OwnScore",
    "Piece",
    "Preferred",
    "Protected",
    "Run",
    "SavedRubric",
    "ScoredPair",
    "Source",
    "StaleSave",
    "State",
    "Step",
    "Store",
    "Version",
    "alive",
    "check_library",
    "no_session",
    "restore_newest",
    "this_process",
    "whole",
]


class Store(
    Runs,
    Pieces,
    SavedRubrics,
    Dismissals,
    Protections,
    OwnScores,
    Choices,
    BlindPairs,
    Summaries,
    Arrivals,
    Backups,
    Copies,
):
    """The library in one file. Every method may raise StoreError: full disk, read-only, damaged, held, missing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with suppress(StoreError):  # what is in the way of reading and writing is told by whoever wants to
            self._forget()

    def refuse_while_written(self, then: str) -> None:
        """Return where no run is being written; `then` is what would be done.

        Raises:
            Busy: one is.
        """
        with self._transaction(READ) as db:
            refuse_while_written(db, then)

    def delete_all(self) -> None:
        """Remove all that the user and the model wrote, so that no word of it is left in the file; backups stay.

        Raises:
            Busy: a run is still being written; nothing was removed.
        """
        with self._transaction(WRITE) as db:
            refuse_while_written(db, "delete everything")
            of_runs, of_pieces = (
                ("found", "texts", "events", "lessons", "own_scores"),
                ("versions", "dismissed", "decisions", "summaries", "protected"),
            )
            for table in (*of_runs, "runs", *of_pieces, "pieces", "rubrics", "blind_pairs"):
                db.execute(f"DELETE FROM {table}")
            db.execute("INSERT INTO found (found) VALUES ('rebuild')")  # the index keeps the letters of deleted rows
        self._compact()

    def delete_backups(self) -> None:
        """Remove every backup of the library, what a kill left of one, and what was moved aside."""
        begun = [*self.backups.glob("*.copying"), *self.backups.glob("*.part")]
        with self._explained():
            for made in [b.path for b in kept(self.backups)] + begun + asides(self.path):
                made.unlink(missing_ok=True)
