"""Runs of a home -> the adapters that a new run may go on from: thoughts are practised after their form was learned.

Only what a run of this home made counts: whoever sends a path from a browser chooses no other file to be loaded.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from writer_r1.adapters import base_digest
from writer_r1.catalog import Model
from writer_r1.errors import TrainingError
from writer_r1.training import job, run_folder
from writer_r1.training.best import adapter_in
from writer_r1.training.run_note import run_note


class Start(NamedTuple):
    """A run's adapter: the best on what was held out where there is one, else the last.

    `base` is its model's name, `sha256` the digest of that model's weights.
    """

    title: str
    folder: Path
    base: str
    sha256: str


def fits(start: Start, model: Model) -> bool:
    """Return whether an adapter was trained on the weights of this model."""
    return start.sha256 == base_digest(model)


def starts(home: Path) -> list[Start]:
    """Return one for each run that is over and left an adapter, the newest first."""
    found = list[Start]()
    for run in job.folders(home):
        with suppress(TrainingError):  # it has none, or is of another version
            if not job.is_alive(run):
                base: dict[str, Any] = run_folder.record(run).get("base", {})
                told = str(base.get("name", "")), str(base.get("sha256", ""))
                found.append(Start(run_note(run).title or run.name, adapter_in(run)[0], *told))
    return found


def called(adapter: str, home: Path) -> str:
    """Return what the run is called that an adapter's folder belongs to; empty where it belongs to none of the home."""
    runs, folder = job.runs_in(home), Path(os.path.abspath(adapter))
    if "\0" in adapter or not folder.is_relative_to(runs) or folder == runs:
        return ""
    run = runs / folder.relative_to(runs).parts[0]
    return run_note(run).title or run.name


def start_at(adapter: str, home: Path) -> Start:
    """Return the one whose adapter lies in this folder.

    Raises:
        TrainingError: no run of the home has it.
    """
    for start in starts(home):
        if start.folder == Path(adapter):
            return start
    raise TrainingError(
        f"The adapter to go on from, {adapter!r}, is of no run on this list; choose another, or begin with the base.",
        "settings",
    )
