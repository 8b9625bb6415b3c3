"""What is in order before a run can begin, and the rows as the model will see them -> HTML. Pure; knows no gradio."""

import json
import shlex
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from writer_r1.training.checklist import Check, Ready
from writer_r1.training.config import Config
from writer_r1.training.data import Dropped, Example, Seen
from writer_r1.ui.run_board import config_link

SIGN = {"good": ("✓", "in order"), "note": ("i", "to know"), "fault": ("✗", "to be put right")}
PREVIEWED, LISTED = 3, 12
FIX = {
    "data": "Change the data",
    "name": "Change the name",
    "numbers": "Change the numbers",
    "start": "Change it",
    "reward": "Change it",
    "runs": "Show it",
}


def checklist(found: Ready) -> str:
    """Return the list, what is missing first said in its heading."""
    faults = sum(check.standing == "fault" for check in found.checks)
    head = "Ready to start" if not faults else f"{faults} thing{'s' if faults > 1 else ''} to put right"
    rows = "".join(map(_check, found.checks))
    return (
        f'<section class="checklist" aria-label="Checklist"><h3>{head}</h3><ul class="plain" role="list">{rows}</ul>'
        "</section>"
    )


def _check(check: Check) -> str:
    sign, spoken = SIGN[check.standing]
    fix = ""
    if check.place == "base":
        fix = '<button type="button" class="link" data-tab="models">Go to Models</button>'
    elif check.place and check.standing != "good":
        fix = f'<button type="button" class="link" data-goto="{check.place}">{FIX[check.place]}</button>'
    return (
        f'<li class="{check.standing}"><i class="sign" aria-hidden="true">{sign}</i><div><b>{check.name}</b>'
        f'<span class="unseen">, {spoken}: </span> <span dir="auto">{escape(check.said)}</span> {fix}</div></li>'
    )


def preview(found: Ready, seen: Callable[[Example], Seen] | None) -> str:
    """Return some rows as the model will see them, and what was left out; `seen` fills its chat template.

    Without `seen` (the base's template cannot be read here) the rows are shown as they are.
    """
    if found.data is None:
        return ""
    rows = "".join(_row(example, seen) for example in found.data.examples[:PREVIEWED])
    words = "as the model will see them" if seen else "as they are"
    return (
        f'<details data-key="train-rows"><summary>The first rows, {words}</summary>'
        f'<ul class="plain rows" role="list">{rows}</ul></details>{_dropped(found.data.dropped)}'
    )


def _row(example: Example, seen: Callable[[Example], Seen] | None) -> str:
    before, text = seen(example) if seen else Seen(example.prompt, example.text)
    learned = f'<mark dir="auto">{escape(text)}</mark>' if text else ""
    return (
        f'<li><p class="where">{escape(example.source)}</p><pre tabindex="0" aria-label="{escape(example.source)}">'
        f"{escape(before)}{learned}</pre></li>"
    )


def _dropped(dropped: Sequence[Dropped]) -> str:
    if not dropped:
        return ""
    rows = "".join(
        f"<li><b>{escape(d.file)}{f', line {d.line}' if d.line else ''}</b>: "
        f'<span dir="auto">{escape(d.reason)}</span></li>'
        for d in dropped[:LISTED]
    )
    more = f"<li>and {len(dropped) - LISTED} more</li>" if len(dropped) > LISTED else ""
    many = f"{len(dropped)} row{'s' if len(dropped) > 1 else ''} left out, and why"
    return (
        f'<details data-key="train-dropped" open><summary>{many}</summary><ul class="plain dropped">{rows}{more}</ul>'
        "</details>"
    )


def command(config: Config, folder: Path) -> str:
    """Return the command that begins the same run from a shell, and the settings it takes as a file."""
    words = ["writer-r1", "train", config.kind, "--run", str(folder), "--data", config.data, "--base", config.base]
    numbers = config.model_dump(exclude={"kind", "name", "data", "base"})
    return (
        '<details data-key="train-command"><summary>Show command</summary>'
        f'<pre tabindex="0" aria-label="Command">{escape(shlex.join([*words, "--config", "settings.json"]))}</pre>'
        '<p class="where">with this in settings.json:</p>'
        f'<pre tabindex="0" aria-label="Settings as a file">{escape(json.dumps(numbers, indent=1))}</pre>'
        f"<p>{config_link(config)}</p></details>"
    )
