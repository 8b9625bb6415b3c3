"""One training run -> HTML: how far it is, its curves, what it writes, what to know, and what can be done. Pure.

Which buttons there are is a function of the run's state alone (`acts`), taken anew at every look.
"""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1.training.report import HEADLINE, Report
from writer_r1.training.status import State, Status
from writer_r1.ui.curves import figure
from writer_r1.ui.model_cards import time_words
from writer_r1.ui.run_curves import curves

GOAL = {"sft": "Match my style", "mrpo": "Write to these criteria"}
DOING: dict[State, str] = {
    "starting": "Starting",
    "preparing": "Preparing the model and the data",
    "training": "Training",
    "evaluating": "Trying it on what was held out",
    "saving": "Saving",
    "stopping": "Stopping: it ends with the step it is in, and saves",
    "finished": "Finished",
    "stopped": "Stopped and saved",
    "discarded": "Discarded",
    "failed": "Failed",
}
FAILURE = {
    "memory": "too little memory",
    "data": "the data",
    "model": "the base model",
    "disk": "the disk",
    "killed": "ended from outside",
    "settings": "the settings",
    "bug": "a fault of ours",
}
LABEL = {
    "stop": "Stop and save",
    "discard": "Discard…",
    "resume": "Resume",
    "smaller": "Retry smaller",
    "try": "Try it in Write",
    "blind": "Compare blind",
    "again": "Run again",
    "delete": "Delete…",
}
MAIN = ("stop", "try", "resume", "smaller")
TIP = {
    "again": "Fills the form below with the settings of this run",
    "smaller": "Fills the form below with halved sizes",
    "blind": "Shows you pairs of texts, the adapter's and the base's, and tells which is which after your choice",
    "stop": "Ends with the step it is in; it can be resumed",
}

DIALOGS = """<template data-dialog="discard"><form method="dialog" data-act="discard"><h2>Discard this run?</h2>
<p>“<b data-fill="name"></b>” ends now, and what it learned is thrown away: it cannot be resumed. Its curves and samples
stay until you delete it; your data are not touched.</p><footer><button type="button" data-close autofocus>Let it
go on</button><button class="main">Discard</button></footer></form></template>
<template data-dialog="delete"><form method="dialog" data-act="delete"><h2>Delete this run?</h2>
<p>“<b data-fill="name"></b>” goes with its curves, samples, checkpoints and its adapter. This cannot be undone; your
data and your writing are not touched.</p><footer><button type="button" data-close autofocus>Keep it</button>
<button class="main">Delete</button></footer></form></template>"""


class Shown(NamedTuple):
    """All that the page shows of a run."""

    report: Report
    rows: Sequence[Mapping[str, Any]] = ()
    samples: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    resumed: Sequence[float] = ()
    log: str = ""
    adapter: bool = False  # one is there to be tried


def acts(status: Status, *, adapter: bool) -> tuple[str, ...]:
    """Return what can be done with a run in this state."""
    if not status.over:
        return ("discard",) if status.state == "stopping" else ("stop", "discard")
    found = ["try", "blind"] if adapter and status.state in ("finished", "stopped") else []
    found += ["resume"] if status.kept is not None and status.state in ("stopped", "failed") else []
    found += ["smaller"] if status.failure in ("memory", "killed") else []
    return (*found, "again", "delete")


def run_board(shown: Shown) -> str:
    """Return the run that lies open on the page."""
    report, config = shown.report, shown.report.config
    if config is None:
        fault = f'<p class="wrong">{escape(report.fault)}</p>'
        return f'<section class="run" aria-label="{escape(report.name)}">{_head(shown)}{fault}{DIALOGS}</section>'
    status = report.status
    parts = [
        _head(shown),
        _standing(report),
        "".join(f'<p class="known"><span aria-hidden="true">!</span> {escape(w)}</p>' for w in shown.warnings),
        curves(config.kind, shown.rows, shown.resumed) if shown.rows or not status.over else "",
        _samples(shown.samples),
        _log(shown.log, failed=status.state == "failed"),
        _settings(report),
        DIALOGS,
    ]
    live = "" if status.over else " live"
    return f'<section class="run{live}" aria-label="Run {escape(report.name)}">{"".join(parts)}</section>'


def said(report: Report) -> str:
    """Return a run and its phase in a few words, to be read out when they change."""
    if report.config is None:
        return ""
    ending = f": {report.status.sentence}" if report.status.sentence else ""
    return f"{report.name}: {DOING[report.status.state]}{ending}"


def _head(shown: Shown) -> str:
    report, config = shown.report, shown.report.config
    about = ""
    if config:
        began = time.strftime("%d %b %Y, %H:%M", time.localtime(report.created))
        base = escape(Path(config.base).name)
        about = f'<p class="quiet">{GOAL[config.kind]} · {base} · {config.preset} · {began}</p>'
    buttons = acts(report.status, adapter=shown.adapter) if config else ("delete",)
    first = next((act for act in buttons if act in MAIN), "")
    row = "".join(_button(act, report.name, main=act == first) for act in buttons)
    return f'<header><div><h2 dir="auto">{escape(report.name)}</h2>{about}</div><div class="acts">{row}</div></header>'


def _button(act: str, name: str, *, main: bool = False) -> str:
    asks = act in ("discard", "delete")
    fill = escape(json.dumps({"name": name}))
    wish = f'data-dialog="{act}" data-fill="{fill}"' if asks else f'data-act="{act}"'
    wish += ' data-tab="write"' if act == "try" else ""
    tip = f' title="{TIP[act]}"' if act in TIP else ""
    return (
        f'<button type="button" class="act{" main" if main else ""}" {wish} data-name="{escape(name)}" '
        f'data-key="{act}-{escape(name)}"{tip}>{LABEL[act]}</button>'
    )


