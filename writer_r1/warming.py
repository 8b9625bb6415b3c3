"""A workspace -> its usual models loaded, and the fixed start of their first prompts read, before anybody waits."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from threading import Thread
from typing import Protocol

from writer_r1.errors import WriterError
from writer_r1.jobs import Jobs
from writer_r1.llm import LLM
from writer_r1.prompts import fixed_start
from writer_r1.roles import Cast
from writer_r1.room import training

CLOSING_S = 5.0  # for which the end of the studio waits for a model that is being warmed up
PINNED = ("open_coding", "axial_coding", "selective_coding")  # prompts whose worked examples are evaluated once

log = logging.getLogger(__name__)


class Host(Protocol):
    """What is needed of a workspace."""

    jobs: Jobs

    def machine(self, timeout_s: float = -1) -> AbstractContextManager[None]:
        """Hold the machine's model lock; `Busy` where it was not free in time."""
        ...

    def cast(self) -> Cast:
        """Return the name of the model in each role."""
        ...

    def free(self, needed: set[str]) -> bool:
        """Close the models that no role needs, and return whether one of `needed` is still to be loaded."""
        ...

    def llm(self, name: str) -> LLM:
        """Return a model, loaded once; only while the machine's model lock is held."""
        ...

    def ready_likeness(self) -> None:
        """Load the embedding model."""
        ...


def begun(host: Host, before: Thread | None) -> Thread:
    """Return the thread that warms up; where one does so still, that one."""
    if before is not None and before.is_alive():
        return before
    thread = Thread(target=warm, args=(host,), name="warm", daemon=True)
    thread.start()
    return thread


def over(thread: Thread | None) -> bool:
    """Return whether nothing is warmed up any more, for which it waits a little: a model in use cannot be freed."""
    if thread is not None:
        thread.join(CLOSING_S)
    return thread is None or not thread.is_alive()


def warm(host: Host) -> None:
    """Do in small steps what the first run would; given up between two of them where a job waits for the model."""
    try:
        with host.machine(timeout_s=0):
            cast = host.cast()
            if training() or not host.free(set(cast)):
                return
            pins = (partial(_pin, host, cast.analyst, prompt) for prompt in PINNED)
            steps: list[Callable[[], object]] = [partial(host.llm, cast.analyst), *pins]
            steps += [*(partial(host.llm, name) for name in dict.fromkeys(cast)), host.ready_likeness]
            for step in steps:
                if host.jobs.waiting():
                    return
                step()
    except WriterError as e:
        log.info("not warmed up: %s", e)  # another job is using the machine, or no model is there yet


def _pin(host: Host, name: str, prompt: str) -> None:
    host.llm(name).warm(fixed_start(prompt))
