"""Models on servers -> what is theirs alone on the Models page. Pure; knows no gradio.

A card says where the server is, what it can and cannot do, and that text leaves this machine, before it is chosen.
"""

import json
from collections.abc import Collection, Sequence
from html import escape

from writer_r1.catalog import Model
from writer_r1.servers import able, server_of

ASKING = "is being asked what it can do; none of your text is sent."
LEAVING = """<template data-dialog="leave"><form method="dialog" data-act="use"><h2>Let text leave this machine?</h2>
<p data-fill="leaving"></p><p>That is all the model works with: the request, the drafts, your own text where it is
judged, marked or revised, your voice sample, and where a piece has chapters what stands around the scene. Whoever runs
the server can read it.</p><footer><button type="button" data-close autofocus>Keep it here</button>
<button class="main">Use this server</button></footer></form></template>"""


def can_judge(model: Model) -> bool:
    """Return whether the model can score: every one on this machine, and those whose servers tell probabilities."""
    return model.server is None or bool(model.server.can and model.server.can.logprobs)


def facts(model: Model) -> str:
    """Return where the server is, how much the model reads at once, and how many calls it gets at a time."""
    server = model.server
    assert server
    place = "this machine" if server.here else "another machine"
    rows = [("Server", f"{server.host}, {place}"), ("Reads at once", f"{server.context:,} tokens")]
    rows += [("Calls at once", f"{server.at_once}")]
    cells = "".join(f'<dt>{term}</dt><dd dir="auto">{escape(value)}</dd>' for term, value in rows)
    return f"<dl>{cells}</dl>"


def where(model: Model, asking: bool) -> str:
    """Return what its server can do and where text goes, or that it is being asked."""
    assert model.server
    if asking:
        return f'<p class="state">{escape(model.server.host)} {ASKING}</p>'
    leaves = f'<p class="state"><b>{escape(model.server.leaving)}</b></p>' if model.server.leaving else ""
    return f'{leaves}<p class="state">{escape(able(model.server))}</p>'


def leaving(used: Sequence[Model]) -> list[str]:
    """Return a paragraph for each host that text goes to."""
    said = dict.fromkeys(m.server.leaving for m in used if m.server and m.server.leaving)
    return [f"<p><b>{escape(sentence)}</b></p>" for sentence in said]


def use(model: Model, text: str, role: str) -> str:
    """Return the button that first says where text goes; nothing where it stays on this machine."""
    if not model.server or not model.server.leaving:
        return ""
    fill = escape(json.dumps({"name": model.name, "role": role, "leaving": model.server.leaving}))
    return (
        f'<button type="button" class="act" data-dialog="leave" data-fill="{fill}" '
        f'data-key="use{role}-{escape(model.name)}" aria-label="{escape(f"{text}: {model.label}")}">{text}…</button>'
    )


def joining(asking: Collection[str]) -> str:
    """Return a card for each address that is asked for the first time, which can be stopped."""
    return "".join(_joined(what) for what in asking if "://" in what)


def _joined(address: str) -> str:
    host, name = escape(server_of(address).host), escape(address)
    return (
        f'<li class="model" aria-label="{host}"><header><h3 dir="auto">{host}</h3></header><p class="state">{host} '
        f'{ASKING}</p><div class="acts"><button type="button" class="act" data-act="unask" data-name="{name}" '
        f'data-key="unask-{name}" aria-label="Stop: {host}">Stop</button></div></li>'
    )
