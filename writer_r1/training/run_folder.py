"""A training run's folder <-> plain files: the only thing that the training process and everyone else share.

`run.json` (what was asked, of which weights and data), `metrics.jsonl` (a row an update), `samples.jsonl`,
`stdout.log`, `state`, `heartbeat`, `exit` (written last), `stop` (a request to end), `checkpoints/`, `adapter/`,
`best/` (`best.py`), `lessons.jsonl` (`lessons.py`) and `replay.db`. Small files are written beside and renamed, so
that nobody reads half of one; a lock that the operating system drops at death tells whether the process lives, since a
number of a process is soon another's.
"""

import errno
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout
from pydantic import ValidationError

from writer_r1.errors import Busy, TrainingError
from writer_r1.lines import add_line, rows
from writer_r1.training.config import Config, parsed
from writer_r1.trajectory import Noun
from writer_r1.weights_folder import ADAPTER_FILE
from writer_r1.whole_file import write_whole

State = Literal["starting", "preparing", "training", "evaluating", "saving", "finished", "stopped", "failed"]
Failure = Literal["memory", "data", "model", "disk", "killed", "settings", "server", "bug"]
VERSION = 1  # of the folder; a run of another one is not gone on with
LOCK = "alive.lock"


class Exit(Noun):
    """How a run ended. `sentence` is for its user."""

    outcome: Literal["finished", "stopped", "discarded", "failed"]
    sentence: str
    kind: Failure | None = None
    t: float = 0.0  # seconds since 1970


class Beat(Noun):
    """The last sign of life: which phase, how far it is, and when that was (seconds since 1970)."""

    t: float
    phase: State
    done: int = 0
    total: int = 0
    note: str = ""


def create(folder: Path, config: Config) -> None:
    """Make a run's folder.

    Raises:
        TrainingError: it is there and not empty, or cannot be written.
    """
    with explained(folder):
        if folder.exists() and any(folder.iterdir()):
            raise TrainingError(
                f"The folder {str(folder)!r} is not empty; resume the run in it or name another folder.", "settings"
            )
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        told = {"version": VERSION, "created": time.time(), "config": config.model_dump()}
        write_whole(folder / "run.json", json.dumps(told, indent=1).encode())
        set_state(folder, "starting")


def record(folder: Path) -> dict[str, Any]:
    """Return what `run.json` holds: `version`, `created`, `config`, later `base`, `data`, `versions`, `machine`.

    Raises:
        TrainingError: no run is there, or one of another version.
    """
    path = folder / "run.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"There is no training run in {str(folder)!r} ({error}).", "data") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise TrainingError(
            f"The run in {str(folder)!r} was made by another version of Writer-R1; start a new run from its data.",
            "settings",
        )
    return found


def config_of(folder: Path) -> Config:
    """Return what the run was asked to do.

    Raises:
        TrainingError: no run is there, or one that cannot be read.
    """
    return parsed(record(folder).get("config"))


def add_facts(folder: Path, **facts: Any) -> None:
    """Add what came to be known (`base`, `data`, `versions`) to `run.json`."""
    with explained(folder):
        write_whole(folder / "run.json", json.dumps({**record(folder), **facts}, indent=1).encode())


def add_metrics(folder: Path, row: dict[str, Any]) -> None:
    """Append one update's row to `metrics.jsonl`."""
    with explained(folder):
        add_line(folder / "metrics.jsonl", json.dumps(row).encode())


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of `metrics.jsonl`, one a step: what a process learned and did not keep counts no more."""
    found = dict[tuple[int, str], dict[str, Any]]()
    for row in rows(folder / "metrics.jsonl"):
        step, split = row.get("step", 0), row.get("split", "train")
        if split == "train" and (step, split) in found:  # done again from an earlier checkpoint on
            found = {key: old for key, old in found.items() if key[0] <= step}
        found[step, split] = row
    return list(found.values())


def metrics_since(folder: Path, offset: int) -> list[dict[str, Any]]:
    """Return the rows that were written after the first `offset` bytes of `metrics.jsonl`, as they were written."""
    return list(rows(folder / "metrics.jsonl", offset))


def add_sample(folder: Path, row: dict[str, Any]) -> None:
    """Append one text of the policy to `samples.jsonl`: `step`, `prompt_id`, `prompt`, `text`."""
    with explained(folder):
        add_line(folder / "samples.jsonl", json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))


def samples(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of `samples.jsonl`; of a text drawn again after a resume, the last."""
    return list({(row.get("step"), row.get("prompt_id")): row for row in rows(folder / "samples.jsonl")}.values())


