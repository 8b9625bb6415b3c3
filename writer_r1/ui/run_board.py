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
from urllib.parse import quote

from writer_r1.training.best import Best
from writer_r1.training.config import Config
from writer_r1.training.report import HEADLINE, Report
from writer_r1.training.status import State, Status
from writer_r1.ui.curves import figure
from writer_r1.ui.model_cards import time_words
from writer_r1.ui.run_curves import curves
from writer_r1.ui.run_samples import samples

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
    "server": "no rollout server",
    "bug": "a fault of ours",
}
LABEL = {
    "stop": "Stop and save",
    "discard": "Discard…",
    "resume": "Resume",
    "smaller": "Retry smaller",
    "try": "Try it in Write",
    "blind": "Compare blind",
    "last": "Try the last one",
    "onward": "Practise from here",
    "note": "Name and note…",
    "again": "Fill the form from this run",
    "delete": "Delete…",
}
MAIN = ("stop", "try", "resume", "smaller")
TIP = {
    "last": "Puts the adapter of the last step in the place of the one that did best on what was held out",
    "note": "What you call this run, and what you want to remember of it",
    "again": "The same goal, data, base and numbers, to be changed or begun again as they are",
    "onward": "Fills the form: what this run learned, practised on requests (MRPO)",
    "smaller": "Fills the form below with halved sizes",
    "blind": "Shows you pairs of texts, the adapter's and the base's, and tells which is which after your choice",
    "stop": "Ends with the step it is in; it can be resumed",
}

DIALOGS = """<template data-dialog="discard"><form method="dialog" data-act="discard"><h2>Discard this run?</h2>
<p>“<b data-fill="name"></b>” ends now, and what it learned is thrown away: it cannot be resumed. Its curves and samples
stay until you delete it; your data are not touched.</p><footer><button type="button" data-close autofocus>Let it
go on</button><button class="main">Discard</button></footer></form></template>
<template data-dialog="delete"><form method="dialog" data-act="delete"><h2>Delete this run?</h2>
<p>“<b data-fill="name"></b>” goes with its curves, samples and checkpoints. This cannot be undone; your data, your
writing and adapters on the Models page are not touched. Or take it off this list only: its files stay on the
disk.</p><footer><button type="button" data-close autofocus>Keep it</button>
<button type="button" data-act="aside">Off the list only</button><button class="main">Delete</button></footer></form>
</template>
<template data-dialog="note"><form data-act="note" data-answered><h2>Name and note</h2>
<label>What you call this run<input name="title" maxlength="80" autocomplete="off"></label><p class="quiet">Left empty,
it goes by “<b data-fill="name"></b>”, which its adapter, its folder and commands keep in any case.</p>
<label>Note<textarea name="note" maxlength="4000" rows="6"></textarea></label>
<p class="refusal wrong" role="alert" hidden></p><footer><button type="button" data-close>Cancel</button>
<button type="submit" class="main">Save</button></footer>
</form></template>"""


class Shown(NamedTuple):
    """All that the page shows of a run."""

    report: Report
    rows: Sequence[Mapping[str, Any]] = ()
    samples: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    resumed: Sequence[float] = ()
    log: str = ""
    adapter: bool = False  # one is there to be tried
    last: bool = False  # and another besides: the best is tried first


def acts(status: Status, *, adapter: bool, last: bool = False) -> tuple[str, ...]:
    """Return what can be done with a run in this state."""
    if not status.over:
        return ("discard", "note") if status.state == "stopping" else ("stop", "discard", "note")
    found = ["try", "blind"] if adapter and status.state in ("finished", "stopped") else []
    found += ["resume"] if status.kept is not None and status.state in ("stopped", "failed") else []
    found += ["smaller"] if status.failure in ("memory", "killed") else []
    found += ["last"] if last and "try" in found else []
    found += ["onward"] if "try" in found else []
    return (*found, "again", "note", "delete")


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
        samples(shown.samples),
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
        called = f"{escape(report.name)} · " if report.title != report.name else ""
        about = f'<p class="quiet">{called}{GOAL[config.kind]} · {base} · {config.preset} · {began}</p>'
        about += f'<p class="noted" dir="auto">{escape(report.note.note)}</p>' if report.note.note else ""
    buttons = acts(report.status, adapter=shown.adapter, last=shown.last) if config else ("delete",)
    first = next((act for act in buttons if act in MAIN), "")
    row = "".join(_button(act, report, main=act == first) for act in buttons)
    return f'<header><div><h2 dir="auto">{escape(report.title)}</h2>{about}</div><div class="acts">{row}</div></header>'


def _button(act: str, report: Report, *, main: bool = False) -> str:
    asks, name = act in ("discard", "delete", "note"), report.name
    filled = {"name": name} | (report.note.model_dump() if act == "note" else {})
    fill = escape(json.dumps(filled))
    wish = f'data-dialog="{act}" data-fill="{fill}"' if asks else f'data-act="{act}"'
    wish += ' data-tab="write"' if act in ("try", "last") else ""
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
    came = f'<p class="came">{name}: <b>{figure(first)}</b> at first, <b>{figure(now)}</b> now ({word}).</p>'
    return came + (_kept(report.best, report.step) if report.best and report.status.over else "")


def _kept(best: Best, step: int) -> str:
    """Return which adapters of a run there are, and which one is tried."""
    if best.step == step:
        return (
            f'<p class="state">The adapter after step {best.step} is the best on what was held out, and the last.</p>'
        )
    return (
        f'<p class="state">Two adapters are kept: the best on what was held out, after step {best.step} '
        f"({figure(best.figure)}), and the last. “Try it in Write” takes the best, “Compare blind” the one in "
        "use, else the best.</p>"
    )


def _log(log: str, *, failed: bool) -> str:
    if not log.strip():
        return ""
    lines = escape("\n".join([line for line in log.splitlines() if line.strip()][-60:]))
    opened = " open" if failed else ""
    return (
        f'<details data-key="run-log"{opened}><summary>Last lines of the log</summary>'
        f'<div class="log" tabindex="0" role="region" aria-label="Log"><pre>{lines}</pre></div></details>'
    )


def config_link(config: Config) -> str:
    """Return a link that saves the settings of a run as a file that `writer-r1 train --config` reads."""
    data = quote(config.model_dump_json(indent=1))
    name = escape(f"{config.name}.json")
    return (
        f'<a class="download" download="{name}" href="data:application/json;charset=utf-8,{data}">Download config</a>'
    )


def _settings(report: Report) -> str:
    config = report.config
    assert config is not None
    command = f"writer-r1 runs status {shlex.quote(str(report.folder))}"
    return (
        '<details data-key="run-settings"><summary>Settings of this run</summary>'
        f'<p class="where">Its folder, which any shell can follow: <code>{escape(command)}</code></p>'
        f"<p>{config_link(config)}</p>"
        f'<pre tabindex="0" aria-label="Settings">{escape(config.model_dump_json(indent=1))}</pre></details>'
    )
