"""A run's folder -> the adapters it left: the last one, and the one that did best on what was held out.

What is trained longer is not always better, so the adapter of the best evaluation is kept beside the newest
checkpoint. The start is no candidate: it is what the user has already. Of equals the earlier one stays. A figure that
was chosen as the best of several is a little too good, which matters where few prompts were held out.
"""

import json
import math
from pathlib import Path
from typing import Literal, NamedTuple

from writer_r1.errors import TrainingError
from writer_r1.training import run_folder
from writer_r1.training.config import Kind

Which = Literal["best", "last"]
FIGURE: dict[Kind, str] = {"sft": "loss", "mrpo": "reward"}  # what a run is judged by on what it held out
NONE = {
    "best": "The run {!r} has no best adapter: nothing was tested after its first updates; take the last one.",
    "last": "The run {!r} has no adapter yet; let it finish, or stop and save it.",
}


class Best(NamedTuple):
    """The adapter of the best evaluation: after which update, and how it did on what was held out."""

    folder: Path
    step: int
    figure: float


def best_of(run: Path) -> Best | None:
    """Return the best adapter that a run has kept; None where nothing was tested after an update."""
    for kept in sorted((run / "best").glob("step-*"), reverse=True):
        try:
            told = json.loads((kept / "figure.json").read_text("utf-8"))
            return Best(kept / "adapter", int(told["step"]), float(told["figure"]))
        except (OSError, ValueError, KeyError):
            continue  # another process has just put a better one in its place
    return None


def is_better(kind: Kind, figure: float, best: Best | None) -> bool:
    """Return whether an evaluation went better than the best so far."""
    if not math.isfinite(figure):
        return False
    return best is None or (figure < best.figure if kind == "sft" else figure > best.figure)


def adapter_in(run: Path, which: Which | None = None) -> tuple[Path, Which]:
    """Return the folder of a run's adapter and which one it is: by default the best where there is one.

    Raises:
        TrainingError: there is none.
    """
    best, last = best_of(run), run_folder.last_adapter(run)
    if best and which != "last":
        return best.folder, "best"
    if which != "best" and last:
        return last, "last"
    raise TrainingError(NONE[which or "last"].format(run.name), "data")
