"""One download under way -> how far it is, where its pieces lie, and the child process that brings them.

The hub's downloader and pip are child processes, so that a stop ends them at once. What they bring gathers beside the
place of the whole file, under names that nothing loads.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from writer_r1.entries import Entry

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, a note for the user
Stop = Callable[[], bool]
STALL_S = 300.0  # an index that scans a file before it passes it on is silent for minutes
POLL_S = 0.2
QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Stopped(Exception):
    """The user asked for an end; what arrived is kept."""


class Unavailable(Exception):
    """This source cannot deliver; the text is a clause of the sentence the user gets."""


class Download:
    """One download under way: what is fetched, where its pieces lie, and who hears of it."""

    def __init__(self, entry: Entry, folder: Path, progress: Progress, stop: Stop) -> None:
        self.entry, self.folder, self.progress, self.stop = entry, folder, progress, stop
        self.target = folder / entry.file
        self.partial = folder / f"{entry.file}.partial"
        self.record = folder / f"{entry.file}.partial.json"
        self.hub = folder / f"{entry.file}.partial.hub"
        self.furthest = 0

    def tell(self, done: int, note: str) -> None:
        self.furthest = max(self.furthest, min(done, self.entry.bytes))  # a wheel is a little larger than its part
        self.progress(self.furthest, self.entry.bytes, note)
        if self.stop():
            raise Stopped

    def arrived(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def kept(self) -> int:
        """Return how many bytes an earlier download left."""
        return min(max(self.arrived(), sum(sizes(self.hub))), self.entry.bytes)

    def discard(self) -> None:
        self.partial.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)
        shutil.rmtree(self.hub, ignore_errors=True)


class Child(NamedTuple):
    """A process that downloads into `watch`, of whose files `size` tells how much has arrived; it reads `told`.

    Where it is told something, its input stays open: one that outlives a killed studio sees that end.
    """

    command: list[str]
    watch: Path
    size: Callable[[list[int]], int] = max
    told: bytes = b""


def run(child: Child, job: Download, *, done: int, note: str) -> tuple[int, str]:
    """Return the exit code of a child that adds to what is `done`, and what it printed.

    Raises:
        Stopped: the user asked for an end.
        Unavailable: nothing came for minutes.
    """
    seen, since = 0, time.monotonic()
    with tempfile.TemporaryFile() as log:
        env = os.environ | QUIET | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(child.watch))
        words = subprocess.PIPE if child.told else subprocess.DEVNULL
        process = subprocess.Popen(child.command, stdin=words, stdout=log, stderr=subprocess.STDOUT, env=env)
        try:
            if process.stdin:
                with contextlib.suppress(BrokenPipeError):  # why it went, its log says
                    process.stdin.write(child.told)
                    process.stdin.flush()
            while process.poll() is None:
                if (grown := child.size(sizes(child.watch))) != seen:
                    seen, since = grown, time.monotonic()
                elif time.monotonic() - since > STALL_S:
                    raise Unavailable(f"nothing came for {STALL_S / 60:.0f} minutes")
                job.tell(done + seen, note)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        log.seek(0)
        return process.returncode, log.read().decode("utf-8", "replace")


def sizes(folder: Path) -> list[int]:
    """Return the sizes of the files below `folder`."""
    found = [0]
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found.append(os.stat(os.path.join(root, name)).st_size)
    return found


def last_line(log: str) -> str:
    """Return the last line of what a child printed that says something."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith(("hint:", "note:"))]
    return (lines or ["it gave no reason"])[-1][:600]
