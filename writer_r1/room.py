"""This machine's one model lock and its memory -> who may use a model now.

A training run is not a model job: it lasts for hours and holds the lock at no time. It has the memory first instead
(decision 17): the studio lets its models go when a run begins, and takes one again only where it fits beside it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import psutil
from filelock import FileLock, Timeout

from writer_r1 import places
from writer_r1.catalog import Model, amount
from writer_r1.errors import Busy, ModelError, TrainingError
from writer_r1.jobs import Jobs
from writer_r1.judge import Judge
from writer_r1.llm import LLM, Cancel
from writer_r1.row_files import Pair, Say, in_turn
from writer_r1.training import job, run_folder

LOOK_S = 1.0  # between two looks at whether a run trains
FIRST_S = 0.1  # between two looks at whether a writing job still waits
FREE_S = 0.5  # how often a stop is heard while another has the model
PAUSE_S = 0.5  # between two turns, so that whoever waits for the model gets it
WAITING = "waiting for the model"
T = TypeVar("T")
Doing = Callable[[str], None]


class Host(Protocol):
    """What long work that shares the machine's model needs of a workspace."""

    @property
    def jobs(self) -> Jobs:
        """Return the writing jobs, which go first."""
        ...

    def llm(self, name: str) -> LLM:
        """Return a model, loaded once; only while the machine's model lock is held."""
        ...

    def judge_by(self, name: str, cancel: Cancel, beside: str = "") -> Judge:
        """Return a model as a judge, with the model `beside` it kept; only while that lock is held."""
        ...


@contextmanager
def machine(timeout_s: float = -1) -> Iterator[None]:
    """Hold the machine's model lock.

    Raises:
        Busy: it was not free within `timeout_s` (-1 waits).
    """
    try:
        with FileLock(places.machine_lock(), timeout=timeout_s):
            yield
    except Timeout:
        raise Busy("Another writing job is using the model on this machine; wait for it or stop it.") from None


@contextmanager
def turn(jobs: Jobs, cancel: Cancel) -> Iterator[Cancel | None]:
    """Hold the machine's model lock once it is free, for work that lets whoever writes go first.

    What is yielded says when to give it back: it was cancelled, or a job of this studio waits, perhaps only for a
    moment. None where it was cancelled before the lock was free.
    """
    lock = FileLock(places.machine_lock())
    while not cancel():
        if jobs.waiting():
            time.sleep(FIRST_S)
            continue
        try:
            lock.acquire(timeout=FREE_S)
        except Timeout:
            continue
        over = False

        def halt() -> bool:
            nonlocal over
            over = over or cancel() or jobs.waiting()
            return over

        try:
            yield halt
        finally:
            lock.release()
        return
    yield None


def work_off(
    every: Sequence[T],
    key_of: Callable[[T], str],
    files: Pair,
    jobs: Jobs,
    work: Callable[[str, T, Cancel, Doing], None],
    say: Say,
    cancel: Cancel,
) -> int:
    """Work on each that ended in no row yet, a turn at the model each, and return on how many.

    One that somebody who writes had to wait for ends in no row, and is worked on again.
    """
    with files.alone():
        done = files.done
        todo = [(key, one) for one in every if (key := key_of(one)) not in done]
        for number, ((key, one), doing) in enumerate(in_turn(todo, len(every), say)):
            while key not in files.done:
                doing(WAITING)
                with turn(jobs, cancel) as halt:
                    if halt:
                        work(key, one, halt, doing)
                if cancel():
                    return number
                time.sleep(PAUSE_S)
    return len(todo)


def training(home: Path | None = None) -> str:
    """Return what a home calls the run that trains on this machine; an empty string where none does.

    That is its name in quotes, of another writer's no more than that it is one.
    """
    folder = job.running()
    return job.called(folder, home) if folder else ""


class TakenCores:
    """How many cores the training run of this machine keeps busy; looked up once in `LOOK_S`, for it is asked often."""

    def __init__(self) -> None:
        self._found, self._until = 0, 0.0

    def __call__(self) -> int:
        """Return how many those are now."""
        if (now := time.monotonic()) >= self._until:
            self._until = now + LOOK_S
            with suppress(TrainingError):  # a run of another version: what it uses is not known
                self._found = run_folder.config_of(folder).threads if (folder := job.running()) else 0
        return self._found


taken_cores = TakenCores()


def refuse_without_room(model: Model, home: Path | None = None) -> None:
    """Return where a model may be loaded: nothing trains, or it fits into the memory that is free beside it.

    Raises:
        ModelError: it does not fit.
    """
    if not (run := training(home)):
        return
    free = int(psutil.virtual_memory().available)
    if model.memory_bytes > free:
        raise ModelError(
            f"{run[0].upper()}{run[1:]} is training, and of this machine's memory {amount(free)} are free, less than "
            f"the {amount(model.memory_bytes)} that {model.label} needs; stop the run in Train, or wait for its end."
        )
