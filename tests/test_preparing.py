"""Traces and requests by difficulty, made in the background: gone on with, stopped, each once, and last in turn."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_difficulty
from live import eventually
from preparing_child import LIMITS, writer
from scripted import overlap, station, task
from test_synthesis import THINGS, asked, kept

from writer_r1 import catalog, material, preparing, room
from writer_r1.background import Progress
from writer_r1.difficulty import EASY, FLAT, HARD, sort_out
from writer_r1.errors import Busy, ModelError, WriterError
from writer_r1.events import Finished
from writer_r1.llm import Request
from writer_r1.material import Bounds, chosen_at, keep_bounds, made, read_bounds, thoughts_at, write_chosen
from writer_r1.preparing import BUG, ROUNDS, THOUGHT, Asked, Preparing, tried_by
from writer_r1.room import WAITING
from writer_r1.training import job
from writer_r1.training.data import read, read_prompts
from writer_r1.training.plan import Plan, keep_plan
from writer_r1.ui.settings_tab import WORD, on_delete
from writer_r1.workspace import Workspace

TRACES, TRYING = Asked("thoughts", "sample"), Asked("difficulty", "sample")


@pytest.fixture(autouse=True)
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let five short requests be those that come with the studio, and no pause be made between them."""
    prompts = asked(tmp_path)  # written once: it is read by several threads
    monkeypatch.setattr(material, "sample_set", lambda goal: prompts)
    monkeypatch.setattr(preparing, "THOUGHT", LIMITS)
    monkeypatch.setattr(room, "PAUSE_S", 0.02)
    material.samples.cache_clear()
    yield
    material.samples.cache_clear()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(Workspace, "default_model", lambda self: "fake")
    workspace = Workspace()
    workspace._loaded["fake"] = writer()
    monkeypatch.setattr(workspace, "similarity", overlap)
    monkeypatch.setattr("writer_r1.catalog.refuse_absent", lambda name, folder: None)
    keep_plan(workspace.home, Plan(base="fake"))
    yield workspace
    workspace.close()


def tried_now(workspace: Workspace) -> Path:
    return tried_by(workspace.preparing.wish(), workspace.home)


def over(preparing: Preparing, asked: Asked = TRACES) -> Progress:
    eventually(lambda: not preparing.running(), 30)
    progress = preparing.progress(asked.kind)
    assert progress
    return progress


def prompts_of(workspace: Workspace) -> list[str]:
    return [row["prompt"] for row in made(thoughts_at(workspace.home)).kept]


ALL = [f"A letter about {thing}." for thing in THINGS]


def test_traces_are_made_of_the_sample_requests_and_can_be_trained_on(workspace: Workspace) -> None:
    workspace.preparing.start(TRACES)
    end = over(workspace.preparing)
    assert (end.state, end.done, end.total, end.message) == ("done", 5, 5, "")
    assert prompts_of(workspace) == ALL
    assert len(read(thoughts_at(workspace.home)).examples) == 5
    workspace._loaded["fake"].script = lambda request: pytest.fail("it was asked again")  # type: ignore[attr-defined]
    workspace.preparing.start(TRACES)
    assert over(workspace.preparing).state == "done" and prompts_of(workspace) == ALL


def test_the_writers_own_rounds_become_traces_without_a_model(workspace: Workspace) -> None:
    kept(workspace.store, "run-1", writer(), "A letter about the kettle.")
    workspace._loaded.clear()
    workspace.preparing.start(Asked("thoughts", "library"))
    assert over(workspace.preparing).state == "done"
    assert [row["source"] for row in made(thoughts_at(workspace.home)).kept] == ["history"]


def test_what_was_stopped_goes_on_where_it_was_in_another_studio_too(workspace: Workspace) -> None:
    workspace._loaded["fake"] = writer(0.3)
    workspace.preparing.start(TRACES)
    workspace.preparing.start(TRACES)  # pressed twice
    eventually(lambda: (p := workspace.preparing.progress("thoughts")) and p.left_s is not None)
    progress = workspace.preparing.progress("thoughts")
    assert progress and (progress.state, progress.total) == ("running", 5) and 1 <= progress.done < 5
    workspace.preparing.stop()
    assert (p := workspace.preparing.progress("thoughts")) and (p.stopping or p.state == "stopped")
    assert over(workspace.preparing).state == "stopped"
    workspace._loaded["fake"] = writer()
    first = prompts_of(workspace)
    assert 0 < len(first) < 5
    later = Preparing(workspace)
    assert later.progress("thoughts") is None
    later.start(TRACES)
    assert over(later).state == "done" and prompts_of(workspace) == ALL


def test_another_job_on_the_machine_is_waited_for_and_a_stop_is_heard_meanwhile(workspace: Workspace) -> None:
    with workspace.machine():
        workspace.preparing.start(TRACES)
        eventually(lambda: (p := workspace.preparing.progress("thoughts")) and p.doing == WAITING)
        time.sleep(0.2)
        assert workspace.preparing.running() == TRACES and not prompts_of(workspace)
        workspace.preparing.stop()
        assert over(workspace.preparing).state == "stopped"  # though the model was not free