def _standing(report: Report) -> str:
    """Return the phase, how far it is, and how it ended."""
    status, config = report.status, report.config
    assert config is not None
    share = min(1.0, report.step / config.steps)
    far = f"step {report.step} of {config.steps}"
    facts = [far]
    if not status.over:
        facts.append(_left(report))
    why = f": {FAILURE[status.failure]}" if status.failure else ""
    dot = '<i class="dot"></i>' if not status.over else ""
    head = f'<p class="phase {_mood(status)}"><span class="doing">{dot}{DOING[status.state]}{why}</span>'
    head += "".join(f'<span class="fact">{fact}</span>' for fact in facts) + "</p>"
    bar = (
        f'<div class="track" role="progressbar" aria-label="{escape(report.name)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share * 100:.0f}" aria-valuetext="{far}">'
        f'<i class="fill" style="width:{share:.1%}"></i></div>'
    )
    parts = [head, bar, _phase(status), _came(report)]
    if status.silent_s:
        parts.append(
            f'<p class="known"><span aria-hidden="true">!</span> Not heard of for {time_words(status.silent_s)[6:]}: '
            "the machine may have slept, or a step takes long.</p>"
        )
    if status.sentence:
        kind = "wrong" if status.state == "failed" else "state"
        parts.append(f'<p class="{kind}">{escape(status.sentence)}</p>')
    return "".join(parts)


def _mood(status: Status) -> str:
    if not status.over:
        return "busy"
    return "failed" if status.state == "failed" else "done"


def _left(report: Report) -> str:
    if report.status.state == "stopping":
        return "a moment left"
    if report.left_s is None or report.pace_s is None:
        return "time left: still estimating"
    return f"{time_words(report.left_s)} left · {figure(report.pace_s)} s a step"


def _phase(status: Status) -> str:
    """Return the progress of the phase itself, where it is another than that of the run."""
    if status.over or status.state == "training":
        return ""
    note = f" · {escape(status.note)}" if status.note else ""
    if status.total <= 1:
        return f'<p class="state">{DOING[status.state]}{note} …</p>' if note else ""
    return (
        f'<p class="state">{DOING[status.state]}: {status.done} of {status.total}{note}</p>'
        f'<div class="track thin" role="progressbar" aria-label="{DOING[status.state]}" aria-valuemin="0" '
        f'aria-valuemax="{status.total}" aria-valuenow="{status.done}">'
        f'<i class="fill" style="width:{min(1.0, status.done / status.total):.1%}"></i></div>'
    )


def _came(report: Report) -> str:
    if report.headline is None or report.config is None:
        return ""
    first, now = report.headline
    name = HEADLINE[report.config.kind][1].capitalize()
    better = now < first if report.config.kind == "sft" else now > first
    word = "better" if better else "no better" if now == first else "worse"
    return f'<p class="came">{name}: <b>{figure(first)}</b> at first, <b>{figure(now)}</b> now ({word}).</p>'


def _samples(samples: Sequence[Mapping[str, Any]]) -> str:
    """Return what the model wrote for the same prompts, newest beside first, the ones between folded away."""
    prompts: dict[str, list[Mapping[str, Any]]] = {}
    for row in samples:
        prompts.setdefault(str(row.get("prompt_id", row.get("prompt", ""))), []).append(row)
    blocks = []
    for key, rows in list(prompts.items())[:3]:
        rows = sorted(rows, key=lambda row: float(row.get("step", 0)))
        pair = [rows[0], rows[-1]] if len(rows) > 1 else rows
        texts = "".join(_text(row) for row in pair)
        between = "".join(_text(row) for row in rows[1:-1])
        more = (
            f'<details data-key="sample-{escape(key)}"><summary>{len(rows) - 2} between</summary>'
            f'<div class="texts">{between}</div></details>'
            if between
            else ""
        )
        asked = escape(str(rows[-1].get("prompt", "")))
        blocks.append(f'<article><h4 dir="auto">{asked}</h4><div class="texts">{texts}</div>{more}</article>')
    if not blocks:
        return ""
    return f'<section class="samples"><h3>The same requests, over time</h3>{"".join(blocks)}</section>'


def _text(row: Mapping[str, Any]) -> str:
    reward = row.get("reward")
    scored = f" · reward {figure(float(reward))}" if isinstance(reward, int | float) else ""
    text = escape(str(row.get("text", ""))) or '<span class="quiet">nothing</span>'
    head = f'<p class="where">step {float(row.get("step", 0)):g}{scored}</p>'
    return f'<div>{head}<blockquote dir="auto">{text}</blockquote></div>'


def _log(log: str, *, failed: bool) -> str:
    if not log.strip():
        return ""
    lines = escape("\n".join([line for line in log.splitlines() if line.strip()][-60:]))
    opened = " open" if failed else ""
    return (
        f'<details data-key="run-log"{opened}><summary>Last lines of the log</summary>'
        f'<div class="log" tabindex="0" role="region" aria-label="Log"><pre>{lines}</pre></div></details>'
    )


def _settings(report: Report) -> str:
    config = report.config
    assert config is not None
    command = f"writer-r1 runs status {shlex.quote(str(report.folder))}"
    return (
        '<details data-key="run-settings"><summary>Settings of this run</summary>'
        f'<p class="where">Its folder, which any shell can follow: <code>{escape(command)}</code></p>'
        f'<pre tabindex="0" aria-label="Settings">{escape(config.model_dump_json(indent=1))}</pre></details>'
    )
