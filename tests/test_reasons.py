"""Reasons: nothing waits for them, and a run that was stopped before them can be asked for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from scripted import PLAINER, PROMPT, overlap, script

from writer_r1 import catalog, places
from writer_r1.errors import Busy, ModelError
from writer_r1.events import BY_USER, Accepted, DraftDelta, Evaluated, Event, Scored, Status
from writer_r1.explaining import explain
from writer_r1.job import WAITING
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task
from writer_r1.trajectory import Criterion, Rubric, Trajectory, prompt_id
from writer_r1.workspace import Workspace

SALT, VOICE = (Criterion(name=n, description=f"{n} is there.") for n in ("Salt", "Voice"))
RUBRIC = Rubric(prompt_id=prompt_id(PROMPT), criteria=(SALT, VOICE))


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name))
    monkeypatch.setattr(catalog, "refuse_absent", lambda name, folder: None)
    llm = FakeLLM(script(revise=PLAINER))
    llm.judge = lambda draft, question: 7.0 if "Salt" in question else 3.0
    workspace._loaded["fake"] = llm
    monkeypatch.setattr(workspace, "similarity", overlap)
    yield workspace
    workspace.close()


def stopped(workspace: Workspace) -> str:
    """Return a run that was stopped when its first text was judged, or not much later."""
    workspace._loaded["fake"].delay_s = 0.01
    run_id = workspace.start(Task("", PROMPT, RUBRIC, rounds=2, target=1.0), model="fake")
    accepted = False
    for _, event in workspace.jobs.follow(run_id):
        accepted |= isinstance(event, Accepted)
        if accepted and isinstance(event, DraftDelta):
            workspace.jobs.stop(run_id)
    workspace._loaded["fake"].delay_s = 0.0
    return run_id


def told(run: Trajectory) -> dict[int, list[str]]:
    return {a.number: [s.reason for s in a.evaluation.scores] for a in run.attempts if a.evaluation}


def test_a_run_stopped_before_its_reasons_is_asked_for_them_and_is_else_the_same(workspace: Workspace) -> None:
    run_id = stopped(workspace)
    before = workspace.store.trajectory(run_id)
    assert {reason for reasons in told(before).values() for reason in reasons} == {""} and before.stopped == BY_USER
    known = len(list(workspace.jobs.follow(run_id)))
    workspace.jobs.wait(run_id)
    explain(workspace, run_id)
    seen: list[Event] = [event for _, event in workspace.jobs.follow(run_id, known)]
    scored = [e.score for e in seen if isinstance(e, Scored)]
    assert [s.criterion_id for s in scored] == [VOICE.id, SALT.id] * len(told(before))  # the lowest first
    after = workspace.store.trajectory(run_id)
    assert all(map(all, told(after).values())) and after.finished
    assert (after.best, after.stopped, after.rubric) == (before.best, before.stopped, before.rubric)
    assert after.attempts[0].evaluation and before.attempts[0].evaluation
    assert after.attempts[0].evaluation.reward == before.attempts[0].evaluation.reward
    assert [a.text for a in after.attempts] == [a.text for a in before.attempts]
    explain(workspace, run_id)  # nothing lacks one any more
    assert not [e for _, e in workspace.jobs.follow(run_id, known + len(seen)) if isinstance(e, Scored)]


def test_who_asks_for_reasons_sees_that_they_wait_for_the_model_and_can_stop(workspace: Workspace) -> None:
    run_id = stopped(workspace)
    before, known = workspace.store.trajectory(run_id), len(list(workspace.jobs.follow(run_id)))
    workspace.jobs.wait(run_id)
    with FileLock(places.machine_lock(), timeout=10):  # as another job has it
        explain(workspace, run_id)
        seen = list[Event]()
        for _, event in workspace.jobs.follow(run_id, known):
            seen.append(event)
            if isinstance(event, Status):
                waiting = workspace.store.trajectory(run_id)
                workspace.jobs.stop(run_id)
    assert [e.event for e in seen] == ["edited", "status", "stopped", "finished"] and not waiting.finished
    assert isinstance(seen[1], Status) and seen[1].text == waiting.status == WAITING
    after = workspace.store.trajectory(run_id)
    assert (after.best, after.stopped, told(after)) == (before.best, before.stopped, told(before))


def test_a_judge_that_fails_leaves_the_run_as_good_as_it_was_and_can_be_asked_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = stopped(workspace)
    before = workspace.store.trajectory(run_id)
    workspace.jobs.wait(run_id)

    def busy(*given: object) -> None:
        raise Busy("The run is training.")

    with monkeypatch.context() as training:
        training.setattr(workspace, "judge_by", busy)
        explain(workspace, run_id)
        workspace.jobs.wait(run_id)
    after = workspace.store.trajectory(run_id)
    assert after.finished and after.error is None and (after.best, told(after)) == (before.best, told(before))
    assert after.stopped == "no reasons could be given: The run is training."
    explain(workspace, run_id)
    workspace.jobs.wait(run_id)
    again = workspace.store.trajectory(run_id)
    assert all(map(all, told(again).values())) and again.stopped == before.stopped


def test_what_cannot_be_asked_for_reasons_says_so_and_stays_as_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = stopped(workspace)
    workspace.jobs.wait(run_id)

    def absent(name: str, folder: Path) -> None:
        raise ModelError(f"{name} is not here.")

    with monkeypatch.context() as gone:
        gone.setattr(catalog, "refuse_absent", absent)
        with pytest.raises(ModelError, match="fake is not here"):
            explain(workspace, run_id)
    assert workspace.store.trajectory(run_id).finished
    workspace._loaded["fake"].delay_s = 0.05
    going = workspace.start(Task("", PROMPT, RUBRIC, rounds=1), model="fake")
    next(e for _, e in workspace.jobs.follow(going) if isinstance(e, Evaluated))
    with pytest.raises(Busy, match="still being written"):
        explain(workspace, going)
    workspace.jobs.stop(going)
