"""Adapter, optimizer, value head, replay buffer and counters of one update <-> one folder, written whole or not at all.

All is written beside and moved into place by one rename, so a kill at any moment leaves the checkpoint before it.
Chance needs no state: every draw depends on the run's seed and on counters that are kept here.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from writer_r1.errors import TrainingError
from writer_r1.training.critic import Critic
from writer_r1.training.optimizer import Optimizer
from writer_r1.training.policy import Policy
from writer_r1.training.replay import Buffer
from writer_r1.training.run_folder import explained
from writer_r1.weights_folder import ADAPTER_FILE

KEPT = 2  # checkpoints


def write(
    folder: Path,
    state: dict[str, Any],
    policy: Policy,
    optimizer: Optimizer,
    buffer: Buffer | None,
    *,
    critic: Critic | None = None,
) -> Path:
    """Write the checkpoint of update `state["step"]` and return its folder; the two newest are kept.

    Raises:
        TrainingError: the disk refused it; the checkpoint before it is intact.
    """

    def fill(part: Path) -> None:
        policy.save(part / "adapter")
        torch.save({"adamw": optimizer.adamw.state_dict(), "skipped": optimizer.skipped}, part / "optimizer.pt")
        if buffer is not None:
            buffer.write(part / "replay.db")
        if critic is not None:
            critic.write(part / "critic.pt")
        (part / "state.json").write_text(json.dumps(state), "utf-8")

    target = _written(folder, "checkpoints", state["step"], fill)
    for old in every(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def keep_best(folder: Path, step: int, figure: float, policy: Policy) -> None:
    """Keep the adapter as it is now as the best so far, in the place of the one before (`best.best_of`).

    Raises:
        TrainingError: the disk refused it; the one before it is intact.
    """

    def fill(part: Path) -> None:
        policy.save(part / "adapter")
        (part / "figure.json").write_text(json.dumps({"step": step, "figure": figure}), "utf-8")

    target = _written(folder, "best", step, fill)
    for old in target.parent.glob("step-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def _written(folder: Path, shelf: str, step: int, fill: Callable[[Path], None]) -> Path:
    """Return the folder of an update on one of the run's shelves, once it is there whole."""
    target = folder / shelf / f"step-{step:06d}"
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        fill(part)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)
    except Exception as error:  # each of the libraries has its own way to say that the disk refused
        shutil.rmtree(part, ignore_errors=True)
        raise TrainingError(
            f"The checkpoint of update {step} could not be written to {str(target.parent)!r} ({error}); the one "
            "before it is intact: free some space and resume.",
            "disk",
        ) from error
    return target


def every(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted(p for p in (folder / "checkpoints").glob("step-*") if (p / "state.json").exists())


def restore(
    folder: Path, policy: Policy, optimizer: Optimizer, critic: Critic | None = None
) -> tuple[dict[str, Any], Path] | None:
    """Put policy, optimizer and value head where the newest checkpoint has them; return its counters and folder.

    None where there is no checkpoint.

    Raises:
        TrainingError: it cannot be read.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    if not (found := every(folder)):
        return None
    newest = found[-1]
    try:
        state: dict[str, Any] = json.loads((newest / "state.json").read_text("utf-8"))
        set_peft_model_state_dict(policy.model, load_file(newest / "adapter" / ADAPTER_FILE))
        kept = torch.load(newest / "optimizer.pt", weights_only=True)
        optimizer.adamw.load_state_dict(kept["adamw"])
        optimizer.skipped = kept["skipped"]
        if critic is not None:
            critic.restore(newest / "critic.pt")
    except Exception as error:
        raise TrainingError(
            f"The checkpoint {newest.name!r} of {str(folder)!r} cannot be read ({error}); remove that folder to go on "
            "from the one before it.",
            "data",
        ) from error
    return state, newest


def publish(folder: Path, policy: Policy) -> Path:
    """Put the adapter as it is now into the run's `adapter/` and return that folder.

    Raises:
        TrainingError: the disk refused it.
    """
    target, part = folder / "adapter", folder / f".adapter.{os.getpid()}.part"
    with explained(folder):
        shutil.rmtree(part, ignore_errors=True)
        policy.save(part)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)
    return target
