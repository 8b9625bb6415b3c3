"""What is planned is kept, checked before it begins, and begun with a copy of the writer's own pieces."""

import json
from pathlib import Path

import pytest
from training_runs import Begin, ended

from writer_r1 import catalog
from writer_r1.errors import TrainingError, WriterError
from writer_r1.events import Recalled
from writer_r1.processes import this_process
from writer_r1.store import Store
from writer_r1.training import job, run_folder
from writer_r1.training.checklist import Ready, memory_of, ready
from writer_r1.training.config import configured, smaller
from writer_r1.training.data import read
from writer_r1.training.deletion import delete
from writer_r1.training.lessons import COPY, read_lessons
from writer_r1.training.plan import (
    Plan,
    begin,
    config_of,
    data_of,
    keep_plan,
    name_of,
    path_of,
    plan_of,
    read_plan,
    sample_set,
)
from writer_r1.training.starts import starts
from writer_r1.training.warnings import warnings
from writer_r1.trajectory import Lesson

TEXT = "The lamp stood in the window and nobody asked any more what it was for, number {}."


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "home").mkdir()
    return Store(tmp_path / "home" / "library.db")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def base_folder(tmp_path: Path) -> str:
    folder = tmp_path / "base"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    return str(folder)


def rows_file(path: Path, count: int, *more: str) -> str:
    rows = [json.dumps({"prompt": f"A story about lamp {i}", "text": TEXT.format(i)}) for i in range(count)]
    path.write_text("\n".join([*rows, *more]))
    return str(path)


def checked(plan: Plan, tmp_path: Path, store: Store) -> Ready:
    return ready(plan, tmp_path / "home", tmp_path / "models", store)


def said(found: Ready, name: str) -> str:
    return next((f"{c.standing}: {c.said}" for c in found.checks if c.name == name), "")


def test_a_plan_is_kept_whole_and_one_that_cannot_be_read_is_a_new_one(home: Path, store: Store) -> None:
    plan = Plan(goal="mrpo", source="file", path="~/x", name="sea", numbers={"steps": 3, "learning_rate": 1e-4})
    keep_plan(home, plan)
    assert read_plan(home) == plan
    (home / "training_plan.json").write_text('{"goal": "fame"}')
    assert read_plan(home) == Plan()


def test_the_way_from_settings_to_a_plan_and_back_loses_nothing(home: Path, store: Store) -> None:
    for config in (
        configured("sft", name="sea", base="starter", data="/x.jsonl", steps=7, replay={"weight": 0.0}),
        smaller(configured("mrpo", preset="thorough", name="sea", base="/b", data=str(sample_set("mrpo")))),
        configured("mrpo", name="sea", base="starter", data="/x.jsonl", thoughts="dense"),
    ):
        again = config_of(plan_of(config).model_copy(update={"name": "sea"}), home)
        assert again == config


@pytest.mark.parametrize("name", ["../sea", "a/b", ".hidden", "sea.", "x" * 61, "\n"])
def test_a_name_that_can_be_no_folder_is_refused(home: Path, name: str) -> None:
    if name.strip():
        with pytest.raises(TrainingError, match="cannot be a name"):
            name_of(Plan(name=name), home)
    else:
        assert name_of(Plan(name=name), home) == "my-style"


def test_a_run_that_shows_lessons_begins_with_a_copy_of_them(
    home: Path, store: Store, tmp_path: Path, begin_run: Begin
) -> None:
    about = {"id": "l-1", "criterion": "voice", "rubric_id": "r", "trajectory_id": "run1", "delta": 0.2}
    learned = Lesson.model_validate({**about, "kind": "success", "text": "Name one sound.", "prompt": "A storm"})
    store.begin("run1", "A storm", "fake", this_process())
    store.append("run1", [Recalled(lesson=learned, origin="learned")])
    plan = Plan(goal="mrpo", source="sample", base=base_folder(tmp_path), numbers={"steps": 1})
    without = begin(plan, home, store)
    assert ended(without).state == "finished" and not (without / COPY).exists()
    folder = begin(plan.model_copy(update={"numbers": {"steps": 1, "memory_share": 0.25}}), home, store)
    assert ended(folder).state == "finished" and read_lessons(folder) == [learned]


def test_a_run_begins_with_a_copy_of_the_writers_own_pieces_and_takes_it_along(
    home: Path, store: Store, tmp_path: Path, begin_run: Begin
) -> None:
    plan = Plan(source="own", base=base_folder(tmp_path))
    with pytest.raises(WriterError, match="no piece with a brief"):
        begin(plan, home, store)
    for i in range(3):
        piece = store.new_piece(f"A story about lamp {i}", TEXT.format(i))
        assert piece
    folder = begin(plan, home, store)
    assert [e.text for e in read(job.copied_data(folder)).examples] == [e.text for e in data_of(plan, store).examples]
    assert name_of(Plan(), home) == "my-style-2"
    with pytest.raises(TrainingError, match="'my-style' is taken"):
        begin(plan.model_copy(update={"name": "my-style"}), home, store)
    assert ended(folder).state == "finished"
    assert run_folder.config_of(folder).base == plan.base and not (folder / COPY).exists()
    copied = Plan(source="file", path=str(job.copied_data(folder)), base=plan.base)  # as “Fill the form” has it
    other = begin(copied, home, store)
    assert ended(other).state == "finished"
    delete(folder)
    assert not job.copied_data(folder).exists()
    assert read(Path(run_folder.config_of(other).data)).examples  # of its own


