"""A training run's folder -> what pages and commands tell of it: how far it is, how long it takes, what came of it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1.errors import WriterError
from writer_r1.training import job, mark, run_folder
from writer_r1.training.best import FIGURE, Best, best_of
from writer_r1.training.config import Config, parsed
from writer_r1.training.run_note import RunNote, run_note
from writer_r1.training.status import Status

WINDOW = 20  # updates that the pace is taken from
FEWEST = 4  # before these the pace would jump about
HEADLINE = {"sft": (FIGURE["sft"], "loss on held-out pieces"), "mrpo": (FIGURE["mrpo"], "reward on held-out requests")}

Rows = Sequence[Mapping[str, Any]]


class Report(NamedTuple):
    """A run as it is now; of one that cannot be read only `folder` and `fault` say something.

    `pace_s` is the time of one update and `left_s` that of all that are left, None while they cannot be told.
    """

    folder: Path
    fault: str = ""
    config: Config | None = None
    created: float = 0.0
    status: Status = Status("failed")
    step: int = 0
    pace_s: float | None = None
    left_s: float | None = None
    headline: tuple[float, float] | None = None  # at first and last
    best: Best | None = None
    note: RunNote = RunNote()
    left_out: str = ""  # how many rows of the data, and why, in a sentence

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        """Return what its user calls it."""
        return self.note.title or self.folder.name


def report(folder: Path, rows: Rows | None = None) -> Report:
    """Return what is to be told of a run; `rows` are its metrics, where they were read already."""
    try:
        record = run_folder.record(folder)
        config, status = parsed(record.get("config")), job.status(folder)
        rows = run_folder.metrics(folder) if rows is None else rows
    except (WriterError, OSError) as error:
        return Report(folder, fault=str(error))
    trained = [row for row in rows if row.get("split", "train") == "train"]
    step = int(trained[-1].get("step", 0)) if trained else 0
    pace = None if status.over else pace_of(run_folder.metrics_since(folder, mark.metrics_before(folder)))
    left = None if pace is None else max(0.0, pace * (config.steps - step))
    created = float(record.get("created", 0.0))
    headline = headline_of(config.kind, rows)
    best, note = best_of(folder), run_note(folder)
    dropped = record.get("data", {}).get("dropped", ())
    long = f"Rows left out: {len(dropped)}. The first: {dropped[0].get('reason')}." if dropped else ""
    return Report(folder, "", config, created, status, step, pace, left, headline, best, note, long)


def reports(home: Path) -> list[Report]:
    """Return what is to be told of every run of a home, the newest first."""
    return [report(folder) for folder in job.folders(home)]


def pace_of(rows: Rows) -> float | None:
    """Return the seconds of one update, over the newest of these rows of one process; None for too few.

    What an earlier process wrote tells nothing: the machine may have slept between, and the clock of `t` began anew.
    """
    times = [float(row["t"]) for row in rows if row.get("split", "train") == "train" and "t" in row][-WINDOW:]
    if len(times) < FEWEST:
        return None
    return max(0.0, times[-1] - times[0]) / (len(times) - 1)


def headline_of(kind: str, rows: Rows) -> tuple[float, float] | None:
    """Return the first and the last value of what matters most of a run, on what it is not trained on."""
    name, _ = HEADLINE[kind]
    values = [row[name] for row in rows if row.get("split") == "held_out" and is_number(row.get(name))]
    return (float(values[0]), float(values[-1])) if values else None


def is_number(value: Any) -> bool:
    """Return whether a value of a row is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def as_json(found: Report) -> dict[str, Any]:
    """Return a report as plain data for scripts."""
    config, status = found.config, found.status
    if config is None:
        return {"name": found.name, "folder": str(found.folder), "state": "unreadable", "sentence": found.fault}
    first, last = found.headline or (None, None)
    return {
        "name": found.name,
        "folder": str(found.folder),
        "title": found.note.title,
        "note": found.note.note,
        "kind": config.kind,
        "base": config.base,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(found.created)),
        "state": status.state,
        "step": found.step,
        "steps": config.steps,
        "phase": {"done": status.done, "total": status.total, "note": status.note},
        "seconds_per_step": found.pace_s,
        "seconds_left": found.left_s,
        "silent_seconds": status.silent_s,
        "failure": status.failure,
        "sentence": status.sentence,
        "checkpoint": status.kept,
        "held_out": {"of": HEADLINE[config.kind][0], "first": first, "last": last},
        "best": {"step": found.best.step, "figure": found.best.figure} if found.best else None,
    }
