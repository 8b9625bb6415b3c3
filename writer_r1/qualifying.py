"""A judge model -> its test in the background, which any page may watch or stop and none owns.

`qualify.qualify` does the work, in a thread that shares the machine's model with whoever writes. One test runs at a
time: two would each push the other's model out of memory. One that was stopped goes on from there, the next day too.
"""

import logging
import threading
import traceback
from pathlib import Path
from typing import Literal, NamedTuple

from writer_r1.errors import Busy, WriterError
from writer_r1.qualification import result_at
from writer_r1.qualify import Wanted, qualify
from writer_r1.scored_texts import Host, kept_at

log = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "stopped"]
BUG = "The test hit a bug; what was read is kept. Details are in the log."


class Measuring(NamedTuple):
    """How far a test is. `eta_s` is None while the model is waited for: it is loading, or another has it."""

    done: int
    total: int
    eta_s: float | None
    state: State
    message: str = ""
    stopping: bool = False


class Qualifying:
    """The tests of judges of this process, one at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guard = threading.Lock()
        self._tests: dict[str, _Test] = {}

    def start(self, model: str, wanted: Wanted | None = None) -> None:
        """Begin or go on with the test of a model, unless it is under way.

        Raises:
            Busy: another model is being tested.
        """
        with self._guard:
            if running := self.running():
                if running == [model]:
                    return
                raise Busy(f"{running[0]} is being tested as a judge; wait for its end, or press Stop there first.")
            test = self._tests[model] = _Test(model, wanted or Wanted(), self._host)
            test.thread.start()

    def progress(self, model: str) -> Measuring | None:
        """Return how far the last test of this model is, or None where this studio began none."""
        test = self._tests.get(model)
        return test.progress if test else None

    def running(self) -> list[str]:
        """Return the model that is being tested, if any."""
        return [model for model, test in list(self._tests.items()) if test.progress.state == "running"]

    def stop(self, model: str) -> None:
        """Ask a test to end; what was read is kept."""
        if test := self._tests.get(model):
            test.stop.set()

    def close(self, timeout_s: float = 10.0) -> bool:
        """Stop, and return whether the model is let go."""
        tests = list(self._tests.values())
        for test in tests:
            test.stop.set()
        for test in tests:
            test.thread.join(timeout_s)
        return not any(test.thread.is_alive() for test in tests)


def begun(model: str, home: Path) -> bool:
    """Return whether texts were read since the last result: a test that was stopped, in whichever process."""
    read, result = kept_at(model, home), result_at(model, home)
    return read.exists() and not (result.exists() and result.stat().st_mtime >= read.stat().st_mtime)


class _Test:
    """One test: its thread, and how far it is."""

    def __init__(self, model: str, wanted: Wanted, host: Host) -> None:
        self.model, self.wanted, self.host = model, wanted, host
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"test {model}", daemon=True)
        self._said = Measuring(0, 0, None, "running")

    @property
    def progress(self) -> Measuring:
        return self._said._replace(stopping=self._said.state == "running" and self.stop.is_set())

    def _tell(self, done: int, total: int, left_s: float | None) -> None:
        self._said = Measuring(done, total, left_s, "running")

    def _run(self) -> None:
        try:
            found = qualify(self.model, self.wanted, self.host, self._tell, self.stop.is_set)
        except WriterError as error:
            self._end("failed", str(error))
        except BaseException as error:  # a bug must reach the page, which would else wait for ever
            where = "".join(traceback.format_tb(error.__traceback__))  # not the message: it may quote a text
            log.error("The test of %s met a bug, %s:\n%s", self.model, type(error).__name__, where)
            self._end("failed", BUG)
        else:
            self._end("done" if found else "stopped")

    def _end(self, state: State, message: str = "") -> None:
        self._said = self._said._replace(eta_s=None, state=state, message=message)
