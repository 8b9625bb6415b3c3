"""Rollouts of earlier updates, kept with the log-probs they were sampled with, so that good ones can be used again.

One SQLite file a run. While a run goes on the buffer lies in memory; it is written with the checkpoint, in the same
rename as adapter and optimizer, so that a kill never leaves a buffer of another step than the weights. Log-probs are
float32 and are never recomputed: that would make every ratio 1 and an old text look new. Rewards compare only under
one rubric, one judge and one tokenizer, so a row counts only where all three are the same.

What to store, evict and pick is our reconstruction (`docs/papers.md`); the paper's rules are not public.
"""

import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from writer_r1.training.config import Replay

TABLE = """CREATE TABLE IF NOT EXISTS rollout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prompt_id TEXT NOT NULL, rubric_id TEXT NOT NULL, judge_id TEXT NOT NULL,
    tokenizer_id TEXT NOT NULL, text TEXT NOT NULL, tokens BLOB NOT NULL, logp BLOB NOT NULL, reward REAL NOT NULL,
    entropy REAL NOT NULL, step INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 0, thought TEXT NOT NULL DEFAULT '')"""
INDEX = "CREATE INDEX IF NOT EXISTS by_prompt ON rollout (prompt_id, rubric_id, reward)"
ADDED = "ALTER TABLE rollout ADD COLUMN thought TEXT NOT NULL DEFAULT ''"  # to a file of an earlier version
ROW = "id, text, tokens, logp, reward, entropy, step, uses, thought"
ALIKE = 0.9  # share of common word triples from which on two texts are one
AGE, USE = 0.002, 0.05  # what an update of age and a use take off a row's reward when one must go


class Under(NamedTuple):
    """What a reward was given under; rows under anything else do not compare."""

    prompt_id: str
    rubric_id: str
    judge_id: str
    tokenizer_id: str


class Stored(NamedTuple):
    """One rollout. `logp` (T,) is of the policy that sampled it, at update `step`; `entropy` is its mean, in nats.

    Of a whole thought `thought` is what was judged of it (`thoughts.kept`), else it is empty.
    """

    text: str
    tokens: tuple[int, ...]
    logp: tuple[float, ...]
    reward: float
    entropy: float
    step: int
    uses: int = 0
    id: int = 0
    thought: str = ""


