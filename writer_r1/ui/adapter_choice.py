"""Which adapter the writer wears, and how strongly: chosen beside Start, where one fits the model that writes.

The choice is kept in the settings, so that it is there again after a reload and “Try it in Write” can make it.
"""

from typing import Any, NamedTuple

from writer_r1 import catalog
from writer_r1.adapters import STRONGEST, Adapter, base_of, fitting
from writer_r1.errors import WriterError
from writer_r1.settings import change_settings
from writer_r1.ui import gradio as gr
from writer_r1.ui.board import QUIET
from writer_r1.ui.notes import warn
from writer_r1.workspace import Workspace

NONE = ("None: the model as it is", "")


class Choice(NamedTuple):
    """The two components, or what they shall show."""

    adapter: Any
    strength: Any


def build(workspace: Workspace) -> Choice:
    """Place the choice, hidden until something can be chosen, and wire it."""
    choice = Choice(
        gr.Dropdown(
            [NONE],
            value="",
            label="Adapter",
            info="What a model learned in Train; only the writing model uses it.",
            visible=False,
            interactive=True,
            filterable=False,
            elem_id="adapter",
            min_width=220,
        ),
        gr.Slider(
            0,
            STRONGEST,
            1,
            step=0.1,
            label="Strength",
            info="1 is as it was trained.",
            visible=False,
            elem_id="strength",
            min_width=220,
        ),
    )

    def kept(adapter: str, strength: float) -> Any:
        return on_choice(workspace, adapter, strength)

    both = list(choice)
    choice.adapter.input(kept, both, choice.strength, **QUIET)
    choice.strength.release(kept, both, choice.strength, **QUIET)
    return choice


def shown(workspace: Workspace) -> Choice:
    """Return the choice as it stands: the adapters that fit the model that writes, and the one in use."""
    settings = workspace.settings
    try:
        names = [a.name for a in fitting(catalog.find(workspace.writer, workspace.models), workspace.home)]
    except WriterError:
        names = []  # told by the Models page, and by Start
    chosen = settings.adapter if settings.adapter in names else ""
    choices = [NONE, *((name, name) for name in names)]
    return Choice(
        gr.Dropdown(choices=choices, value=chosen, visible=bool(names)),
        gr.Slider(value=settings.strength, visible=bool(chosen)),
    )


def choose(workspace: Workspace, adapter: Adapter) -> None:
    """Let the writer wear this adapter, as the model that it fits, from the next run on.

    Raises:
        ModelError: that model is not on this machine.
    """
    base = base_of(adapter, workspace.models)
    writer = workspace.settings.writer if base.name == workspace.name_of(workspace.writer) else base.name
    change_settings(workspace.home, writer=writer, adapter=adapter.name, strength=1.0)


def on_choice(workspace: Workspace, adapter: str, strength: float) -> Any:
    """Keep the choice; the strength can be set where there is something to be strong."""
    try:
        change_settings(workspace.home, adapter=adapter or None, strength=strength)
    except WriterError as error:
        warn(str(error))
    return gr.Slider(visible=bool(adapter))
