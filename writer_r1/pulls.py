"""A model's name -> its download in the background, which any page may watch or end and none owns; its removal.

`fetch.pull` does the work, one thread each; what is kept here is how far it is. A download that was ended keeps what
came and goes on from there the next time; so does one whose studio was closed.
"""

import atexit
import logging
import shutil
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from writer_r1.catalog import entry_of, find
from writer_r1.digests import sidecar
from writer_r1.download import Download
from writer_r1.errors import TRY_AGAIN, Busy, ModelError, WriterError
from writer_r1.fetch import pull

log = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "cancelled"]
WINDOW_S = 15.0  # the speed is that of the last seconds: a slow start must not spoil the time left
STEADY_S = 2.0  # before that much was seen, no speed is told
STOPPING = "stopping"
BUG = f"A fault stopped the download; what came is kept. {TRY_AGAIN}"


class Progress(NamedTuple):
    """How far a download is. `bytes_per_s` and `eta_s` are `None` while they cannot be told."""

    done_bytes: int
    total_bytes: int
    bytes_per_s: float | None
    eta_s: float | None
    state: State
    message: str


class Pulls:
    """The downloads of this process into one folder of models."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._pulls: dict[str, _Pull] = {}
        atexit.register(self.close)  # a child that downloads would outlive this process

    def start(self, name: str) -> None:
        """Begin or resume a download, unless it is under way.

        Raises:
            ModelError: when there is no such model.
        """
        model = find(name, self._folder)
        with self._guard:
            if (last := self._pulls.get(model.name)) and last.progress().state == "running":
                return
            current = self._pulls[model.name] = _Pull(model.name, self._folder, model.bytes)
            current.thread.start()

    def progress(self, name: str) -> Progress | None:
        """Return how far the last download of this model is, or `None` where this studio began none."""
        current = self._pulls.get(name)
        return current.progress() if current else None

    def running(self) -> list[str]:
        """Return the models that are being downloaded."""
        return [name for name, p in list(self._pulls.items()) if p.progress().state == "running"]

    def cancel(self, name: str) -> None:
        """Ask a download to end; what came is kept."""
        if current := self._pulls.get(name):
            current.stop.set()

    def forget(self, name: str) -> None:
        """Drop what is told of a download that has ended."""
        with self._guard:
            if (last := self._pulls.get(name)) and last.progress().state != "running":
                del self._pulls[name]

    def close(self, timeout_s: float = 10.0) -> None:
        """End every download and wait for it."""
        pulls, deadline = list(self._pulls.values()), time.monotonic() + timeout_s
        for current in pulls:
            current.stop.set()
        for current in pulls:
            current.thread.join(max(0.0, deadline - time.monotonic()))


_ALL: dict[Path, Pulls] = {}
_ALL_GUARD = threading.Lock()


def pulls_into(folder: Path) -> Pulls:
    """Return the downloads of this process into `folder`, the same for everyone who asks."""
    with _ALL_GUARD:
        if folder not in _ALL:
            _ALL[folder] = Pulls(folder)
        return _ALL[folder]


def kept_bytes(name: str, folder: Path) -> int:
    """Return how much of a partly downloaded model lies in `folder`."""
    return _files(name, folder).kept() if entry_of(name, folder) else 0


def remove(name: str, folder: Path) -> None:
    """Delete what was downloaded of a model, whole or in part.

    Raises:
        Busy: it is being downloaded, here or in another window.
        ModelError: it is the user's own file, or it cannot be deleted.
    """
    files = _files(name, folder)
    try:
        with FileLock(f"{files.target}.lock", timeout=0):
            if files.target.is_dir():
                shutil.rmtree(files.target)
            else:
                files.target.unlink(missing_ok=True)
            sidecar(files.target).unlink(missing_ok=True)
            files.discard()
            for left in folder.glob(f"{files.entry.file}.partial.pip*"):
                shutil.rmtree(left, ignore_errors=True)
    except Timeout:
        raise Busy(f"{files.entry.label} is being downloaded; press Cancel first, or wait until it is here.") from None
    except OSError as e:
        what = f"{str(files.target)!r} cannot be removed ({e.strerror or e})"
        raise ModelError(f"{what}; close what uses it, or make its folder writable.") from e


def _files(name: str, folder: Path) -> Download:
    entry = entry_of(name, folder)
    if entry is None:
        raise ModelError(f"{find(name, folder).label} is your own file, and the studio never deletes those.")
    return Download(entry, folder, lambda *_: None, lambda: False)


class _Pull:
    """One download: its thread, and what it last said of itself."""

    def __init__(self, name: str, folder: Path, total: int) -> None:
        self.name, self.folder = name, folder
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"download {name}", daemon=True)
        self._guard = threading.Lock()  # of the three below
        self._seen: deque[tuple[float, int]] = deque()
        self._done, self._total = kept_bytes(name, folder), total
        self._state: State = "running"
        self._message = "beginning"

    def progress(self) -> Progress:
        with self._guard:
            speed = self._speed() if self._state == "running" and self._done < self._total else None
            left = (self._total - self._done) / speed if speed else None
            ending = self._state == "running" and self.stop.is_set()
            message = STOPPING if ending else self._message
            return Progress(self._done, self._total, speed, left, self._state, message)

    def _speed(self) -> float | None:
        if len(self._seen) < 2 or self._seen[-1][0] - self._seen[0][0] < STEADY_S:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if last > first else None

    def _tell(self, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        with self._guard:
            if done < self._done:
                self._seen.clear()  # another source begins anew
            self._done, self._total, self._message = done, total, note
            self._seen.append((now, done))
            while now - self._seen[0][0] > WINDOW_S:
                self._seen.popleft()

    def _run(self) -> None:
        try:
            path = pull(self.name, self.folder, self._tell, self.stop.is_set)
        except WriterError as error:
            self._end("failed", str(error))
        except BaseException:  # a bug must reach the page, which would else wait for ever
            log.error("The download of %s met a bug:\n%s", self.name, traceback.format_exc())
            self._end("failed", BUG)
        else:
            self._end("done", "ready") if path else self._end("cancelled", "stopped; what came is kept")

    def _end(self, state: State, message: str) -> None:
        with self._guard:
            self._state, self._message = state, message
