"""The Train tab's handlers on a real workspace and real processes: what a browser sends, and what it is shown."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from live import eventually
from test_training_plan import base_folder
from training_runs import Begin, ended, step

from writer_r1 import catalog, room
from writer_r1.errors import ModelError
from writer_r1.llm.fake import FakeLLM
from writer_r1.traces import Trace, written
from writer_r1.training import job, run_folder
from writer_r1.training.own_work import PIECES
from writer_r1.training.plan import Plan, keep_plan, read_plan
from writer_r1.ui import train_form
from writer_r1.ui.settings_tab import WORD, on_delete
from writer_r1.ui.train_tab import START, look, note, on_act, on_change, on_load, on_start
from writer_r1.workspace import Workspace

PAGE = 6  # parts that follow the runs, the first of an answer


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home", tmp_path / "models")


def start_says(answer: list[Any]) -> tuple[str, bool]:
    return answer[-1].value, answer[-1].interactive


def test_another_goal_leaves_the_room_for_a_prompt_and_nothing_else_that_has_no_field() -> None:
    before = Plan(goal="sft", numbers={"prompt_tokens": 640, "held_out": 0.2})
    fields = ("file", "", [], "starter", "quick", "checks", "off", "", "", *[None] * len(train_form.NUMBERS))
    assert train_form.plan_from(("mrpo", *fields), before, "starter").numbers == {"prompt_tokens": 640}
    assert train_form.plan_from(("sft", *fields), before, "starter").numbers == before.numbers


def test_what_is_chosen_is_kept_and_told(workspace: Workspace, tmp_path: Path) -> None:
    numbers = [None] * len(train_form.NUMBERS)
    answer = on_change(
        workspace,
        ("sft", "sample", "", [*PIECES], base_folder(tmp_path), "quick", "checks", "off", "", "sea", 7, *numbers[1:]),
    )
    assert start_says(answer) == (START, True)
    assert read_plan(workspace.home) == Plan(base=base_folder(tmp_path), name="sea", numbers={"steps": 7})
    assert "writer-r1 train sft --run" in answer[-2] and "90 pieces to learn from" in answer[-2]
    hostile = on_change(
        workspace, ("fame", {"x": 1}, None, ["fame"], [], "quick", None, [], {}, "sea", "NaN", *numbers[1:])
    )
    assert start_says(hostile) == (START, True)  # what cannot be a plan changes none
    assert (
        start_says(
            on_change(workspace, ("sft", "file", "", [], "starter", "quick", "checks", "off", "", "", *numbers))
        )[1]
        is False
    )


def test_a_run_is_begun_once_seen_by_any_page_and_changed_by_its_name_alone(
    workspace: Workspace, tmp_path: Path, begin_run: Begin
) -> None:
    keep_plan(workspace.home, Plan(base=base_folder(tmp_path), name="sea"))
    (workspace.home / "training.json").write_text(json.dumps({"pause": 0.05}))
    began = time.monotonic()
    answer = on_start(workspace, "")
    assert time.monotonic() - began < 10
    folder = job.runs_in(workspace.home) / "sea"
    try:
        assert answer.opened == "sea" and 'class="run live"' in answer.run
        assert start_says(on_load(workspace, "sea")) == ("Another run is training", False)
        assert [f.name for f in job.folders(workspace.home)] == ["sea"]
        on_start(workspace, "")  # pressed twice
        assert [f.name for f in job.folders(workspace.home)] == ["sea"]
        assert '“<b dir="auto">sea</b>” is training' in note(workspace)
        eventually(lambda: step(folder) > 3)
        page = look(workspace, "")
        assert page.opened == "sea" and page.timer.active and page.announce == "sea: Training"
        for wish in ({"act": "delete", "name": "../home"}, {"act": "fly", "name": "sea"}, {"act": "stop", "name": ""}):
            on_act(workspace, "sea", wish)
        assert job.status(folder).state == "training"
        on_act(workspace, "sea", {"act": "stop", "name": "sea"})
        ended(folder)
        page = look(workspace, "sea")
        assert "Stopped and saved" in page.run and not page.timer.active and note(workspace) == ""
        unchanged = look(workspace, "sea", page.sent)
        assert unchanged.run == unchanged.runs  # both skipped
        on_act(workspace, "sea", {"act": "resume", "name": "sea"})
        on_act(workspace, "sea", {"act": "discard", "name": "sea"})
        assert ended(folder).state == "discarded"
        answer = on_act(workspace, "sea", {"act": "smaller", "name": "sea"})
        assert read_plan(workspace.home).numbers["batch"] == 2 and start_says(answer) == (START, True)
        on_act(workspace, "sea", {"act": "aside", "name": "sea"})
        assert job.folders(workspace.home) == []
        assert (job.runs_in(workspace.home) / "set-aside" / "sea" / "run.json").exists()
    finally:
        job._end_process(folder, 1.0)


def test_what_a_run_learned_is_practised_from_there_and_thoughts_where_it_learned_thoughts(
    workspace: Workspace, begin_run: Begin
) -> None:
    digest = catalog.find("starter", workspace.models).sha256
    late = "Dear sea, it is late"
    thought = written(Trace(prompt="x", plan="A letter.", draft=late, final=late))
    for name, text in (("letters", late), ("thoughts", thought)):
        folder = begin_run(name, 1)
        ended(folder)
        data = folder.parent / f"{name}.jsonl"
        rows = [{"prompt": f"A letter, {n}", "text": f"{text} {n} more words for a row to be one"} for n in range(4)]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = run_folder.record(folder)["config"] | {"data": str(data), "text_tokens": 1024}
        run_folder.add_facts(folder, base={"name": "smollm2-135m", "sha256": digest}, config=config)
    fields = len(train_form.values_of(workspace, Plan()))
    for name, numbers in (("letters", {}), ("thoughts", {"thoughts": "outcome", "text_tokens": 1024})):
        adapter = str(job.runs_in(workspace.home) / name / "adapter")
        answer = on_act(workspace, "", {"act": "onward", "name": name})
        plan = read_plan(workspace.home)
        assert (plan.goal, plan.source, plan.adapter, plan.numbers) == ("mrpo", "sample", adapter, numbers)
        start = answer[-2 - fields : -2][8]
        assert start["value"] == adapter and [title for title, _ in start["choices"]][0] == "The base itself"
        assert f"What “{name}” learned; it goes on from there." in answer[-2]
    numbers = [None] * len(train_form.NUMBERS)
    told = ("mrpo", "sample", "", [], "starter", "quick", "checks")
    on_change(workspace, (*told, "dense", adapter, "", *numbers))
    assert (read_plan(workspace.home).adapter, read_plan(workspace.home).numbers) == (adapter, {"thoughts": "dense"})
    on_change(workspace, (*told[:4], "standard", *told[5:], "dense", adapter, "", *numbers))
    assert read_plan(workspace.home).adapter is None  # it is of another base
    on_change(workspace, (*told, "fame", "", "", *numbers))
    assert read_plan(workspace.home).numbers == {}
    assert [hint["placeholder"] for hint in train_form.hints(Plan(goal="mrpo", numbers={"thoughts": "ppo"}))][
        4
    ] == "384"


def test_a_finished_run_opens_the_next_day_with_all_its_curves_and_samples(
    workspace: Workspace, begin_run: Begin
) -> None:
    """Acceptance 16, the day after, of the page's design."""
    folder = begin_run("sea", 20, "mrpo")
    assert ended(folder, 40.0).state == "finished"
    page = on_load(Workspace(workspace.home, workspace.models), "sea")[0]
    told = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert {"Reward: worst to best draft", "Score by criterion", "Distance from the base (KL)"} <= {
        each.split(". ")[0] for each in told
    }
    assert any("Says it plainly: " in each and "Keeps to the length: " in each for each in told)
    assert any("held out: 0.36 at first, 0.55 now" in each for each in told)
    assert all(f"as it is told after {n} steps" in page for n in (1, 10, 20))


