"""The mark of the process that was begun last for a run: who it is, when that was, and what was written before it."""

import time
from pathlib import Path

from writer_r1.processes import owner_of

FILE = "process"


def write(folder: Path, pid: int) -> None:
    """Note that this process was begun for the run just now."""
    told = folder / "metrics.jsonl"
    written = told.stat().st_size if told.exists() else 0
    (folder / FILE).write_text(f"{owner_of(pid)} {time.time()} {written}", "utf-8")


def owner(folder: Path) -> str:
    """Return the owner string of the run's process (`processes.alive`), an empty one where none was begun here."""
    try:
        return (folder / FILE).read_text("utf-8").partition(" ")[0]
    except OSError:
        return ""


def begun_at(folder: Path) -> float:
    """Return when the run's process was begun, in seconds since 1970."""
    try:
        return float((folder / FILE).read_text("utf-8").split()[1])
    except (OSError, ValueError, IndexError):
        return time.time()


def metrics_before(folder: Path) -> int:
    """Return how many bytes of its metrics earlier processes of the run had written."""
    try:
        return int((folder / FILE).read_text("utf-8").split()[2])
    except (OSError, ValueError, IndexError):
        return 0
