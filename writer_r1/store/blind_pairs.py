"""Pairs of texts that a reader compares without being told which is whose -> rows in the library, and back.

They stand in the library and not beside the run that was compared: a choice is the reader's own work, goes into backups
with the rest, and is still a pair to train on when run and adapter are long deleted.
"""

import time
from typing import Literal, NamedTuple

from writer_r1.store.file import READ, WRITE, File
from writer_r1.store.words import pure

Writer = Literal["base", "adapter"]
Preferred = Literal["base", "adapter", "neither", "out", ""]


class BlindPair(NamedTuple):
    """What both wrote to one request. `weights` tells the adapter from another of its name; `first` stands first.

    `choice` is whose text was preferred, "" where it was not read yet and "out" where it does not count; `created` is
    in seconds since the epoch.
    """

    adapter: str
    weights: str
    seed: int
    base: str
    prompt: str
    base_text: str
    adapter_text: str
    first: Writer
    choice: Preferred = ""
    created: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.weights[:16]}-{self.seed}"

    @property
    def texts(self) -> tuple[str, str]:
        """Return the two texts in the order in which they are read."""
        both = (self.base_text, self.adapter_text)
        return both if self.first == "base" else (both[1], both[0])


class BlindPairs(File):
    """What was compared blind."""

    def keep_blind_pair(self, pair: BlindPair) -> None:
        """Keep a pair; one of the same weights and seed that is there already stays as it is."""
        names, marks = ", ".join(BlindPair._fields), ", ".join("?" * len(BlindPair._fields))
        row = [pure(v) if isinstance(v, str) else v for v in pair._replace(created=pair.created or time.time())]
        with self._transaction(WRITE) as db:
            db.execute(f"INSERT OR IGNORE INTO blind_pairs ({names}) VALUES ({marks})", row)

    def blind_pairs(self, weights: str | None = None) -> list[BlindPair]:
        """Return the pairs of an adapter by the order of their seeds; without `weights` all, the oldest first."""
        names, key = ", ".join(BlindPair._fields), () if weights is None else (weights,)
        which = "ORDER BY created, seed" if weights is None else "WHERE weights = ? ORDER BY seed"
        with self._transaction(READ) as db:
            rows = db.execute(f"SELECT {names} FROM blind_pairs {which}", key).fetchall()
        return [BlindPair(*row) for row in rows]

    def blind_count(self) -> int:
        """Return in how many one text was preferred."""
        with self._transaction(READ) as db:
            rows = db.execute("SELECT count(*) FROM blind_pairs WHERE choice IN ('base', 'adapter')")
            return int(rows.fetchone()[0])

    def choose_blind(self, pair: BlindPair, choice: Preferred) -> bool:
        """Return whether the choice was kept: a pair is read once, and afterwards can only be left out."""
        now = "choice != ''" if choice == "out" else "choice = ''"
        with self._transaction(WRITE) as db:
            done = db.execute(
                f"UPDATE blind_pairs SET choice = ? WHERE weights = ? AND seed = ? AND {now}",
                (choice, pair.weights, pair.seed),
            )
            return done.rowcount > 0