def test_whoever_writes_goes_first_and_the_request_that_was_given_up_is_made_whole_later(workspace: Workspace) -> None:
    runs: list[str] = []
    llm = writer()
    written = llm.script

    def script(request: Request) -> str:
        if "about the ladder" in request.messages[-1].content and not runs:
            runs.append(workspace.start(task(prompt="A letter about the harbour.")))
            eventually(workspace.jobs.waiting)
        return written(request)

    llm.script = script
    workspace._loaded["fake"] = llm
    asked_for: list[Request] = llm.seen
    workspace.preparing.start(TRACES)
    eventually(lambda: bool(runs) and not workspace.jobs.writes(runs[0]))
    assert any(isinstance(event, Finished) for _, event in workspace.store.events(runs[0]))
    assert over(workspace.preparing).state == "done" and prompts_of(workspace) == ALL
    assert workspace.store.trajectory(runs[0]).best is not None
    assert sum(station(r) == "plan" and "about the ladder" in r.messages[-1].content for r in asked_for) == 2


def test_what_the_user_can_put_right_is_told_and_a_bug_tells_no_text(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "The keeper put out his lamp."

    def refuse(request: Request) -> str:
        raise ModelError("It does not fit.")

    def bug(request: Request) -> str:
        raise KeyError(secret)

    for script, message in ((refuse, "It does not fit."), (bug, BUG)):
        workspace._loaded["fake"].script = script  # type: ignore[attr-defined]
        workspace.preparing.start(TRACES)
        end = over(workspace.preparing)
        assert (end.state, end.message) == ("failed", message)
    assert "KeyError" in caplog.text and secret not in caplog.text


def test_whoever_deletes_everything_deletes_the_traces_too(workspace: Workspace) -> None:
    workspace._loaded["fake"] = writer(0.2)
    workspace.preparing.start(TRACES)
    eventually(lambda: prompts_of(workspace))
    said, *_ = on_delete(workspace, WORD, False)
    assert "Everything you wrote is deleted" in said
    assert not thoughts_at(workspace.home).parent.exists() and not workspace.preparing.running()
    assert workspace.preparing.progress("thoughts") is None  # nothing to go on with


def test_one_thing_is_made_at_a_time(workspace: Workspace) -> None:
    with workspace.machine():
        workspace.preparing.start(TRACES)
        with pytest.raises(Busy, match=r"Thinking traces are being made; wait for the end, or press Stop"):
            workspace.preparing.start(TRYING)
        workspace.preparing.stop()
        over(workspace.preparing)


def test_the_pages_limits_are_those_of_the_commands() -> None:
    from writer_r1 import trace_commands as commands

    assert (ROUNDS, THOUGHT) == (commands.ROUNDS, (commands.LEAST, commands.WORDS))
    bounds = Bounds()
    assert (bounds.drafts, bounds.low, bounds.high) == (commands.DRAFTS, commands.LOW, commands.HIGH)


# difficulty


@pytest.fixture
def trying(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    prompts = test_difficulty.asked(tmp_path)
    monkeypatch.setattr(material, "sample_set", lambda goal: prompts)
    workspace._loaded["fake"] = test_difficulty.llm()
    keep_bounds(workspace.home, Bounds(drafts=4, low=0.2, high=0.5))
    return workspace


def parted(workspace: Workspace) -> Any:
    return sort_out(made(tried_now(workspace)).rows, read_bounds(workspace.home).limits)


def test_other_limits_part_what_was_tried_anew_without_a_draft(trying: Workspace) -> None:
    trying.preparing.start(TRYING)
    assert over(trying.preparing, TRYING).state == "done"
    usual = parted(trying)
    assert [row["prompt"] for row in usual.kept] == ["A letter about mixed."]
    assert usual.dropped == {EASY: 1, HARD: 1, FLAT: 1} and sum(usual.histogram) == 4
    trying._loaded["fake"].script = lambda request: pytest.fail("it was asked again")  # type: ignore[attr-defined]
    keep_bounds(trying.home, Bounds(drafts=4, low=0.0, high=0.5))
    wider = parted(trying)
    assert len(wider.kept) == 2 and HARD not in wider.dropped
    examples = read_prompts(write_chosen(trying.home, tried_now(trying))).examples
    assert len(examples) == 2 and all(e.rubric for e in examples)  # one that was dropped before has its criteria, too
    keep_bounds(trying.home, Bounds(drafts=4, low=0.9, high=0.95))
    with pytest.raises(WriterError, match="No request stays within these limits"):
        write_chosen(trying.home, tried_now(trying))
    assert len(read_prompts(chosen_at(trying.home)).examples) == 2  # what was chosen before is not lost


def test_what_other_drafts_or_another_model_told_is_kept_apart(trying: Workspace) -> None:
    trying.preparing.start(TRYING)
    over(trying.preparing, TRYING)
    keep_bounds(trying.home, Bounds(drafts=3))
    assert made(tried_now(trying)).rows == []
    keep_bounds(trying.home, Bounds(drafts=4, low=0.6))
    assert len(made(tried_now(trying)).rows) == 4
    keep_plan(trying.home, Plan(base="another"))
    assert made(tried_now(trying)).rows == []


def test_what_is_being_tried_stays_what_it_was_while_the_form_changes(trying: Workspace) -> None:
    with trying.machine():
        trying.preparing.start(TRYING)
        keep_bounds(trying.home, Bounds(drafts=3))
        keep_plan(trying.home, Plan(base="another"))
        assert (trying.preparing.wish().policy, trying.preparing.wish().drafts) == ("fake", 4)
        now = tried_now(trying)
    assert over(trying.preparing, TRYING).state == "done" and len(made(now).rows) == 4
    assert trying.preparing.wish().policy == "another" and made(tried_now(trying)).rows == []


def left_by(run: str, home: Path, base: str = "fake", sha256: str = "abc", weights: bytes = b"one") -> Path:
    """Return the folder of the adapter of a run that is over."""
    folder = job.runs_in(home) / run
    (folder / "adapter").mkdir(parents=True, exist_ok=True)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights)
    told = {"version": 1, "created": 1.0, "base": {"name": base, "sha256": sha256}, "config": {"kind": "sft"}}
    (folder / "run.json").write_text(json.dumps(told), "utf-8")
    return folder / "adapter"


@pytest.mark.parametrize("unpacked", [True, False])
def test_the_base_drafts_with_what_it_begins_with(
    trying: Workspace, monkeypatch: pytest.MonkeyPatch, unpacked: bool
) -> None:
    known = catalog.find("starter", trying.models)
    base = known.model_copy(update={"path": trying.home / "base", "sha256": "abc", "state": "ready"})
    base.path.mkdir()
    if unpacked:
        (base.path / "config.json").write_text("{}", "utf-8")
        (base.path / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(catalog, "find", lambda name, folder: base)
    bare, folder = tried_now(trying), left_by("sea", trying.home)
    if not unpacked:
        (folder / "adapter.gguf").write_bytes(b"made of them before")
    keep_plan(trying.home, Plan(base="fake", goal="mrpo", adapter=str(folder)))
    assert trying.preparing.wish().worn == "sea" and tried_now(trying) != bare
    trying.preparing.start(TRYING)
    assert over(trying.preparing, TRYING).state == "done"
    worn = folder if unpacked else folder / "adapter.gguf"
    assert set(trying._loaded["fake"].worn) == {(worn, 1.0)}  # type: ignore[attr-defined]
    found = made(tried_now(trying)).rows
    assert len(found) == 4 and {row["adapter"] for row in found} == {"sea"} and made(bare).rows == []
    left_by("sea", trying.home, weights=b"another")  # the run went on
    assert made(tried_now(trying)).rows == []


def test_what_another_base_learned_or_no_run_left_is_not_put_on(
    trying: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trying.preparing.start(TRYING)
    over(trying.preparing, TRYING)
    assert len(made(tried_now(trying)).rows) == 4
    keep_plan(trying.home, Plan(base="fake", adapter=str(job.runs_in(trying.home) / "none" / "adapter")))
    assert made(tried_now(trying)).rows == []  # not those of the bare base
    trying.preparing.start(TRYING)
    assert "is of no run on this list" in over(trying.preparing, TRYING).message
    model = catalog.find("starter", trying.models)
    monkeypatch.setattr(catalog, "find", lambda name, folder: model)
    keep_plan(trying.home, Plan(base="fake", adapter=str(left_by("sea", trying.home, base="another"))))
    trying.preparing.start(TRYING)
    end = over(trying.preparing, TRYING)
    assert end.state == "failed" and "“sea” was trained on another and does not fit fake" in end.message
    elsewhere = (str(trying.home), str(job.runs_in(trying.home)), str(job.runs_in(trying.home) / ".." / "x"), "a\0b")
    for path in elsewhere:
        keep_plan(trying.home, Plan(base="fake", adapter=path))
        assert trying.preparing.wish().adapter is None  # the checklist says so


def test_own_requests_that_are_not_there_are_told(trying: Workspace) -> None:
    trying.preparing.start(Asked("difficulty", "library"))
    end = over(trying.preparing, TRYING)
    assert end.state == "failed" and "Your library holds no piece" in end.message


# a kill


def test_a_studio_that_is_killed_loses_no_row_and_makes_none_twice(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parent / "preparing_child.py"), str(asked(tmp_path))]
    env = os.environ | {"PYTHONPATH": f"{Path(__file__).parent.parent}:{Path(__file__).parent}"}
    out = thoughts_at(Path(os.environ["WRITER_R1_HOME"]))

    def begin(pause: float) -> subprocess.Popen[str]:
        return subprocess.Popen([*command, str(pause)], env=env, stdout=subprocess.PIPE, text=True)

    child = begin(0.3)
    try:
        assert child.stdout and child.stdout.readline() == "ready\n"
        eventually(lambda: out.exists() and out.read_bytes().count(b"\n") >= 2, 30)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    first = out.read_bytes()
    assert first.count(b"\n") < 5
    last = begin(0.0)
    assert last.wait(60) == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert out.read_bytes().startswith(first[: first.rfind(b"\n") + 1]) and [row["prompt"] for row in rows] == ALL
