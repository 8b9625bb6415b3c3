"""A process <-> a string that no later process shares, though it may be given the same number; and its cores."""

import os

import psutil

CLOCK_SLACK_S = 2.0  # start times are derived from the wall clock, which may be set


def this_process() -> str:
    """Return the owner string of this process, which a later process with the same pid does not share."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> str:
    """Return the owner string of a process; of one that is gone, one that is not alive."""
    try:
        return f"{pid}:{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return f"{pid}:0"


def alive(owner: str) -> bool:
    """Return whether the process behind an owner string still runs."""
    pid, _, started = owner.partition(":")
    try:
        process = psutil.Process(int(pid))
        same: bool = abs(process.create_time() - float(started)) < CLOCK_SLACK_S
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
