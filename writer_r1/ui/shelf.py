"""All that the cards of the Models page show, and the words and buttons that they have in common. Knows no gradio."""

from collections.abc import Collection, Mapping
from html import escape
from typing import NamedTuple

from writer_r1 import background
from writer_r1.catalog import Model
from writer_r1.machine_memory import Machine
from writer_r1.pulls import Progress
from writer_r1.qualification import Qualification
from writer_r1.roles import Role


class Shelf(NamedTuple):
    """All that the cards show: `kept` bytes of partial files, and for each role the model in use and the one chosen.

    Of models as judges: what is known, the tests of this studio, which were begun and not brought to an end, and fits.
    """

    models: tuple[Model, ...]
    kept: Mapping[str, int]
    pulls: Mapping[str, Progress]
    machine: Machine
    using: Mapping[Role, str]
    chosen: Mapping[Role, str | None]
    judges: Mapping[str, Qualification] = {}
    tests: Mapping[str, background.Progress] = {}
    begun: Collection[str] = ()
    asking: Collection[str] = ()  # servers that are being asked, by address or listed name
    fits: Mapping[str, str] = {}  # the id of what each judges with

    def named(self, name: str) -> Model | None:
        return next((m for m in self.models if m.name == name), None)


def button(act: str, model: Model, text: str, *, role: str = "", kind: str = "", tip: str = "") -> str:
    """Return a button that asks for `act` on this model; `data-key` lets it keep the keyboard through an update."""
    name = escape(model.name)
    hint = f' title="{escape(tip)}"' if tip else ""
    return (
        f'<button type="button" class="act {kind}" data-act="{act}" data-name="{name}" data-role="{role}" '
        f'data-key="{act}{role}-{name}" aria-label="{escape(f"{text}: {model.label}")}"{hint}>{text}</button>'
    )
