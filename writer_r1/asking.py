"""What another machine is asked -> its answer, sought in the background, which any page may wait for, stop or show."""

import logging
import threading
import traceback
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from writer_r1.errors import WriterError

A = TypeVar("A")
log = logging.getLogger(__name__)


class Asking(ABC, Generic[A]):
    """What this process asks, by what it was asked for; each has a thread of its own. `bug` is told where we fail."""

    bug: str

    def __init__(self, nothing: A, running: A) -> None:
        self._nothing, self._running = nothing, running
        self._guard = threading.Lock()
        self._answers: dict[str, A] = {}
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    @abstractmethod
    def answer(self, what: str, stop: threading.Event) -> A:
        """Return the answer; a `WriterError` is told as it is."""

    @abstractmethod
    def failed(self, message: str) -> A:
        """Return that there is no answer, and why."""

    def start(self, what: str) -> None:
        """Begin to ask, unless that is under way."""
        with self._guard:
            if self.progress(what) is self._running:
                return
            self.make_room()
            self._answers[what], self._stops[what] = self._running, threading.Event()
            args = (what, self._stops[what])
            self._threads[what] = threading.Thread(target=self._ask, args=args, name="asking", daemon=True)
            self._threads[what].start()

    def make_room(self) -> None:
        """Forget answers before another one is asked for, where too many are kept."""

    def progress(self, what: str) -> A:
        """Return how far it is; `nothing` where nothing was asked."""
        return self._answers.get(what, self._nothing)

    def wait(self, what: str, timeout_s: float) -> A:
        """Return how far it is after it has ended, or after `timeout_s`."""
        if asking := self._threads.get(what):
            asking.join(timeout_s)
        return self.progress(what)

    def running(self) -> list[str]:
        """Return what is being asked."""
        return [what for what, answer in list(self._answers.items()) if answer is self._running]

    def stop(self, what: str) -> None:
        """Give up asking; what was known stays."""
        if stop := self._stops.get(what):
            stop.set()

    def _ask(self, what: str, stop: threading.Event) -> None:
        try:
            self._answers[what] = self.answer(what, stop)
        except WriterError as error:
            self._answers[what] = self.failed(str(error))
        except Exception as error:  # a bug ends on the page too, and not in a wait without an end
            log.error("Asking stopped by a bug, %s:\n%s", type(error).__name__, traceback.format_exc(limit=-4))
            self._answers[what] = self.failed(self.bug)
