"""The user's choices -> settings.json in the home, and back: one small file that a person can read.

A file that cannot be understood is moved aside and never overwritten; the studio then starts with the usual settings.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from writer_r1.errors import WriterError

FILE = "settings.json"
SMALLEST, LARGEST = 90, 160  # percent

Theme = Literal["system", "light", "dark"]
Width = Literal["narrow", "medium", "wide"]
Leading = Literal["normal", "loose"]


class Settings(BaseModel):
    """What the user chose. `None` leaves the choice to the studio; `text_size` is in percent of the usual."""

    model_config = ConfigDict(frozen=True)

    writer: str | None = None
    judge: str | None = None
    analyst: str | None = None  # who finds the criteria, and who says what to change: without a choice the judge
    critic: str | None = None
    adapter: str | None = None  # that the writer wears where it fits the model, and how strongly
    strength: float = Field(default=1.0, ge=0.0, le=1.5)
    threads: int | None = Field(default=None, ge=1, le=1024)
    theme: Theme = "system"
    text_size: int = Field(default=100, ge=SMALLEST, le=LARGEST)
    line_width: Width = "medium"
    line_height: Leading = "normal"
    letter_keys: bool = True


def read_settings(home: Path) -> Settings:
    """Return the settings kept in `home`; the usual ones where there are none, or none that can be understood."""
    path = home / FILE
    try:
        return _parsed(path)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValidationError):
        return _without(path)


def write_settings(home: Path, settings: Settings) -> None:
    """Keep `settings`: a reader sees the old or the new ones, never half of them.

    Raises:
        WriterError: the file cannot be written.
    """
    with _writable(home):
        _write(home, settings)


def change_settings(home: Path, **changes: Any) -> Settings:
    """Return the settings after some of them were changed and kept, whoever else changes others at the same time.

    Raises:
        WriterError: a value that cannot be, or a file that cannot be written.
    """
    if unknown := changes.keys() - Settings.model_fields.keys():
        raise TypeError(f"no such settings: {sorted(unknown)}")
    with _writable(home), _alone(home / FILE):
        try:
            kept = read_settings(home)
            settings = Settings.model_validate(kept.model_dump() | changes)
        except ValidationError as e:
            first = e.errors()[0]
            name = str(first["loc"][0]).replace("_", " ")
            raise WriterError(
                f"{str(first['input'])[:40]!r} is no {name} ({first['msg']}); choose another value."
            ) from None
        if settings != kept:
            _write(home, settings)
    return settings


def _parsed(path: Path) -> Settings:
    return Settings.model_validate_json(path.read_bytes())


def _without(path: Path) -> Settings:
    """Move a file that cannot be used aside, where that can be done, and return the usual settings."""
    with contextlib.suppress(OSError), _alone(path):
        try:
            return _parsed(path)  # it may have been put right meanwhile
        except (OSError, ValidationError):
            os.replace(path, _free(path))
    return Settings()


def _free(path: Path) -> Path:
    names = [f"{path.name}.damaged", *(f"{path.name}.damaged-{n}" for n in range(2, 1000))]
    return next((p for name in names if not (p := path.with_name(name)).exists()), path.with_name(names[-1]))


def _write(home: Path, settings: Settings) -> None:
    # Each draft has a name of its own, because several threads may write at once.
    handle, draft = tempfile.mkstemp(prefix=f"{FILE}.", suffix=".tmp", dir=home)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(settings.model_dump_json(indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, home / FILE)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _writable(home: Path) -> Iterator[None]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as e:
        raise WriterError(
            f"The settings cannot be kept in {str(home)!r} ({e.strerror or e}): make room there or make it writable."
        ) from e


def _alone(path: Path) -> FileLock:
    return FileLock(f"{path}.lock", timeout=10, is_singleton=True)
