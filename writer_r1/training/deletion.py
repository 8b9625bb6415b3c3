"""A training run that is over -> deleted with all its files, or only taken off the list, its files set aside."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from writer_r1.errors import Busy, TrainingError
from writer_r1.training.job import copied_data, folders, is_alive, runs_in

ASIDE = "set-aside"  # a folder below that of the runs, where nobody looks for any


def delete(folder: Path) -> None:
    """Delete a run with everything in its folder.

    Raises:
        Busy: it is training.
        TrainingError: it cannot be deleted.
    """
    with _over(folder):
        shutil.rmtree(folder)
        copied_data(folder).unlink(missing_ok=True)


def set_aside(folder: Path) -> Path:
    """Take a run off the list and return where its files lie now; moved back, it is listed again.

    Raises:
        Busy: it is training.
        TrainingError: it cannot be moved.
    """
    with _over(folder):
        aside, number = folder.parent / ASIDE / folder.name, 2
        while aside.exists():
            aside, number = aside.with_name(f"{folder.name}-{number}"), number + 1
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
        if copied_data(folder).exists():
            copied_data(folder).rename(copied_data(aside))
        return aside


def refuse_while_training(home: Path) -> None:
    """Return where no run of a home trains.

    Raises:
        Busy: one does.
    """
    if (other := next((f for f in folders(home) if is_alive(f)), None)) is not None:
        raise Busy(f"The run {other.name!r} is training; stop it in Train first, then delete everything.")


def delete_all(home: Path) -> None:
    """Delete every run of a home, with the pieces and requests that were copied for it, and what was set aside.

    Raises:
        Busy: one is training; nothing was deleted.
        TrainingError: one cannot be deleted.
    """
    refuse_while_training(home)
    for folder in folders(home):
        delete(folder)
    try:
        shutil.rmtree(runs_in(home) / ASIDE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise TrainingError(f"The runs set aside could not be deleted ({error.strerror}).", "disk") from error


@contextmanager
def _over(folder: Path) -> Iterator[None]:
    if is_alive(folder):
        raise Busy(f"The run {folder.name!r} is training; stop it first, then delete it.")
    if not (folder / "run.json").exists():
        raise TrainingError(f"There is no training run in {str(folder)!r}; nothing was deleted.", "settings")
    try:
        yield
    except OSError as error:
        raise TrainingError(f"The run {folder.name!r} could not be deleted ({error.strerror}).", "disk") from error