def test_the_checklist_says_what_is_missing_and_start_says_the_first_of_it(tmp_path: Path, store: Store) -> None:
    found = checked(Plan(base="nothing"), tmp_path, store)
    assert said(found, "Data").startswith("good: 90 pieces")
    assert said(found, "Base").startswith("fault") and found.wanted == "Choose a base model"
    base = base_folder(tmp_path)
    assert checked(Plan(base=base), tmp_path, store).wanted == ""
    assert checked(Plan(base=base, source="file"), tmp_path, store).wanted == "Choose what to learn from"
    assert checked(Plan(base=base, name="a/b"), tmp_path, store).wanted == "Choose another name"
    wrong = checked(Plan(base=base, numbers={"steps": 0, "rank": 0}), tmp_path, store)
    assert (
        wrong.wanted == "Correct the numbers" and "steps" in said(wrong, "Numbers") and "rank" in said(wrong, "Numbers")
    )


def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path: Path, store: Store) -> None:
    base, file = base_folder(tmp_path), tmp_path / "rows.jsonl"
    plan = Plan(base=base, source="file", path=rows_file(file, 16, '{"prompt": "cut', '{"prompt": "x"}'))
    found = checked(plan, tmp_path, store)
    assert said(found, "Data") == "note: 16 pieces to learn from; 2 rows left out, see below why."
    assert found.data and [(d.file, d.line) for d in found.data.dropped] == [("rows.jsonl", 17), ("rows.jsonl", 18)]
    assert found.wanted == ""
    one = checked(Plan(base=base, source="file", path=rows_file(file, 1)), tmp_path, store)
    assert one.wanted == "Add more pieces" and "only one piece" in said(one, "Test")
    assert "by heart" in said(
        checked(Plan(base=base, source="file", path=rows_file(file, 5)), tmp_path, store), "Enough"
    )
    file.write_text("")
    assert "is empty" in said(checked(Plan(base=base, source="file", path=str(file)), tmp_path, store), "Data")


def test_practice_says_what_drafts_are_scored_by(tmp_path: Path, store: Store) -> None:
    base, file = base_folder(tmp_path), tmp_path / "prompts.txt"
    plan = Plan(goal="mrpo", base=base)
    assert said(checked(plan, tmp_path, store), "Criteria").endswith(": 60 of 60.")
    file.write_text("A story about a lamp\nA letter to the sea\nA poem of 40 words\n")
    vague = checked(plan.model_copy(update={"source": "file", "path": str(file)}), tmp_path, store)
    assert (
        said(vague, "Criteria").startswith("note: ") and ": 1 of 3. " in said(vague, "Criteria") and vague.wanted == ""
    )
    judged = plan.model_copy(update={"numbers": {"reward": "judge", "judge": "starter"}})
    found = checked(judged, tmp_path, store)
    assert found.wanted == "Choose another judge"  # it is not here
    assert said(found, "Words").startswith("fault: No request has a criterion in words")
    assert said(found, "Test") == "good: Held out, to see what was really learned: 12 of them."  # as the run does


def test_whole_thoughts_have_room_and_the_checklist_says_what_they_need(tmp_path: Path, store: Store) -> None:
    assert configured("mrpo", name="sea", base="starter", data="/x", thoughts="ppo").text_tokens == 384
    assert configured("mrpo", name="sea", base="starter", data="/x").text_tokens == 96
    plan = Plan(goal="mrpo", base=base_folder(tmp_path), numbers={"thoughts": "credits"})
    found = checked(plan, tmp_path, store)
    assert "of up to 384 tokens" in said(found, "Length") and found.wanted == "" == said(found, "Thoughts")
    assert said(found, "Form").startswith("note: A base hardly")
    short = checked(plan.model_copy(update={"numbers": {"thoughts": "ppo", "text_tokens": 96}}), tmp_path, store)
    assert "96 of 384 text_tokens" in said(short, "Thoughts") and short.wanted == ""


