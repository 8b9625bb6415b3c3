"""Training runs whose process has no model (`training_child.py`), and what is asked of one in tests."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT
from live import eventually

from writer_r1.training import job, run_folder
from writer_r1.training.config import Config, Kind, configured
from writer_r1.training.status import Status

CHILD = str(ROOT / "tests" / "training_child.py")
Begin = Callable[..., Path]


@contextmanager
def beginning(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Give a function that begins a run whose process behaves as told; none is left behind."""
    for kind in job.PROGRAM:
        monkeypatch.setitem(job.PROGRAM, kind, (CHILD,))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    begun: list[Path] = []

    def begin(name: str = "sea", steps: int = 400, kind: Kind = "sft", **told: object) -> Path:
        folder = job.runs_in(home) / name
        begun.append(folder)
        job.start(folder, asked(home, name, steps, kind, **told))
        return folder

    yield begin
    for folder in begun:
        job._end_process(folder, 1.0)
        assert not job.is_alive(folder)


def asked(home: Path, name: str = "sea", steps: int = 400, kind: Kind = "sft", **told: object) -> Config:
    home.mkdir(exist_ok=True)
    data = home / f"{name}.json"
    data.write_text(json.dumps(told))
    return configured(kind, name=name, base="starter", data=str(data), steps=steps)


def step(folder: Path) -> int:
    return max((row["step"] for row in run_folder.metrics(folder)), default=0)


def ended(folder: Path, seconds: float = 20.0) -> Status:
    eventually(lambda: job.status(folder).over and not job.is_alive(folder), seconds)
    return job.status(folder)
