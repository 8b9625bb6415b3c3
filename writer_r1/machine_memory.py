"""A need for memory and this machine's -> whether it fits, and in words."""

from typing import Literal, NamedTuple

import psutil

from writer_r1.catalog import amount

Fit = Literal["fits", "tight", "does not fit"]

AMPLE = 0.9  # of the free memory: past it the browser and the system are pushed out


class Machine(NamedTuple):
    """This machine's memory, in bytes."""

    total: int
    free: int


def this_machine() -> Machine:
    """Return what this machine has now."""
    memory = psutil.virtual_memory()
    return Machine(memory.total, memory.available)


def fit(need: int, machine: Machine) -> Fit:
    """Return whether a model that needs so many bytes of memory can be used well on this machine."""
    if need > machine.total:
        return "does not fit"
    return "fits" if need <= AMPLE * machine.free else "tight"


def memory_words(need: int, machine: Machine, more: str = "") -> str:
    """Return a need for memory against what this machine has, and what to do about it."""
    todo = {"fits": "", "tight": " Close other programs before you use it.", "does not fit": ""}[fit(need, machine)]
    return f"{amount(need)} of memory{more}; {amount(machine.free)} of {amount(machine.total)} is free.{todo}"
