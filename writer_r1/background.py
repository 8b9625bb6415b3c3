"""A long work -> a thread, and how far it is, which any page may watch or stop and none owns.

One work of a kind runs at a time: two would each push the other's model out of memory.
"""

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from writer_r1.errors import Busy, WriterError, traced
from writer_r1.llm import Cancel

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
State = Literal["running", "done", "failed", "stopped"]
CLOSING_S = 10.0  # for which the end of the studio waits for a work


class Progress(NamedTuple):
    """How far a work is, or how it ended. `left_s` is None while the model is waited for or the pace is not known."""

    done: int
    total: int
    left_s: float | None
    state: State
    message: str = ""
    doing: str = ""
    stopping: bool = False


class Tell(Protocol):
    """Say how far the work is."""

    def __call__(self, done: int, total: int, left_s: float | None, doing: str = "") -> None: ...


class Work(NamedTuple):
    """What is done: `name` and `bug` are said where it met a bug."""

    name: str
    do: Callable[[Tell, Cancel], object]
    bug: str
    done: int = 0
    total: int = 0


class Works(Generic[Key]):
    """The works of one kind for one library, one at a time; of each key the last is remembered."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._all: dict[Key, _Thread] = {}

    def begin(self, key: Key, work: Work, busy: Callable[[Key], str]) -> bool:
        """Begin, and return whether it did: not where the same is under way.

        Raises:
            Busy: another one is, with the sentence that `busy` has for it.
        """
        with self._guard:
            running = self.running()
            if running is not None and running != key:
                raise Busy(busy(running))
            if running is None:
                begun = _Thread(work)
                begun.thread.start()
                self._all[key] = begun
            return running is None

    def progress(self, key: Key) -> Progress | None:
        """Return how far the last work of this key is, or None where this studio began none."""
        last = self._all.get(key)
        return last.progress if last else None

    def running(self) -> Key | None:
        """Return the key of the work that is under way, if one is."""
        return next((key for key, one in list(self._all.items()) if one.progress.state == "running"), None)

    def stop(self) -> None:
        """Ask for an end of what is under way."""
        for one in list(self._all.values()):
            one.stop.set()

    def close(self, timeout_s: float = CLOSING_S) -> bool:
        """Stop, and return whether the model is let go."""
        with self._guard:  # one that is being begun is stopped, too
            self.stop()
            threads = [one.thread for one in self._all.values()]
        for thread in threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in threads)


class _Thread:
    """One work under way, and how far it is."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name=work.name, daemon=True)
        self._said = Progress(work.done, work.total, None, "running", doing="beginning")

    @property
    def progress(self) -> Progress:
        return self._said._replace(stopping=self._said.state == "running" and self.stop.is_set())

    def _tell(self, done: int, total: int, left_s: float | None, doing: str = "") -> None:
        self._said = Progress(done, total, left_s, "running", doing=doing)

    def _run(self) -> None:
        state: State = "failed"
        message = self._work.bug
        try:
            self._work.do(self._tell, self.stop.is_set)
            whole = 0 < self._said.total <= self._said.done  # stopped too late is done
            state, message = ("done" if whole or not self.stop.is_set() else "stopped"), ""
        except WriterError as error:
            message = str(error)
        except BaseException as error:  # a bug must reach the page, which would else wait for ever
            log.error("The %s met a bug, %s:\n%s", self._work.name, type(error).__name__, traced(error))
        finally:
            self._said = self._said._replace(left_s=None, state=state, message=message)