def test_a_run_may_go_on_from_what_a_run_of_this_home_learned_and_from_nothing_else(
    tmp_path: Path, home: Path, store: Store, begin_run: Begin
) -> None:
    folder = begin_run("sea", 1)
    ended(folder)
    starter = catalog.find("starter", tmp_path / "models")
    run_folder.add_facts(folder, base={"name": starter.name, "sha256": starter.sha256})
    (start,) = starts(home)
    assert (start.title, start.folder, start.base) == ("sea", folder / "adapter", "smollm2-135m")
    plan = Plan(goal="mrpo", name="onward", adapter=str(start.folder), numbers={"thoughts": "credits"})
    assert config_of(plan, home).adapter == str(start.folder)
    found = ready(plan, home, tmp_path / "models", store)
    assert said(found, "Begins with").startswith("good: What “sea” learned") and said(found, "Form") == ""
    other = ready(plan.model_copy(update={"base": "standard"}), home, tmp_path / "models", store)
    assert said(other, "Begins with").startswith("fault: “sea” was trained on smollm2-135m, and the base is qwen")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "adapter_model.safetensors").touch()
    for path in (elsewhere, folder, folder / ".." / "sea" / "adapter"):
        stray = plan.model_copy(update={"adapter": str(path)})
        refused = ready(stray, home, tmp_path / "models", store)
        assert "of no run on this list" in said(refused, "Begins with")
        with pytest.raises(TrainingError, match="of no run on this list"):
            begin(stray, home, store)


def test_pieces_longer_than_a_row_are_told_before_the_start(tmp_path: Path, store: Store) -> None:
    plan = Plan(base=base_folder(tmp_path), numbers={"text_tokens": 8})
    assert "90 of 90 pieces are too long" in said(checked(plan, tmp_path, store), "Length")


def test_a_second_run_is_refused_before_it_is_begun(tmp_path: Path, store: Store, begin_run: Begin) -> None:
    folder = begin_run(pause=0.05)
    found = checked(Plan(base=base_folder(tmp_path)), tmp_path, store)
    assert found.wanted == "Another run is training" and "“sea” is training" in said(found, "Machine")
    job.discard(folder, 1.0)
    assert checked(Plan(base=base_folder(tmp_path)), tmp_path, store).wanted == ""


def test_smaller_sizes_are_estimated_to_need_less_memory() -> None:
    from writer_r1.gguf_header import Header

    facts: dict[str, str | int | float | bool] = {"general.architecture": "llama", "llama.embedding_length": 576}
    header = Header({**facts, "llama.block_count": 30, "llama.vocab_size": 49152}, 1, 1)
    config = configured("sft", name="sea", base="b", data="d", batch=8)
    needs = [memory_of(config, header), memory_of(smaller(config), header), memory_of(smaller(smaller(config)), header)]
    assert needs == sorted(needs, reverse=True) and needs[0] > 2 * needs[-1]
    assert 5e9 < needs[0] < 9e9  # 7.3 GB were measured of the starter


def test_a_path_is_read_as_it_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert path_of(' "~/stories" ') == Path("/somewhere/stories")


# Warnings


def mrpo(**more: object) -> list[dict[str, object]]:
    row = {"groups": 1, "groups_flat": 0, "frac_reward_zero_std": 0.0, "reward": 0.5, "entropy": 3.0}
    return [{"step": n, **row, "completions/mean_length": 40.0, **more} for n in range(1, 31)]


def test_a_run_that_goes_well_is_not_warned_about() -> None:
    held = [{"step": n, "split": "held_out", "loss": 3.0 - n / 100} for n in (0, 20, 40)]
    assert warnings("sft", [*held, {"step": 1, "loss": 3.1}]) == []
    assert warnings("mrpo", mrpo()) == warnings("mrpo", []) == []


def test_what_goes_wrong_is_said_in_a_sentence() -> None:
    held = [{"step": n, "split": "held_out", "loss": value} for n, value in ((0, 3.0), (20, 2.5), (40, 2.6))]
    assert "since step 20" in warnings("sft", held)[0]
    assert "67% of groups scored the same" in warnings("mrpo", mrpo(groups_flat=2))[0]
    assert "61%" in warnings("mrpo", mrpo(frac_reward_zero_std=0.61))[0]
    longer = mrpo()
    for row in longer[-10:]:
        row["completions/mean_length"], row["entropy"] = 90.0, 0.5
    assert [w[:6] for w in warnings("mrpo", longer)] == ["Drafts", "Drafts"]
    assert "cut off" in warnings("mrpo", mrpo(**{"completions/clipped_ratio": 0.8}))[0]
    unformed = mrpo(groups_flat=2, **{"thoughts/well_formed": 0.2})
    assert [w[:30] for w in warnings("mrpo", unformed)] == ["20% of its replies are whole t"]
    assert "moved far" in warnings("mrpo", mrpo(kl=0.9))[0]
    assert "1 update was skipped" in warnings("sft", [{"step": 1, "skipped": True}])[0]
    assert warnings("mrpo", [{"split": "warning", "warning": "All the same."}]) == ["All the same."]
    rises = [row | {"reward": 0.3 + int(str(row["step"])) / 100} for row in mrpo()]
    falls = [{"step": n, "split": "held_out", "reward": 0.5 - n / 100} for n in (0, 10, 20)]
    assert "please the criteria" in warnings("mrpo", [*rises, *falls])[0]
