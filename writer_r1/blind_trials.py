"""An adapter and its base -> pairs of texts to the same held-out requests, written in the background, read by a person.

`training.compare.written` writes, as for the comparison by a judge, in a thread that shares the machine's model with
whoever writes: a text that somebody else has to wait for is given up and written anew later. Which of a pair stands
first is drawn by chance and told to nobody. One comparison is written at a time and one lies open, whatever the page.
"""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from writer_r1 import adapters
from writer_r1.background import CLOSING_S, Progress, Tell, Work, Works
from writer_r1.errors import TRY_AGAIN, Busy, WriterError
from writer_r1.jobs import Jobs
from writer_r1.llm import LLM, Cancel
from writer_r1.store import BlindPair, Store
from writer_r1.training import run_folder
from writer_r1.training.adoption import run_of
from writer_r1.training.compare import Sides, unseen, written
from writer_r1.training.data import Example

FIRST = 12  # pairs written at a time: five minutes of reading
TOKENS_A_WORD = 1.5  # an adapter writes no longer than it was trained to, in words
TURN_S = 10.0  # a job of another process, which cannot be seen to wait, gets the model after so long and one pair
PAUSE_S = 0.5  # longer than anyone who waits takes to look again
LOOK_S = 0.5  # how often a stop is heard while another has the model
BUG = f"A fault stopped the writing; pairs are kept. {TRY_AGAIN}"
ANOTHER = "Pairs of {!r} are being written; wait for their end, or press Stop there first."
CHANGED = "The adapter {!r} was changed meanwhile; open the comparison again to compare what it is now."

log = logging.getLogger(__name__)


class Host(Protocol):
    """What is needed of a workspace."""

    home: Path
    models: Path
    store: Store
    jobs: Jobs

    def llm(self, name: str) -> LLM:
        """Return a model, loaded once; only while the machine's model lock is held."""
        ...

    def machine(self, timeout_s: float = -1) -> AbstractContextManager[None]:
        """Hold the machine's model lock; `Busy` where it was not free in time."""
        ...


class Trial(NamedTuple):
    """Which adapter is compared with which model, on what.

    `weights` is the digest of the file at `path`, `label` what the page calls the model.
    """

    adapter: str
    weights: str
    path: Path
    base: str
    examples: tuple[Example, ...]
    max_words: int
    label: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes it another one: the adapter's name and its weights."""
        return self.adapter, self.weights


def trial_of(name: str, host: Host) -> Trial:
    """Return what there is to compare an adapter by.

    Raises:
        WriterError: the adapter, its base, its run or the run's data are gone.
    """
    adapter = adapters.find(name, host.home)
    base = adapters.base_of(adapter, host.models)
    path, folder = adapters.weights_for(name, base, host.home), run_of(adapter, host.home)
    words = round(run_folder.config_of(folder).text_tokens / TOKENS_A_WORD)
    return Trial(name, adapters.digest_of(path), path, base.name, tuple(unseen(folder, adapter)), words, base.label)


class BlindTrials:
    """The comparisons of this process; `opened` is the one that lies open."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._trial: Trial | None = None
        self._looked = False
        self._works = Works[tuple[str, str]]()

    @property
    def opened(self) -> Trial | None:
        """Return the comparison that lies open; of a studio just started the newest with pairs left to be read."""
        if not self._looked:
            self._looked = True
            left = [pair.adapter for pair in self._host.store.blind_pairs() if not pair.choice]
            try:
                self._trial = trial_of(left[-1], self._host) if left else None
            except WriterError as error:
                log.info("not opened: %s", error)  # the adapter was deleted since
        return self._trial

    def open(self, name: str) -> None:
        """Lay the comparison of an adapter open, and begin to write where it has no pairs yet.

        Raises:
            Busy: another one is being written.
            WriterError: there is nothing to compare it by.
        """
        trial = trial_of(name, self._host)
        if not self._host.store.blind_pairs(trial.weights):
            self._begin(trial, FIRST)
        self._trial, self._looked = trial, True

    def more(self) -> None:
        """Write what is missing of the pairs that were begun, or as many more.

        Raises:
            Busy: another comparison is being written.
        """
        if trial := self.opened:
            kept = len(self._host.store.blind_pairs(trial.weights))
            self._begin(trial, (kept // FIRST + 1) * FIRST)

    def shut(self) -> None:
        """Lay none open; what is being written goes on."""
        self._trial, self._looked = None, True

    def progress(self, trial: Trial) -> Progress | None:
        """Return how far the pairs are, or None where this studio wrote none of this comparison."""
        return self._works.progress(trial.key)

    def stop(self) -> None:
        """Ask for an end of the writing; whole pairs are kept."""
        self._works.stop()

    def running(self) -> str:
        """Return the adapter whose pairs are being written; an empty string where none are."""
        running = self._works.running()
        return running[0] if running else ""

    def close(self, timeout_s: float = CLOSING_S) -> bool:
        """Stop, and return whether the model is let go."""
        return self._works.close(timeout_s)

    def _begin(self, trial: Trial, total: int) -> None:
        kept = len(self._host.store.blind_pairs(trial.weights))

        def write(tell: Tell, cancel: Cancel) -> None:
            for done, left_s in write_pairs(trial, total, self._host, cancel):
                tell(done, total, left_s)

        work = Work(f"writing of pairs of {trial.adapter}", write, BUG, kept, total)
        self._works.begin(trial.key, work, lambda other: ANOTHER.format(other[0]))


def write_pairs(trial: Trial, total: int, host: Host, cancel: Cancel) -> Iterator[tuple[int, float | None]]:
    """Yield how many pairs are kept and the seconds left, until there are `total`, or it is cancelled.

    Pair n answers request n, and once all were answered the first ones again from other seeds.

    Raises:
        WriterError: the model cannot be loaded, or the pairs cannot be kept.
    """
    there = {pair.seed for pair in host.store.blind_pairs(trial.weights)}
    todo, spent, count = [seed for seed in range(total) if seed not in there], 0.0, 0
    while todo and not cancel():
        try:
            with host.machine(LOOK_S):
                if adapters.digest_of(trial.path) != trial.weights:  # pairs of two states would count as one
                    raise WriterError(CHANGED.format(trial.adapter))
                base, began = host.llm(trial.base), time.monotonic()
                sides = Sides(base, base.adapted(trial.path, 1.0))
                while todo and not cancel() and time.monotonic() - began < TURN_S:
                    at = time.monotonic()
                    pair = _pair(trial, todo[0], sides, lambda: cancel() or host.jobs.waiting())
                    if pair is None:
                        break
                    host.store.keep_blind_pair(pair)
                    del todo[0]
                    spent, count = spent + time.monotonic() - at, count + 1
                    yield total - len(todo), spent / count * len(todo)
        except Busy:
            yield total - len(todo), None
        else:
            time.sleep(PAUSE_S if todo else 0)


def _pair(trial: Trial, seed: int, sides: Sides, cancel: Cancel) -> BlindPair | None:
    """Return what both wrote, or None where one was cut short."""
    example = trial.examples[seed % len(trial.examples)]
    both = list(written(example, sides, cancel, seed=seed, max_words=trial.max_words))
    if any(text.cancelled for text in both):
        return None
    base, adapter = (text.text for text in both)
    return BlindPair(
        adapter=trial.adapter,
        weights=trial.weights,
        seed=seed,
        base=trial.base,
        prompt=example.prompt,
        base_text=base,
        adapter_text=adapter,
        first="base" if secrets.randbelow(2) else "adapter",
        choice="out" if base == adapter else "",  # there is nothing to choose between
    )