def test_a_run_of_another_version_is_listed_and_opens(workspace: Workspace) -> None:
    folder = job.runs_in(workspace.home) / "old"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"version": 99}')
    page = on_load(workspace, "")
    assert "another version" in page[0] and "Cannot be read" in page[1]


def test_the_writing_model_is_let_go_and_taken_again_only_where_it_fits(
    workspace: Workspace, begin_run: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acceptance 9, the writing model, of the page's design."""
    workspace._loaded["fake"] = FakeLLM({}, name="fake")
    with workspace.machine():
        workspace.release()
        time.sleep(0.2)
        assert workspace._loaded  # a job uses it
    eventually(lambda: not workspace._loaded)
    from writer_r1 import catalog

    model = catalog.rows(workspace.models)[0]
    room.refuse_without_room(model.model_copy(update={"memory_bytes": 1 << 60}))  # nothing trains
    folder = begin_run(pause=0.05)
    room.refuse_without_room(model.model_copy(update={"memory_bytes": 1}))
    with pytest.raises(ModelError, match=r"“sea” is training, and .* are free, less than"):
        room.refuse_without_room(model.model_copy(update={"memory_bytes": 1 << 60}))
    job.discard(folder, 1.0)


def test_deleting_everything_takes_the_copies_that_runs_hold_along(workspace: Workspace, begin_run: Begin) -> None:
    workspace.store.new_piece("A letter to the sea", "Dear sea, I have been meaning to write to you for years.")
    folder = begin_run(pause=0.05)
    job.copied_data(folder).write_text("{}")
    said, *_ = on_delete(workspace, WORD, False)
    assert "stop it in Train first" in said and workspace.store.pieces()
    job.discard(folder, 1.0)
    said, *_ = on_delete(workspace, WORD, False)
    assert "Everything you wrote is deleted" in said and not workspace.store.pieces()
    assert list(job.runs_in(workspace.home).iterdir()) == []
