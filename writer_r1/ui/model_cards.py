"""Models, their downloads and this machine -> the cards of the Models page. Pure; knows no gradio.

Every card says what the model can and cannot do, what it takes and whether this machine has it, before it is fetched.
"""

import json
from html import escape

from writer_r1.catalog import Model, amount
from writer_r1.gguf_header import CONTEXT
from writer_r1.machine_memory import Machine, fit, memory_words
from writer_r1.pulls import STOPPING, Progress
from writer_r1.ui import role_lines, server_cards
from writer_r1.ui.shelf import Shelf, button
from writer_r1.ui.trust import known

WORDS_PER_TOKEN = 0.75  # English prose, roughly
TEST = "Scores 136 texts whose order is known, and gives way while you write."

REMOVE = """<template data-dialog="remove"><form method="dialog" data-act="remove"><h2>Remove the file?</h2>
<p><b data-fill="label"></b> will be deleted from this machine. It can be downloaded again; your writing is not
touched.</p><footer><button type="button" data-close autofocus>Keep it</button>
<button class="main">Remove the file</button></footer></form></template>"""


def cards(shelf: Shelf) -> str:
    """Return who writes and judges now, then a card for each model."""
    return (
        f'<div class="models">{role_lines.roles(shelf)}<ul class="plain" role="list">'
        f"{''.join(card(m, shelf) for m in shelf.models)}{server_cards.joining(shelf.asking)}</ul>"
        f"{REMOVE}{server_cards.LEAVING}</div>"
    )


def card(model: Model, shelf: Shelf) -> str:
    """Return one model: what it is, what it takes, where its file is, and what can be done."""
    pull = shelf.pulls.get(model.name)
    marks = "".join(f'<span class="mark">{does}</span>' for does in role_lines.parts(model, shelf))
    name = escape(model.name)
    return (
        f'<li class="model" data-model="{name}" aria-labelledby="model-{name}">'
        f'<header><h3 id="model-{name}" dir="auto">{escape(model.label)}</h3>{marks}</header>'
        f'<p class="about" dir="auto">{escape(model.about)}</p>'
        f"{server_cards.facts(model) if model.server else facts(model, shelf.machine)}"
        f"{where(model, shelf, pull)}{as_judge(model, shelf)}{actions(model, shelf, pull)}</li>"
    )


def facts(model: Model, machine: Machine) -> str:
    """Return licence, size, memory and how much text the model can read at once."""
    tokens = min(model.context, CONTEXT)  # what it is opened with
    words = round(tokens * WORDS_PER_TOKEN / 1000) * 1000
    reads = f"{tokens:,} tokens, about {words:,} words" if words else f"{tokens:,} tokens"
    verdict = fit(model.memory_bytes, machine)
    rows = [
        ("Licence", escape(model.licence)),
        ("Size on disk", amount(model.bytes)),
        ("Reads at once", reads),
        (
            "Memory",
            f'<b class="fit {verdict.replace(" ", "-")}">{verdict.capitalize()}</b>: needs '
            f"{memory_words(model.memory_bytes, machine)}",
        ),
    ]
    return f"<dl>{''.join(f'<dt>{term}</dt><dd>{value}</dd>' for term, value in rows)}</dl>"


def where(model: Model, shelf: Shelf, pull: Progress | None) -> str:
    """Return where the model's file is, or how its download goes."""
    if pull and pull.state == "running":
        return progress(model, pull)
    wrong = f'<p class="wrong">{escape(pull.message)}</p>' if pull and pull.state == "failed" else ""
    if model.server:
        return server_cards.where(model, model.name in shelf.asking)
    if model.state == "ready":
        return '<p class="state">On this machine.</p>'
    if model.sha256 is None:
        gone = "Its file is not where it was." if model.state == "absent" else "Its file was changed or cut short."
        return f'<p class="state">{gone}</p>'
    kept = shelf.kept.get(model.name, 0)
    if model.state == "partial":
        came = f"{megabytes(kept, model.bytes)} are here." if kept else "What is here is not whole and cannot be used."
        return f'{wrong}<p class="state">{came}</p>'
    return f'{wrong}<p class="state">Not downloaded.</p>'


