"""Adapters -> their cards on the Models page. Pure; knows no gradio.

A card says what the adapter was trained from and on how much, what its run measured, and which model it fits.
"""

import json
from datetime import datetime
from html import escape
from typing import NamedTuple

from writer_r1.adapters import Adapter
from writer_r1.ui.prose import plural

GOAL = {"sft": "Matches a style", "mrpo": "Practised on criteria"}
FIGURES = {"held_out_loss": "Held-out loss", "held_out_reward": "Held-out reward"}
NOTHING = (
    "No adapter is here yet. Train makes one from your own pieces, and it then stands here and beside Start in Write."
)
DELETE = """<template data-dialog="delete-adapter"><form method="dialog" data-act="delete-adapter"><h2>Delete the
adapter?</h2><p>“<b data-fill="name"></b>” will be gone from this machine, and can only be had again by training it
anew. The model it was trained on, your pieces and what was written with it are not touched.</p><footer><button
type="button" data-close autofocus>Keep it</button><button class="main">Delete the adapter</button></footer></form>
</template>"""


class Known(NamedTuple):
    """An adapter as it stands: whether the writer wears it, and whether the model it was trained on is here."""

    adapter: Adapter
    worn: bool = False
    base: str = ""  # label of the model it fits; empty where that is not ready


def cards(known: list[Known]) -> str:
    """Return the section of the adapters."""
    rows = "".join(card(k) for k in known)
    body = f'<ul class="plain" role="list">{rows}</ul>{DELETE}' if known else f'<p class="quiet">{NOTHING}</p>'
    head = '<h2 id="adapters-title">Adapters</h2>'
    return f'<section class="models adapters" aria-labelledby="adapters-title">{head}{body}</section>'


def card(known: Known) -> str:
    """Return one adapter: what it is, what it was trained on, what was measured, and what can be done."""
    adapter, name = known.adapter, escape(known.adapter.name)
    mark = '<span class="mark">in use</span>' if known.worn else ""
    made = datetime.fromtimestamp(adapter.created)
    rows_of = "piece" if adapter.kind == "sft" else "request"
    learned = plural(adapter.pieces, rows_of) + (f": {adapter.source}" if adapter.source else "")
    rows = [("Fits", known.base or adapter.base), ("Trained on", learned), ("Made", f"{made.day} {made:%B %Y}")]
    rows += [("Kept", f"after step {adapter.step}, the best of its run")] if adapter.which == "best" else []
    rows += [(term, text) for key, term in FIGURES.items() if (text := _figure(adapter, key))]
    rows += [("Judged by", adapter.judge)] if adapter.judge else []
    facts = "".join(f'<dt>{escape(term)}</dt><dd dir="auto">{escape(value)}</dd>' for term, value in rows)
    absent = f"Its base, {escape(adapter.base)}, is not on this machine; get it to use this adapter."
    here = "" if known.base else f'<p class="state">{absent}</p>'
    return (
        f'<li class="model" data-adapter="{name}" aria-label="Adapter {name}"><header><h3 dir="auto">{name}</h3>{mark}'
        f'</header><p class="about">{GOAL[adapter.kind]}.</p><dl>{facts}</dl>{here}{_actions(known)}</li>'
    )


def _figure(adapter: Adapter, key: str) -> str:
    """Return what was measured after training, and before it where that is known; empty where nothing was."""
    if key not in adapter.metrics:
        return ""
    before = adapter.metrics.get(f"{key}_before")
    after = f"{adapter.metrics[key]:.3g}"
    return after if before is None else f"{before:.3g} before, {after} after"


def _actions(known: Known) -> str:
    name = escape(known.adapter.name)
    fill = escape(json.dumps({"name": known.adapter.name}))
    use = (
        f'<button type="button" class="act" data-act="try-adapter" data-tab="write" data-name="{name}" '
        f'data-key="try-{name}" aria-label="Try it in Write: {name}">Try it in Write</button>'
        f'<button type="button" class="act" data-act="blind" data-tab="train" data-name="{name}" '
        f'data-key="blind-{name}" aria-label="Compare blind: {name}">Compare blind</button>'
        if known.base
        else ""
    )
    return (
        f'<div class="acts">{use}<button type="button" class="act" data-dialog="delete-adapter" data-fill="{fill}" '
        f'data-key="delete-{name}" aria-label="Delete: {name}">Delete…</button></div>'
    )
