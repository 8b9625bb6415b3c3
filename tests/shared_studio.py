"""A studio that Anna and Ben share."""

from pathlib import Path

import pytest
from live import Studio

from writer_r1 import writers
from writer_r1.store import Store
from writer_r1.writers import add_writer

PASSWORDS = {"anna": "correct horse", "ben": "battery staple"}


def shared_studio(folder: Path) -> Studio:
    """Return it, with a scripted model, started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writers, "LOG_N", 10)  # the same scrypt, quicker
        for name, password in PASSWORDS.items():
            add_writer(folder / "writers", name, password)
    studio = Studio(folder, writers=folder / "writers")
    studio.start()
    return studio


def home_of(studio: Studio, name: str) -> Path:
    return studio.home / "writers" / name


def library(studio: Studio, name: str) -> Store:
    return Store(home_of(studio, name) / "library.db")