def progress(model: Model, pull: Progress) -> str:
    """Return a download under way: bar, bytes, speed and time left."""
    total = max(pull.total_bytes, 1)
    share = min(pull.done_bytes / total, 1)
    parts = [megabytes(pull.done_bytes, total)]
    if pull.bytes_per_s:
        parts.append(f"{pull.bytes_per_s / 1e6:.1f} MB a second")
    if pull.eta_s is not None:
        parts.append(f"{time_words(pull.eta_s)} left")
    parts.append(escape(pull.message))
    return meter(model.label, share, " · ".join(parts))


def meter(label: str, share: float, said: str) -> str:
    """Return a bar of how far something is, with what is said of it below."""
    return (
        f'<div class="pull"><div class="track" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share * 100:.0f}"><i class="fill" style="width:{share:.1%}"></i></div>'
        f'<p class="state">{said}</p></div>'
    )


def as_judge(model: Model, shelf: Shelf) -> str:
    """Return what is known of a ready model as a judge, or how its test goes."""
    if model.state != "ready" or not server_cards.can_judge(model):
        return ""
    test = shelf.tests.get(model.name)
    if test and test.state == "running":
        left = "waiting for the model" if test.left_s is None else f"{time_words(test.left_s)} left"
        far = f"{test.done:,} of {test.total:,} texts · " if test.total else ""
        said = f"Being tested as a judge: {far}{STOPPING if test.stopping else left}"
        return meter(f"Test of {model.label} as a judge", test.done / max(test.total, 1), said)
    wrong = f'<p class="wrong">{escape(test.message)}</p>' if test and test.state == "failed" else ""
    said = known(shelf.judges.get(model.name), shelf.fits.get(model.name, ""))
    stopped = " · the test was stopped, what was read is kept" if model.name in shelf.begun else ""
    return f'{wrong}<p class="state">{escape(said)}{stopped}</p>'


def judge_buttons(model: Model, shelf: Shelf) -> list[str]:
    """Return the button that begins, ends or goes on with the test of a model as a judge; none once it is measured."""
    test = shelf.tests.get(model.name)
    if not server_cards.can_judge(model):
        return []
    if test and test.state == "running":
        return [] if test.stopping else [button("untest", model, "Stop")]
    if model.name in shelf.begun:
        return [button("test", model, "Go on", tip=TEST)]
    return [] if model.name in shelf.judges else [button("test", model, "Test as a judge", tip=TEST)]


def actions(model: Model, shelf: Shelf, pull: Progress | None) -> str:
    """Return the buttons that make sense now."""
    if pull and pull.state == "running":
        return row([] if pull.message == STOPPING else [button("cancel", model, "Cancel")])
    buttons = []
    if model.sha256 and model.state != "ready":
        resumed = model.state == "partial" and shelf.kept.get(model.name, 0)
        text = "Resume" if resumed else f"Download {amount(model.bytes)}"
        buttons.append(button("download", model, text, kind="main"))
    if model.state == "ready":
        buttons += role_lines.buttons(model, shelf) + judge_buttons(model, shelf)
    if model.server:
        asked = model.name in shelf.asking
        buttons.append(button("unask", model, "Stop") if asked else button("ask", model, "Test connection"))
    if model.sha256 is None or (model.hub and model.state == "absent"):
        buttons.append(button("forget", model, "Take off the list"))
    elif model.state != "absent":
        buttons.append(removal(model))
    return row(buttons + (role_lines.more(model, shelf) if model.state == "ready" else []))


def row(buttons: list[str]) -> str:
    """Return buttons side by side."""
    return f'<div class="acts">{"".join(buttons)}</div>' if buttons else ""


def removal(model: Model) -> str:
    """Return the button that asks, in a dialog, whether to remove the file."""
    fill = escape(json.dumps({"name": model.name, "label": model.label}))
    what = "Remove file" if model.state == "ready" else "Remove what is here"
    return (
        f'<button type="button" class="act" data-dialog="remove" data-fill="{fill}" '
        f'data-key="remove-{escape(model.name)}" aria-label="{escape(f"{what}: {model.label}")}">{what}</button>'
    )


def megabytes(done: int, total: int) -> str:
    """Return how much of a file is there, both in megabytes so that they compare at a glance."""
    return f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"


def time_words(seconds: float) -> str:
    """Return a time left, no finer than it is known."""
    if seconds < 60:
        return f"about {max(5, round(seconds / 5) * 5)} seconds"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {minutes // 60} h {minutes % 60:02d} min"
