"""The test of a judge in the background: one at a time, stopped and gone on with from anywhere, in nobody's way."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from scripted import FIRST, overlap, script

from writer_r1 import catalog, qualifying, scored_texts
from writer_r1.background import Progress
from writer_r1.errors import Busy, ModelError
from writer_r1.events import Evaluated
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import qualification_of
from writer_r1.qualify import Wanted
from writer_r1.qualifying import BUG, begun
from writer_r1.scored_texts import kept
from writer_r1.trajectory import Criterion, Rubric
from writer_r1.workspace import Workspace

ONE = Wanted(originals=1)
Value = TypeVar("Value")


@pytest.fixture
def llm() -> FakeLLM:
    made = FakeLLM(script())
    made.judge = lambda draft, question: time.sleep(0.002) or 3.0 + len(draft) % 5
    return made


@pytest.fixture
def workspace(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    made = Workspace()
    real = catalog.path_of
    names = ("fake", "other")
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name) if name in names else real(name, folder))
    monkeypatch.setattr(made, "similarity", overlap)
    made._loaded |= {"fake": llm, "other": FakeLLM(script(), name="other")}
    monkeypatch.setattr(made, "free", lambda needed: False)  # both stay
    yield made
    made.close()


def until(condition: Callable[[], Value], timeout_s: float = 30.0) -> Value:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return value


def ended(workspace: Workspace, model: str = "fake") -> Progress:
    def over() -> Progress | None:
        test = workspace.qualifying.progress(model)
        return test if test and test.state != "running" else None

    found = until(over)
    assert found
    return found


def test_a_test_goes_on_by_itself_and_anyone_may_look(workspace: Workspace) -> None:
    assert workspace.qualifying.progress("fake") is None and workspace.qualifying.running() == ""
    workspace.qualifying.start("fake", ONE)
    seen = until(lambda: (t := workspace.qualifying.progress("fake")) and t.done > 2 and t)
    assert seen and seen.state == "running" and seen.total > 15 and seen.left_s is not None and seen.left_s > 0
    assert workspace.qualifying.running() == "fake"
    workspace.qualifying.start("fake", ONE)  # twice is once
    assert ended(workspace).state == "done"
    found = qualification_of("fake", workspace.home)
    assert found and found.texts == ended(workspace).total == ended(workspace).done
    assert not begun("fake", workspace.home) and workspace.qualifying.running() == ""


def test_a_stopped_test_keeps_what_was_read_and_another_studio_goes_on_from_there(
    workspace: Workspace, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.qualifying.start("fake", ONE)
    until(lambda: (t := workspace.qualifying.progress("fake")) and t.done > 3)
    workspace.qualifying.stop("fake")
    assert ended(workspace).state == "stopped"
    read = len(kept("fake", workspace.home))
    assert read >= 4 and begun("fake", workspace.home) and qualification_of("fake", workspace.home) is None
    asked = len(llm.seen)
    again = Workspace(workspace.home)
    again._loaded["fake"] = llm
    monkeypatch.setattr(again, "similarity", overlap)
    again.qualifying.start("fake", ONE)
    assert ended(again).state == "done"
    found = qualification_of("fake", workspace.home)
    assert found and (len(llm.seen) - asked) / 6 == found.texts - read  # three criteria, two wordings


def test_between_stop_and_its_end_a_test_says_that_it_stops(workspace: Workspace, llm: FakeLLM) -> None:
    go_on = threading.Event()
    llm.judge = lambda draft, question: float(go_on.wait(20))
    workspace.qualifying.start("fake", ONE)
    workspace.qualifying.stop("fake")
    test = workspace.qualifying.progress("fake")
    assert test and test.stopping and test.state == "running"
    go_on.set()
    assert ended(workspace) == ended(workspace)._replace(state="stopped", stopping=False)


def test_one_judge_is_tested_at_a_time(workspace: Workspace) -> None:
    workspace.qualifying.start("fake", ONE)
    with pytest.raises(Busy, match="fake is being tested as a judge"):
        workspace.qualifying.start("other", ONE)
    workspace.qualifying.stop("fake")
    ended(workspace)
    workspace.qualifying.start("other", ONE)
    assert ended(workspace, "other").state == "done"


def test_a_run_that_wants_the_model_gets_it_after_a_text_and_the_test_goes_on(
    workspace: Workspace, llm: FakeLLM
) -> None:
    llm.judge = lambda draft, question: time.sleep(0.05) or 5.0
    workspace.qualifying.start("fake", ONE)
    until(lambda: (t := workspace.qualifying.progress("fake")) and t.done > 1)
    rubric = Rubric(prompt_id="p", criteria=(Criterion(name="Salt", description="It smells of the sea."),))
    began = time.monotonic()
    run = workspace.start(Task("", "A farewell to the sea.", rubric, rounds=0, text=FIRST), model="fake", judge="fake")
    assert [e.event for _, e in workspace.jobs.follow(run)][-1] == "finished"
    assert time.monotonic() - began < 20
    test = workspace.qualifying.progress("fake")
    assert test and test.state == "running"
    workspace.qualifying.stop("fake")
    ended(workspace)


def test_what_a_run_says_of_its_judge_is_what_was_measured(workspace: Workspace) -> None:
    rubric = Rubric(prompt_id="p", criteria=(Criterion(name="Salt", description="It smells of the sea."),))

    def trust() -> str:
        task = Task("", "A farewell to the sea.", rubric, rounds=0, text=FIRST)
        run = workspace.start(task, model="fake", judge="fake")
        events = [e for _, e in workspace.jobs.follow(run)]
        given, *again = [e.evaluation.judge for e in events if isinstance(e, Evaluated)]  # again with reasons
        assert all(one == given for one in again)
        assert given.prompt_hash == prompt_hash("judge")
        assert workspace.store.trajectory(run).attempts[0].evaluation.judge == given  # type: ignore[union-attr]
        return given.trust

    assert trust() == "unmeasured"
    workspace.qualifying.start("fake", ONE)
    ended(workspace)
    found = qualification_of("fake", workspace.home)
    assert found and trust() == found.trust != "unmeasured"


def test_a_model_that_is_not_there_and_a_bug_are_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.qualifying.start("starter", ONE)
    assert "not downloaded yet" in ended(workspace, "starter").message
    monkeypatch.setattr(qualifying, "qualify", lambda *_: {}["a secret text"])
    workspace.qualifying.start("fake", ONE)
    assert ended(workspace) == Progress(0, 0, None, "failed", BUG, "beginning")
    assert "KeyError" in caplog.text and "a secret text" not in caplog.text.split("KeyError", 1)[1].split("\n")[0]


def test_closing_the_studio_stops_the_test_before_the_model_goes(workspace: Workspace, llm: FakeLLM) -> None:
    workspace.qualifying.start("fake", ONE)
    until(lambda: (t := workspace.qualifying.progress("fake")) and t.done > 1)
    asked = len(llm.seen)
    workspace.close()
    assert ended(workspace).state == "stopped" and llm.closed and len(llm.seen) - asked < 60


def test_a_judge_that_lets_nobody_in_is_not_closed_under_a_test(workspace: Workspace, llm: FakeLLM) -> None:
    go_on = threading.Event()
    llm.judge = lambda draft, question: float(go_on.wait(20))
    workspace.qualifying.start("fake", ONE)
    until(lambda: len(llm.seen) > 0)
    assert workspace.qualifying.close(timeout_s=0.1) is False and not llm.closed
    go_on.set()
    ended(workspace)


def test_an_unknown_name_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ModelError, match="no model named 'nothing'"):
        workspace.name_of("nothing")
    workspace.qualifying.stop("nothing")
    assert workspace.qualifying.progress("nothing") is None and not begun("nothing", workspace.home)


def test_between_two_turns_nobody_is_kept_waiting(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be seen to wait, a run of another process, gets the model after a turn."""
    from filelock import FileLock

    from writer_r1 import places

    monkeypatch.setattr(scored_texts, "TURN_S", 0.0)
    monkeypatch.setattr(scored_texts, "PAUSE_S", 0.2)
    workspace.qualifying.start("fake", ONE)
    until(lambda: (t := workspace.qualifying.progress("fake")) and t.done > 1)
    with FileLock(places.machine_lock(), timeout=10):
        until(lambda: (t := workspace.qualifying.progress("fake")) and t.left_s is None)  # it says that it waits
    workspace.qualifying.stop("fake")
    assert ended(workspace).state == "stopped"
