"""All that the cards of the Models page show, and the words and buttons that they have in common. Knows no gradio."""

from collections.abc import Collection, Mapping
from html import escape
from typing import Literal, NamedTuple

from writer_r1.catalog import Model, amount
from writer_r1.pulls import Progress
from writer_r1.qualification import Qualification
from writer_r1.qualifying import Measuring
from writer_r1.roles import Role

Fit = Literal["fits", "tight", "does not fit"]

AMPLE = 0.9  # of the free memory: past it the browser and the system are pushed out


class Machine(NamedTuple):
    """This machine's memory, in bytes."""

    total: int
    free: int


class Shelf(NamedTuple):
    """All that the cards show: `kept` bytes of partial files, and for each role the model in use and the one chosen.

    Of models as judges: what is known, the tests of this studio, and which were begun and not brought to an end.
    """

    models: tuple[Model, ...]
    kept: Mapping[str, int]
    pulls: Mapping[str, Progress]
    machine: Machine
    using: Mapping[Role, str]
    chosen: Mapping[Role, str | None]
    judges: Mapping[str, Qualification] = {}
    tests: Mapping[str, Measuring] = {}
    begun: Collection[str] = ()
    asking: Collection[str] = ()  # servers that are being asked, by address or listed name

    def named(self, name: str) -> Model | None:
        return next((m for m in self.models if m.name == name), None)


def fit(need: int, machine: Machine) -> Fit:
    """Return whether a model that needs so many bytes of memory can be used well on this machine."""
    if need > machine.total:
        return "does not fit"
    return "fits" if need <= AMPLE * machine.free else "tight"


def memory_words(need: int, machine: Machine) -> str:
    """Return a need for memory against what this machine has, and what to do about it."""
    todo = {"fits": "", "tight": " Close other programs before you use it.", "does not fit": ""}[fit(need, machine)]
    return f"{amount(need)} of memory; {amount(machine.free)} of {amount(machine.total)} is free.{todo}"


def button(act: str, model: Model, text: str, *, role: str = "", kind: str = "", tip: str = "") -> str:
    """Return a button that asks for `act` on this model; `data-key` lets it keep the keyboard through an update."""
    name = escape(model.name)
    hint = f' title="{escape(tip)}"' if tip else ""
    return (
        f'<button type="button" class="act {kind}" data-act="{act}" data-name="{name}" data-role="{role}" '
        f'data-key="{act}{role}-{name}" aria-label="{escape(f"{text}: {model.label}")}"{hint}>{text}</button>'
    )
