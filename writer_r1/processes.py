"""A process <-> a string that no later process shares, though it may be given the same number; and its cores."""

import os
from pathlib import Path

import psutil

CLOCK_SLACK_S = 2.0  # elsewhere than on Linux start times are derived from the wall clock, which may be set
BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """Return the owner string of this process, which a later process with the same pid does not share."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> str:
    """Return the owner string of a process; of one that is gone, one that is not alive."""
    try:
        return f"{pid}:{_ticks(pid) or format(psutil.Process(pid).create_time(), '.2f')}"
    except psutil.Error:
        return f"{pid}:0"


def _ticks(pid: int) -> str:
    """Return since when a process of this boot runs, by a clock that nobody sets; an empty string where none tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return f"t{told[19]}.{BOOT.read_text('utf-8')[:8]}"  # field 22 of proc(5); the name before may hold anything
    except (OSError, IndexError):
        return ""


def alive(owner: str) -> bool:
    """Return whether the process behind an owner string still runs."""
    pid, _, started = owner.partition(":")
    try:
        process = psutil.Process(int(pid))
        if started.startswith("t"):
            same = started == _ticks(int(pid))
        else:
            same = abs(process.create_time() - float(started)) < CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def usable_cores() -> int:
    """Return how many cores a model can keep busy here: the machine's own, and no more than this process may use.

    A container or `taskset` may allow fewer; threads beyond that would only wait for each other.
    """
    own = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else own  # macOS has none
    return max(1, min(own, allowed))