def last_adapter(folder: Path) -> Path | None:
    """Return the folder of a run's last adapter; None where it has none yet."""
    kept = folder / "adapter"
    return kept if (kept / ADAPTER_FILE).is_file() else None


def set_state(folder: Path, state: State) -> None:
    """Say which phase the run is in."""
    with explained(folder):
        write_whole(folder / "state", state.encode())


def state(folder: Path) -> State:
    """Return the phase that was said last; "starting" where none was."""
    found = _text(folder / "state").strip()
    return found if found in get_args(State) else "starting"  # type: ignore[return-value]


def beat(folder: Path, phase: State, done: int = 0, total: int = 0, note: str = "") -> None:
    """Leave a sign of life that says how far the phase is."""
    with explained(folder):
        row = Beat(t=time.time(), phase=phase, done=done, total=total, note=note)
        write_whole(folder / "heartbeat", row.model_dump_json().encode())


def last_beat(folder: Path) -> Beat | None:
    """Return the last sign of life, if there was one."""
    try:
        return Beat.model_validate_json(_text(folder / "heartbeat"))
    except ValidationError:
        return None


def end(folder: Path, exit: Exit) -> None:
    """Write how the run ended, the last thing its process does, and its state."""
    outcomes: dict[str, State] = {"finished": "finished", "stopped": "stopped", "discarded": "stopped"}
    set_state(folder, outcomes.get(exit.outcome, "failed"))
    with explained(folder):
        told = exit.model_copy(update={"t": exit.t or time.time()})
        write_whole(folder / "exit", told.model_dump_json().encode())


def exit_of(folder: Path) -> Exit | None:
    """Return how the run said that it ended; None where it runs, or is gone without a word."""
    try:
        return Exit.model_validate_json(_text(folder / "exit"))
    except ValidationError:
        return None


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint, or None where there is none."""
    steps = [p.name.removeprefix("step-") for p in (folder / "checkpoints").glob("step-*")]
    return max((int(s) for s in steps if s.isdecimal()), default=None)


def throw_away(folder: Path) -> None:
    """Remove all that a run learned."""
    with explained(folder):
        for path in (folder / "checkpoints", folder / "best", folder / "adapter"):
            shutil.rmtree(path, ignore_errors=True)
        (folder / "replay.db").unlink(missing_ok=True)


def begin_again(folder: Path) -> None:
    """Clear what an ended run left, so that a new process can go on from the newest checkpoint.

    Raises:
        Busy: its process is alive.
    """
    with alive(folder), explained(folder):
        for name in ("exit", "stop", "heartbeat"):
            (folder / name).unlink(missing_ok=True)
    set_state(folder, "starting")


def ask_stop(folder: Path, *, discard: bool = False) -> None:
    """Ask the run's process to end at its next rollout or micro-step, keeping what it learned unless `discard`."""
    with explained(folder):
        write_whole(folder / "stop", b"discard" if discard else b"save")


def stop_asked(folder: Path) -> Literal["save", "discard"] | None:
    """Return whether, and how, somebody asked the run to end."""
    found = _text(folder / "stop").strip()
    return None if not found else "discard" if found == "discard" else "save"


def asked_at(folder: Path) -> float:
    """Return when somebody asked the run to end, in seconds since 1970; 0 where nobody did."""
    try:
        return (folder / "stop").stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def alive(folder: Path) -> Iterator[None]:
    """Hold the run's lock, as its one process does for as long as it lives.

    Raises:
        Busy: another process trains in this folder.
    """
    lock = FileLock(folder / LOCK, timeout=0.5)  # whoever asks whether it is held holds it for a moment
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"Another process trains in {str(folder)!r}; stop it, or wait until it has ended.") from None
    try:
        yield
    finally:
        lock.release()


def is_alive(folder: Path) -> bool:
    """Return whether a process holds the run's lock."""
    if not (folder / LOCK).exists():
        return False
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one sentence.

    Raises:
        TrainingError: the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = f"The disk is full: the run in {str(folder)!r} cannot be written; free some space and resume it."
        else:
            why = f"The run's folder {str(folder)!r} cannot be written ({error.strerror or error})."
        raise TrainingError(why, "disk") from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
