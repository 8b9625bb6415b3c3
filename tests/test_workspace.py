"""The running studio's one object: which model, one job at a time, whose home it is, and a close that loses nothing."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import STARTER
from scripted import PROMPT, overlap, script

from writer_r1 import catalog, places
from writer_r1.errors import Busy, ModelError, StoreError, WriterError
from writer_r1.events import DraftDelta, Event, Failed, Status
from writer_r1.llm import LLM
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task
from writer_r1.trajectory import Criterion, Rubric, prompt_id
from writer_r1.workspace import PINNED, Workspace

RUBRIC = Rubric(prompt_id=prompt_id(PROMPT), criteria=(Criterion(name="Salt", description="It smells of the sea."),))
HOLD = """
import sys
from filelock import FileLock
from writer_r1 import places
with FileLock(places.machine_lock()):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM(script())


@pytest.fixture
def workspace(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Return a workspace whose models "fake" and "other" are scripted."""
    workspace = Workspace()
    real = catalog.path_of
    scripted = ("fake", "other")
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name) if name in scripted else real(name, folder))
    workspace._loaded |= {"fake": llm, "other": FakeLLM(script(), name="other")}
    monkeypatch.setattr(workspace, "similarity", overlap)
    yield workspace
    workspace.close()


@pytest.fixture
def held() -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the machine's model lock until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=STARTER.parent.parent,
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.communicate("")


def events(workspace: Workspace, run_id: str) -> list[Event]:
    return [event for _, event in workspace.jobs.follow(run_id)]


def test_a_run_writes_with_one_model_and_judges_with_another_and_is_kept(workspace: Workspace, llm: FakeLLM) -> None:
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake", judge="other")
    seen = events(workspace, run_id)
    assert (seen[0].model, seen[0].judge) == ("fake", "other")  # type: ignore[union-attr]
    assert [e.event for e in seen][-2:] == ["stopped", "finished"]
    assert seen[-1].trajectory_id == run_id  # type: ignore[union-attr]
    until_kept(workspace)
    run = workspace.store.run(run_id)
    assert run is not None and run.state == "finished" and run.best_text.startswith("I have kept your lamp")
    assert len(llm.seen) == 1  # the writer drafted; every question went to the judge


def until_kept(workspace: Workspace) -> None:
    deadline = time.monotonic() + 10
    while workspace.jobs._jobs:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_name_a_task_brings_is_kept(workspace: Workspace) -> None:
    assert workspace.start(Task("chosen", PROMPT, RUBRIC, rounds=0), model="fake") == "chosen"
    assert [e.trajectory_id for e in events(workspace, "chosen") if e.event == "finished"] == ["chosen"]


@pytest.mark.parametrize(
    ("prompt", "model", "sentence"),
    [
        (" \n", "fake", "Say in a sentence what the piece should do"),
        (PROMPT, "nope", "There is no model named 'nope'"),
        (PROMPT, None, "is not downloaded yet"),
    ],
)
def test_what_cannot_begin_is_refused_at_once_and_leaves_no_trace(
    workspace: Workspace, prompt: str, model: str | None, sentence: str
) -> None:
    with pytest.raises(WriterError, match=sentence):
        workspace.start(Task("", prompt), model=model)
    assert workspace.store.runs() == []


def test_the_judge_must_be_there_too(workspace: Workspace) -> None:
    with pytest.raises(ModelError, match="no model named 'nope'"):
        workspace.start(Task("", PROMPT), model="fake", judge="nope")
    assert workspace.store.runs() == []


def test_the_standard_model_is_preferred_once_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, rows = Workspace(), catalog.rows(places.models())
    assert workspace.default_model() == "starter"
    ready = [r.model_copy(update={"state": "ready"}) if "standard" in r.aliases else r for r in rows]
    monkeypatch.setattr(catalog, "rows", lambda folder: ready)
    assert workspace.default_model() == "standard"


def test_a_model_is_loaded_once_and_freed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def load(path: Path, *, name: str) -> LLM:
        loads.append(name)
        return FakeLLM(script(), name=name)

    monkeypatch.setattr("writer_r1.workspace.load", load)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    workspace = Workspace()
    first, again = workspace.llm("starter"), workspace.llm("starter")
    assert first is again and loads == ["smollm2-135m"]
    workspace.close()
    assert isinstance(first, FakeLLM) and first.closed


def test_a_model_still_in_use_is_not_freed_under_its_job(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    model = FakeLLM(script())
    workspace._loaded["fake"] = model

    def deaf(stop: object) -> Iterator[Event]:
        yield DraftDelta(attempt=1, text="half")
        gate.wait(20)

    real = workspace.jobs.close
    monkeypatch.setattr(workspace.jobs, "close", lambda timeout=0.3: real(timeout))
    run_id = workspace.jobs.start(PROMPT, "fake", deaf)
    next(workspace.jobs.follow(run_id))
    workspace.close()
    assert not model.closed
    gate.set()
    workspace.jobs.close(5)  # type: ignore[call-arg]
    workspace.close()
    assert model.closed


def test_the_model_is_not_touched_while_another_process_has_the_machine(
    workspace: Workspace, held: subprocess.Popen[str]
) -> None:
    with pytest.raises(Busy, match="Another writing job is using the model"), workspace.machine(timeout_s=0.1):
        pass
    workspace._warm()  # gives way without a word
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=0), model="fake")
    follower = workspace.jobs.follow(run_id)
    _, first = next(follower)
    assert isinstance(first, Status) and "waiting" in first.text
    held.communicate("")
    assert [e.event for _, e in follower][-1] == "finished"


def test_one_studio_at_a_time_has_a_home(tmp_path: Path) -> None:
    first, second, elsewhere = Workspace(), Workspace(), Workspace(tmp_path / "elsewhere")
    first.open_studio()
    with pytest.raises(Busy, match="Another studio is already open on .*home'; use that one, or choose another --home"):
        second.open_studio()
    elsewhere.open_studio()
    first.close()
    second.open_studio()
    second.close()
    elsewhere.close()


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    workspace = Workspace()
    (tmp_path / "home" / "studio.lock").mkdir()
    with pytest.raises(StoreError, match=r"^The folder '.*home' cannot be written; choose another with --home.$"):
        workspace.open_studio()


def test_a_model_that_breaks_while_it_is_loaded_ends_the_run_with_its_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace._loaded.clear()

    def load(path: Path, *, name: str) -> LLM:
        raise ModelError("llama.cpp cannot read it.")

    monkeypatch.setattr("writer_r1.workspace.load", load)
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    run_id = workspace.start(Task("", PROMPT, RUBRIC), model="starter")
    last = events(workspace, run_id)[-1]
    assert isinstance(last, Failed) and last.message == "llama.cpp cannot read it."


@pytest.mark.model
def test_warming_up_keeps_the_start_of_every_first_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace()
    monkeypatch.setattr(workspace, "similarity", overlap)
    monkeypatch.setattr(workspace, "default_model", lambda: "starter")
    workspace._warm()
    model = workspace.llm("starter")
    try:
        assert len(model._seq._pins) == len(PINNED)  # type: ignore[attr-defined]
    finally:
        workspace.close()
