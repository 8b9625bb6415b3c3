"""A judge model -> its test in the background, which any page may watch or stop and none owns.

`qualify.qualify` does the work, in a thread that shares the machine's model with whoever writes. One test runs at a
time: two would each push the other's model out of memory. One that was stopped goes on from there, the next day too.
"""

from pathlib import Path

from writer_r1.background import CLOSING_S, Progress, Tell, Work, Works
from writer_r1.errors import TRY_AGAIN
from writer_r1.llm import Cancel
from writer_r1.qualification import result_at
from writer_r1.qualify import Wanted, qualify
from writer_r1.scored_texts import Host, kept_at

BUG = f"A fault stopped the test; what was read is kept. {TRY_AGAIN}"
ANOTHER = "{} is being tested as a judge; wait for its end, or press Stop there first."


class Qualifying:
    """The tests of judges of this process, one at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._works = Works[str]()

    def start(self, model: str, wanted: Wanted | None = None) -> None:
        """Begin or go on with the test of a model, unless it is under way.

        Raises:
            Busy: another model is being tested.
        """

        def test(tell: Tell, cancel: Cancel) -> None:
            qualify(model, wanted or Wanted(), self._host, tell, cancel)

        self._works.begin(model, Work(f"test of {model}", test, BUG), ANOTHER.format)

    def progress(self, model: str) -> Progress | None:
        """Return how far the last test of this model is, or None where this studio began none."""
        return self._works.progress(model)

    def running(self) -> str:
        """Return the model that is being tested; an empty string where none is."""
        return self._works.running() or ""

    def stop(self, model: str) -> None:
        """Ask a test to end; what was read is kept."""
        if self.running() == model:
            self._works.stop()

    def close(self, timeout_s: float = CLOSING_S) -> bool:
        """Stop, and return whether the model is let go."""
        return self._works.close(timeout_s)


def begun(model: str, home: Path) -> bool:
    """Return whether texts were read since the last result: a test that was stopped, in whichever process."""
    read, result = kept_at(model, home), result_at(model, home)
    return read.exists() and not (result.exists() and result.stat().st_mtime >= read.stat().st_mtime)
