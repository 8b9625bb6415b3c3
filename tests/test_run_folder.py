"""A run's folder: what one process writes another reads, whatever a kill left of it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from writer_r1.errors import Busy, TrainingError
from writer_r1.training import run_folder as run
from writer_r1.training.config import PRESETS, Config, configured, parsed, smaller


def config(**chosen: object) -> Config:
    return configured("sft", name="sea", base="starter", data="rows.jsonl", **chosen)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run.create(tmp_path / "run", config())
    return tmp_path / "run"


@pytest.mark.parametrize("kind", PRESETS)
@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_every_preset_is_a_configuration(kind: str, preset: str) -> None:
    found = configured(kind, preset=preset, name="a", base="starter", data="d")  # type: ignore[arg-type]
    assert (found.kind, found.preset) == (kind, preset)
    assert parsed(json.loads(json.dumps(found.model_dump()))) == found


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(TrainingError, match=r"steps: .*rank: .*reward") as caught:
        config(steps=0, rank=0, reward="praise")
    assert caught.value.kind == "settings"
    with pytest.raises(TrainingError, match="judge model"):
        config(reward="judge")
    with pytest.raises(TrainingError, match="stepz"):
        config(stepz=3)


def test_a_smaller_run_needs_less_and_stays_valid() -> None:
    one, other = config(), configured("mrpo", name="sea", base="starter", data="rows.jsonl")
    for _ in range(12):
        one, other = parsed(smaller(one).model_dump()), parsed(smaller(other).model_dump())
    assert (one.batch, one.micro_tokens, one.text_tokens) == (1, 64, config().text_tokens)  # pieces still fit
    assert (other.group, other.micro_tokens, other.text_tokens) == (2, 64, 8)


def test_what_was_asked_is_read_again(folder: Path) -> None:
    assert run.config_of(folder) == config()
    run.add_facts(folder, base={"sha256": "ab"})
    assert run.record(folder)["base"] == {"sha256": "ab"}
    assert run.config_of(folder) == config()
    assert run.state(folder) == "starting"


def test_a_folder_in_use_is_not_taken(folder: Path) -> None:
    with pytest.raises(TrainingError, match="not empty"):
        run.create(folder, config())


def test_a_folder_of_another_version_is_not_gone_on_with(folder: Path) -> None:
    row = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**row, "version": 99}))
    with pytest.raises(TrainingError, match="another version"):
        run.record(folder)
    with pytest.raises(TrainingError, match="no training run"):
        run.record(folder.parent)


def test_rows_outlive_a_kill_in_the_middle_of_one(folder: Path) -> None:
    run.add_metrics(folder, {"step": 1, "loss": 2.0})
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 2, "lo')
    run.add_metrics(folder, {"step": 2, "loss": 1.5})
    run.add_metrics(folder, {"step": 2, "split": "held_out", "loss": 1.9})
    run.add_metrics(folder, {"step": 2, "loss": 1.4})  # done again after a resume
    assert [(r["step"], r["loss"]) for r in run.metrics(folder)] == [(1, 2.0), (2, 1.4), (2, 1.9)]


def test_samples_hold_any_text(folder: Path) -> None:
    run.add_sample(folder, {"step": 1, "prompt_id": "p", "text": "half an emoji \ud83d and 海"})
    assert run.samples(folder)[0]["text"].endswith("海")


def test_a_stop_is_asked_for_once_and_cleared(folder: Path) -> None:
    assert run.stop_asked(folder) is None
    run.ask_stop(folder)
    assert run.stop_asked(folder) == "save"
    run.ask_stop(folder, discard=True)
    assert run.stop_asked(folder) == "discard"
    run.begin_again(folder)
    assert run.stop_asked(folder) is None


def test_the_end_is_told_in_a_sentence(folder: Path) -> None:
    run.end(folder, run.Exit(outcome="failed", kind="memory", sentence="Too little memory."))
    assert (found := run.exit_of(folder)) is not None
    assert (found.kind, run.state(folder)) == ("memory", "failed")
    assert abs(found.t - time.time()) < 60
    run.begin_again(folder)
    assert run.exit_of(folder) is None


HOLD = """
import pathlib, sys, time
from writer_r1.training import run_folder as run
folder = pathlib.Path(sys.argv[1])
with run.alive(folder):
    run.set_state(folder, "training")
    run.beat(folder, "training", 3, 60)
    print("here", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_is_told_from_a_living_one(folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        assert run.is_alive(folder)
        assert run.exit_of(folder) is None
        assert (beat := run.last_beat(folder)) is not None
        assert (beat.phase, beat.done, beat.total) == ("training", 3, 60)
        with pytest.raises(Busy), run.alive(folder):
            pass
        with pytest.raises(Busy):
            run.begin_again(folder)
    finally:
        child.kill()
        child.wait()
    assert not run.is_alive(folder) and run.exit_of(folder) is None  # it said nothing


def test_what_a_killed_process_learned_and_did_not_keep_counts_no_more(folder: Path) -> None:
    for step in (8, 9, 10):
        run.add_metrics(folder, {"step": step, "loss": 1.0})
    run.add_metrics(folder, {"step": 10, "split": "held_out", "reward": 0.5})
    for step in (11, 12, 13):  # then it is killed, and goes on from its checkpoint of step 10
        run.add_metrics(folder, {"step": step, "loss": 1.0})
    run.add_metrics(folder, {"step": 13, "split": "held_out", "reward": 0.7})
    for step in (11, 12):
        run.add_metrics(folder, {"step": step, "loss": 2.0})
    found = run.metrics(folder)
    assert [(r["step"], r.get("split", ""), r.get("loss")) for r in found] == [
        (8, "", 1.0), (9, "", 1.0), (10, "", 1.0), (10, "held_out", None), (11, "", 2.0), (12, "", 2.0)
    ]  # fmt: skip


def test_a_full_disk_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrainingError, match="disk is full") as caught:
        run.set_state(folder, "training")
    assert caught.value.kind == "disk"
    assert run.state(folder) == "starting"
