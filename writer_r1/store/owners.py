"""Who writes a run -> is that process still there, and a refusal to touch what it writes."""

import os
import sqlite3

import psutil

from writer_r1.errors import Busy

WRITTEN = "A session is still being written; stop it first, then {then}."
CLOCK_SLACK_S = 2.0  # process start times are derived from the wall clock, which may be set


def this_process() -> str:
    """Return the owner string of this process, which a later process with the same pid does not share."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def alive(owner: str) -> bool:
    """Return whether the process behind an owner string still runs."""
    pid, _, started = owner.partition(":")
    try:
        process = psutil.Process(int(pid))
        same: bool = abs(process.create_time() - float(started)) < CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def refuse_while_written(db: sqlite3.Connection, then: str) -> None:
    """Return where no run is being written; `then` is what would be done.

    Raises:
        Busy: one is.
    """
    owners = db.execute("SELECT DISTINCT owner FROM runs WHERE state = 'running'").fetchall()
    if any(alive(owner) for (owner,) in owners):
        raise Busy(WRITTEN.format(then=then))