class Buffer:
    """The buffer of one run, restored from the file of a checkpoint where there is one."""

    def __init__(self, settings: Replay, restored: Path | None = None) -> None:
        self.settings = settings
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        if restored is not None and restored.exists():
            with closing(sqlite3.connect(f"{restored.absolute().as_uri()}?mode=ro", uri=True)) as file:
                file.backup(self._db)
        self._db.execute(TABLE)
        self._db.execute(INDEX)
        if "thought" not in [name for _, name, *_ in self._db.execute("PRAGMA table_info(rollout)")]:
            self._db.execute(ADDED)

    def admit(self, under: Under, rows: Sequence[Stored], whole: Sequence[bool]) -> int:
        """Keep the upper half of a fresh group, and what beats all stored so far; return how many were kept.

        Rows that are not `whole` (cut, gated, unscored) and near copies are left out. What is over the capacity goes.
        """
        stored = self.rows(under)
        scored = [row.reward for row in rows if row.reward == row.reward]  # NaN is unscored
        middle = float(np.median(scored)) if scored else 0.0
        best = max((row.reward for row in stored), default=-1.0)
        admitted = 0
        ranked = sorted(zip(rows, whole, strict=True), key=lambda pair: -pair[0].reward)
        for row, sound in ranked:
            wanted = sound and (row.reward >= middle or row.reward > best)
            if wanted and not any(alike(row.text, other.text) for other in stored):
                self._insert(under, row)
                stored.append(row)
                best, admitted = max(best, row.reward), admitted + 1
        self._evict(under, max((row.step for row in rows), default=0))
        return admitted

    def _insert(self, under: Under, row: Stored) -> None:
        tokens, logp = np.asarray(row.tokens, np.int32).tobytes(), np.asarray(row.logp, np.float32).tobytes()
        self._db.execute(
            "INSERT INTO rollout (prompt_id, rubric_id, judge_id, tokenizer_id, text, tokens, logp, reward, entropy, "
            "step, thought) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*under, row.text, tokens, logp, row.reward, row.entropy, row.step, row.thought),
        )

    def _evict(self, under: Under, step: int) -> None:
        """Remove what is worth least until the capacity is kept; the best row never goes."""
        rows = sorted(self.rows(under), key=lambda r: -(r.reward - AGE * (step - r.step) - USE * r.uses))
        best = max(rows, key=lambda r: r.reward, default=None)
        over = [row for row in rows if best is not None and row.id != best.id][max(0, self.settings.capacity - 1) :]
        self.forget(row.id for row in over)

    def pick(self, under: Under, step: int, least: float, fresh: Iterable[str], chance: random.Random) -> list[Stored]:
        """Return the rows to learn from again: with a reward of `least` or more, and no copy of a fresh text.

        The best come first, and of equals the one the policy was surer of; a small share is drawn without regard to
        that, so that what the buffer holds can be seen. Picked rows count as used.
        """
        s, known = self.settings, self.rows(under)
        if s.weight == 0 or step < s.warm_up or len(known) < s.least:
            return []
        new = list(fresh)
        fit = [
            row
            for row in known
            if row.reward >= least and step - row.step <= s.max_age and row.uses < s.max_uses and row.text not in new
        ]
        fit.sort(key=lambda row: (-row.reward, row.entropy, row.id))
        picked: list[Stored] = []
        most = min(s.rows, int(len(new) * s.share / (1 - s.share)))  # of the group that they then are part of
        while fit and len(picked) < most:
            picked.append(fit.pop(chance.randrange(len(fit)) if chance.random() < s.uniform else 0))
        self._db.executemany("UPDATE rollout SET uses = uses + 1 WHERE id = ?", [(row.id,) for row in picked])
        return picked

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keep what an update changes, or none of it where it is not made to the end."""
        self._db.execute("SAVEPOINT begun")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO begun")
            raise
        finally:
            self._db.execute("RELEASE begun")

    def forget(self, ids: Iterable[int]) -> None:
        """Remove rows: evicted ones, and those whose policy is too far from the one that would learn from them."""
        self._db.executemany("DELETE FROM rollout WHERE id = ?", [(id,) for id in ids])

    def invalidate(self, judge_id: str, tokenizer_id: str) -> int:
        """Remove all rows of another judge or tokenizer and return how many those were."""
        gone = self._db.execute(
            "DELETE FROM rollout WHERE judge_id != ? OR tokenizer_id != ?", (judge_id, tokenizer_id)
        )
        return gone.rowcount

    def rows(self, under: Under) -> list[Stored]:
        """Return all rows under this prompt, rubric, judge and tokenizer, oldest first."""
        found = self._db.execute(
            f"SELECT {ROW} FROM rollout WHERE prompt_id = ? AND rubric_id = ? AND judge_id = ? AND tokenizer_id = ? "
            "ORDER BY id",
            under,
        )
        return [
            Stored(
                text=text,
                tokens=tuple(np.frombuffer(tokens, np.int32).tolist()),
                logp=tuple(np.frombuffer(logp, np.float32).tolist()),
                reward=reward,
                entropy=entropy,
                step=step,
                uses=uses,
                id=id,
                thought=thought,
            )
            for id, text, tokens, logp, reward, entropy, step, uses, thought in found
        ]

    def size(self) -> tuple[int, float | None]:
        """Return how many rows there are, and their mean reward."""
        count, reward = self._db.execute("SELECT count(*), avg(reward) FROM rollout").fetchone()
        return int(count), reward

    def write(self, path: Path) -> None:
        """Write the whole buffer to a new file."""
        with closing(sqlite3.connect(path)) as file:
            self._db.backup(file)


def alike(one: str, other: str) -> bool:
    """Return whether two texts are near copies by their word triples (Jaccard)."""
    a, b = _triples(one), _triples(other)
    return len(a & b) > ALIKE * len(a | b) if a | b else True


def _triples(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))} if words else set()
