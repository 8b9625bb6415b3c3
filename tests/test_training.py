"""Whole runs on a tiny random model: they learn, stop, go on bit for bit, and say in a sentence why they cannot."""

import json
import math
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from tiny_base import make_base
from training_data import run_config, write_rows

from writer_r1.cli import main
from writer_r1.training import checkpoint, group_advantage, mrpo, policy, run_folder, sft
from writer_r1.training.best import Best, best_of
from writer_r1.training.config import Config
from writer_r1.training.learner import Learner
from writer_r1.training.lessons import write_lessons
from writer_r1.training.optimizer import Optimizer, Stepped
from writer_r1.training.process import environment, run
from writer_r1.training.rewards import Reward
from writer_r1.training.run_folder import Exit
from writer_r1.training.warnings import warnings
from writer_r1.trajectory import Lesson

pytestmark = pytest.mark.long

LOOPS = {"sft": sft.train, "mrpo": mrpo.train}
# Few prompts, so that they come again; every difference counts; and replies of which some end by themselves.
REPLAY = {
    "replay": {"warm_up": 1, "least": 1, "uniform": 0.0, "ratio_low": 0.1, "ratio_high": 10.0},
    "objective": {"noise": 0.0},
    "held_out": 0.8,
    "held_out_prompts": 2,
    "text_tokens": 40,
    "steps": 8,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def with_replay(**chosen: Any) -> dict[str, Any]:
    return {**REPLAY, "replay": {**REPLAY["replay"], **chosen}}  # type: ignore[dict-item]


class Runs:
    def __init__(self, root: Path, base: Path, data: Path) -> None:
        self.root, self.base, self.data = root, base, data

    def make(self, kind: str, name: str = "run", lessons: Sequence[Lesson] = (), **chosen: Any) -> Path:
        run_folder.create(self.root / name, run_config(kind, chosen.pop("base", self.base), self.data, **chosen))
        write_lessons(self.root / name, lessons) if lessons else None
        return self.root / name

    def go(self, kind: str, name: str = "run", **chosen: Any) -> tuple[Path, Exit]:
        folder = self.make(kind, name, **chosen)
        return folder, again(folder)


def again(folder: Path) -> Exit:
    run(folder, LOOPS[run_folder.config_of(folder).kind])
    found = run_folder.exit_of(folder)
    assert found is not None
    return found


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reward that every text has a little of: the criteria of a request tell hardly one random text from another."""

    def share(self: object, prompt: str, rubric: object, text: str, whole: bool) -> Reward:
        found = sum("a" <= letter <= "z" for letter in text) / max(8, len(text))
        return Reward(found, {"letters": found})

    monkeypatch.setattr(mrpo.Rewarder, "_looked", share)


def lessons() -> list[Lesson]:
    """What helped with every request but one, and what did not help with any."""
    about = {"criterion": "voice", "rubric_id": "r", "trajectory_id": "t", "delta": 0.2}
    prompts = [f"Write {4 + i} words about sea number {i}." for i in range(12)]
    helped = [Lesson(id=f"l{p}", kind="success", text=f"Keep {p[-2]} short.", prompt=p, **about) for p in prompts[1:]]
    return [*helped, *(row.model_copy(update={"kind": "failure", "text": "Use no verbs."}) for row in helped)]


@pytest.fixture
def runs(tmp_path: Path, base: Path, data: Path) -> Runs:
    return Runs(tmp_path, base, data)


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def same(one: Path, other: Path) -> bool:
    a, b = adapter(one), adapter(other)
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in ("rss_mib", "t") and not k.startswith("seconds/")}


def rows(folder: Path, split: str = "train") -> list[dict[str, Any]]:
    return [row for row in run_folder.metrics(folder) if row.get("split", "train") == split]


def test_sft_lowers_the_loss_on_what_it_never_saw(runs: Runs) -> None:
    folder, found = runs.go("sft", steps=30, learning_rate=2e-2, evaluate_every=30)
    assert found.outcome == "finished", found.sentence
    first, last = rows(folder, "held_out")
    assert (first["step"], last["step"]) == (0, 30)
    assert last["loss"] < 0.8 * first["loss"]
    assert [row["step"] for row in rows(folder)] == list(range(1, 31))
    about = run_folder.record(folder)["data"]
    assert not {*about["trained_on"]} & {*about["held_out"]}
    assert {s["step"] for s in run_folder.samples(folder)} == {0, 30}


def test_mrpo_raises_what_it_is_rewarded_for(runs: Runs, letters: None) -> None:
    folder, found = runs.go("mrpo", **{**REPLAY, "steps": 30, "group": 8, "learning_rate": 3e-2, "evaluate_every": 30})
    assert found.outcome == "finished", found.sentence
    first, last = rows(folder, "held_out")
    assert last["reward"] > first["reward"] + 0.05, (first, last)
    assert max(row["replay/share"] for row in rows(folder)) > 0.05
    assert any(row.get("replay/ratio/max") for row in rows(folder))
    assert (folder / "replay.db").exists()


def test_a_reward_that_anyone_can_have_is_told_at_each_evaluation(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        mrpo.Rewarder, "_looked", lambda _, prompt, rubric, text, whole: Reward(min(1.0, len(text) / 2000), {})
    )
    folder, _ = runs.go("mrpo", **{**REPLAY, "steps": 1, "evaluate_every": 1})
    first, last = rows(folder, "held_out")
    assert first["watch/very_long"] > 4 * first["watch/honest"]
    told = warnings("mrpo", run_folder.metrics(folder))
    assert any("a draft padded to four times its length" in t and f"{last['watch/honest']:.2f}" in t for t in told)
    chance, _ = runs.go("mrpo", "chance", steps=1, reward="random")
    assert not any("watch/honest" in row for row in rows(chance, "held_out"))


def test_rewards_by_criterion_are_told_with_the_weights_they_were_trained_with(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(self: object, prompt: str, rubric: object, text: str, whole: bool) -> Reward:
        scores = {"long": min(1.0, len(text) / 100), "letters": sum(map(str.isalpha, text)) / max(8, len(text))}
        return Reward(fmean(scores.values()), scores, weights=dict.fromkeys(scores, 0.5))

    monkeypatch.setattr(mrpo.Rewarder, "_looked", two)
    for module in (mrpo, group_advantage):
        monkeypatch.setattr(module, "LONG", 1)
    plain, _ = runs.go("mrpo", "plain", **{**REPLAY, "steps": 4})
    chosen = {"noise": 0.0, "aggregation": "normalize_then_sum", "contrast": True, "length_residual": True}
    shaped, found = runs.go("mrpo", "shaped", **{**REPLAY, "steps": 4, "objective": chosen})
    assert found.outcome == "finished", found.sentence
    first, *_, last = rows(shaped)
    assert first["weights/long/mean"] + first["weights/letters/mean"] == pytest.approx(1.0)
    assert first["weights/long/mean"] != pytest.approx(0.5, abs=0.01)
    assert (first["length/together"], first["length/residual"]) == (0, 0.0)
    assert last["length/together"] >= 1 and last["length/residual"] == 1.0
    assert first["reward"] == rows(plain)[0]["reward"]  # what is told is the true reward
    assert not any(name.startswith("weights/") for name in rows(plain)[0])
    assert not same(plain, shaped)


def test_a_replay_weight_of_zero_is_plain_grpo_bit_for_bit(runs: Runs, letters: None) -> None:
    weightless, _ = runs.go("mrpo", "weightless", **with_replay(weight=0.0))
    plain, _ = runs.go("mrpo", "plain", **with_replay(rows=0))
    replayed, _ = runs.go("mrpo", "replayed", **REPLAY)
    assert same(weightless, plain)
    assert not same(replayed, plain)
    assert sum(row["replay/rows"] for row in rows(replayed)) > 0


def test_a_row_of_an_earlier_policy_is_not_taken_for_a_new_one(runs: Runs, letters: None) -> None:
    folder, _ = runs.go("mrpo", learning_rate=2e-2, **REPLAY)
    found = [row for row in rows(folder) if row["replay/rows"]]
    assert found
    assert any(abs(row["replay/ratio/max"] - 1) > 0.01 for row in found)
    fresh = [row["sampling/logp_difference/max"] for row in rows(folder) if row["groups"]]
    assert max(fresh) < 1e-4  # while the sampler of fresh rows is the policy itself


@pytest.mark.parametrize("kind", LOOPS)
def test_the_adapter_of_the_best_evaluation_is_kept(runs: Runs, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {0: 9.0, 2: 3.0, 4: 2.0, 6: 2.5} if kind == "sft" else {0: 0.9, 2: 0.4, 4: 0.5, 6: 0.5}
    keep = Learner.keep_best

    def judged(self: Learner, figure: float) -> None:
        assert math.isfinite(figure)
        keep(self, figures[self.state["step"]])

    monkeypatch.setattr(Learner, "keep_best", judged)
    folder, found = runs.go(kind, evaluate_every=2)
    assert found.sentence.endswith(
        "the adapter is ready to try. The best on what was held out, of update 4, is kept too."
    )
    best = best_of(folder)
    assert best == Best(
        folder / "best" / "step-000004" / "adapter", 4, figures[4]
    )  # not the start; of equals the first
    (kept,) = (folder / "best").iterdir()
    then, now = (load_file(p / "adapter_model.safetensors") for p in (best.folder, folder / "adapter"))
    of_then = load_file(folder / "checkpoints" / "step-000004" / "adapter" / "adapter_model.safetensors")
    assert all(torch.equal(v, of_then[k]) for k, v in then.items())
    assert any(not torch.equal(v, now[k]) for k, v in then.items())


def test_a_better_adapter_takes_the_place_of_the_best_whole_or_not_at_all(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs.make("sft", evaluate_every=2, learning_rate=2e-2)  # so fast that each evaluation is the best
    replace, steps = os.replace, list[str]()

    def killed(source: Any, target: Any) -> None:
        if "best" in Path(target).parts:
            steps.append(Path(target).name)
            if len(steps) == 2:
                raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(checkpoint.os, "replace", killed)
    found = again(folder)
    assert (found.kind, steps) == ("disk", ["step-000002", "step-000004"])
    assert [p.name for p in (folder / "best").iterdir()] == ["step-000002"]
    run_folder.begin_again(folder)
    assert again(folder).outcome == "finished"
    assert [p.name for p in (folder / "best").iterdir()] == ["step-000006"]  # kept over the restart, and bettered
    run_folder.throw_away(folder)
    assert best_of(folder) is None


def test_without_a_share_or_without_lessons_nothing_changes_bit_for_bit(runs: Runs, letters: None) -> None:
    chosen = {**REPLAY, "steps": 4, "held_out": 0.2}
    plain, _ = runs.go("mrpo", "plain", **chosen)
    for name, more in (("no share", {"lessons": lessons()}), ("no lessons", {"memory_share": 0.5})):
        other, _ = runs.go("mrpo", name, **chosen, **more)  # type: ignore[arg-type]
        assert same(plain, other)
        assert [numbers(row) for row in rows(plain)] == [numbers(row) for row in rows(other)]


def test_a_share_of_the_rollouts_is_written_with_lessons_and_learned_as_if_without(runs: Runs, letters: None) -> None:
    folder, found = runs.go("mrpo", lessons=lessons(), **{**REPLAY, "steps": 4, "held_out": 0.2}, memory_share=0.5)
    assert found.outcome == "finished", found.sentence
    told = rows(folder)
    assert {row.get("memory/rows", 0) for row in told} <= {0, 2, 4} and any(row.get("memory/rows") for row in told)
    for row in told:
        if row.get("memory/rows"):
            assert row["memory/logp_difference/mean"] > 0.01 and row["memory/gain"] is not None
        assert row["sampling/logp_difference/max"] < 1e-4  # the others' sampler is the policy itself
    assert all(len(s["prompt"]) < 60 for s in run_folder.samples(folder))  # what is tested has no lessons


@pytest.mark.parametrize("kind", LOOPS)
def test_a_run_goes_on_bit_for_bit(runs: Runs, letters: None, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"lessons": lessons(), "memory_share": 0.25} if kind == "mrpo" else {}
    straight, _ = runs.go(kind, "straight", **REPLAY, **more)
    broken = runs.make(kind, "broken", **REPLAY, **more)
    step = Optimizer.step

    def stopping(self: Optimizer, number: int) -> Stepped:
        if number == 3 and not (broken / "asked").exists():  # once, in the middle of update 4
            (broken / "asked").touch()
            run_folder.ask_stop(broken)
        return step(self, number)

    monkeypatch.setattr(Optimizer, "step", stopping)
    assert again(broken).outcome == "stopped"
    assert 3 <= max(row["step"] for row in rows(broken)) <= 4
    run_folder.begin_again(broken)
    assert again(broken).outcome == "finished"
    assert same(straight, broken)
    told = [
        [{k: v for k, v in r.items() if not k.startswith(("seconds", "rss", "t"))} for r in rows(f)]
        for f in (straight, broken)
    ]
    assert told[0] == told[1]
    if kind == "mrpo":
        assert (straight / "replay.db").stat().st_size == (broken / "replay.db").stat().st_size


def step_of(folder: Path) -> int:
    beat = run_folder.last_beat(folder)
    return beat.done if beat else 0


def test_a_stop_while_texts_are_judged_or_learned_from_goes_on_with_the_same_prompts(
    runs: Runs, letters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {**REPLAY, "steps": 12, "evaluate_every": 12}
    straight, _ = runs.go("mrpo", "straight", **chosen)
    broken, whole, fresh = runs.make("mrpo", "broken", **chosen), mrpo.Rewarder._looked, mrpo.learn_fresh
    for at in ("judged", "learned from"):
        late = list[bool]()

        def looked(self: Any, *given: Any, at: str = at) -> Reward:
            if run_folder.state(broken) == "training" and step_of(broken) == 8 and at == "judged":
                run_folder.ask_stop(broken)
            return whole(self, *given)

        def learned(*given: Any, at: str = at, late: list[bool] = late) -> Any:
            late.append(run_folder.stop_asked(broken) is not None)
            if at == "learned from" and step_of(broken) == 9:
                run_folder.ask_stop(broken)
            return fresh(*given)

        with monkeypatch.context() as watched:
            watched.setattr(mrpo.Rewarder, "_looked", looked)
            watched.setattr(mrpo, "learn_fresh", learned)
            found = again(broken)
        assert found.outcome == "stopped" and not any(late), at  # heard before anything was learned from
        run_folder.begin_again(broken)
    assert again(broken).outcome == "finished"
    assert same(straight, broken)


def test_data_that_changed_since_the_run_began_are_not_trained_on(runs: Runs, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_bytes(runs.data.read_bytes())
    folder = Runs(tmp_path, runs.base, data).make("sft", steps=2)
    assert again(folder).outcome == "finished"
    data.write_bytes(data.read_bytes() + b"\n")
    run_folder.begin_again(folder)
    found = again(folder)
    assert (found.outcome, found.kind) == ("failed", "data") and "have changed since this run began" in found.sentence


def test_a_run_that_began_with_an_adapter_goes_on_when_that_is_gone(runs: Runs, tmp_path: Path) -> None:
    first, _ = runs.go("sft", "first", steps=2)
    gone = tmp_path / "gone"
    shutil.copytree(first / "adapter", gone)
    second = runs.make("sft", "second", steps=4, adapter=str(gone), checkpoint_every=1)
    assert again(second).outcome == "finished"
    shutil.rmtree(gone)
    run_folder.begin_again(second)
    assert again(second).outcome == "finished"


def test_a_killed_run_goes_on_from_its_checkpoint(runs: Runs) -> None:
    straight, _ = runs.go("mrpo", "straight", **{**REPLAY, "steps": 12})
    killed = runs.make("mrpo", "killed", **{**REPLAY, "steps": 12})
    env = {**dict(environment(run_folder.config_of(killed))), "PATH": "", "WRITER_R1_HOME": str(runs.root)}
    child = subprocess.Popen([sys.executable, "-m", "writer_r1.training.mrpo", str(killed)], env=env)
    try:
        deadline = time.monotonic() + 120
        while not checkpoint.every(killed) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        child.kill()
        child.wait()
    assert run_folder.exit_of(killed) is None
    run_folder.begin_again(killed)
    assert again(killed).outcome == "finished"
    assert same(straight, killed)


def test_a_stop_is_heard_within_a_group_and_may_throw_all_away(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = policy.choose
    folder = runs.make("mrpo", steps=50)
    run_folder.ask_stop(folder, discard=True)
    found = again(folder)
    assert (found.outcome, run_folder.state(folder)) == ("discarded", "stopped")
    assert "before the first update" in found.sentence
    for discard in (False, True):
        run_folder.begin_again(folder)
        calls = list[int]()
        ask = partial(run_folder.ask_stop, folder, discard=discard)

        def asked(logits: torch.Tensor, chance: torch.Tensor, calls: list[int] = calls, ask: Any = ask) -> Any:
            calls.append(len(logits))
            if calls[-3:] == [4, 4, 4] and run_folder.state(folder) == "training":  # within a group
                ask()
            return choose(logits, chance)

        monkeypatch.setattr(policy, "choose", asked)
        found = again(folder)
        assert found.outcome == ("discarded" if discard else "stopped")
        assert calls[-3:] == [4, 4, 4]  # nothing more was drawn
        assert (folder / "adapter").exists() is not discard


def test_a_gradient_that_is_no_number_is_skipped_and_three_end_the_run(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, bad = Optimizer.step, {1, 3}

    def spoiled(self: Optimizer, number: int) -> Stepped:
        if number in bad:
            self._parameters[0].grad = torch.full_like(self._parameters[0], float("nan"))
        return step(self, number)

    monkeypatch.setattr(Optimizer, "step", spoiled)
    folder, found = runs.go("sft", "two")
    assert found.outcome == "finished"
    assert [row["skipped"] for row in rows(folder)] == [False, True, False, True, False, False]
    assert all(torch.isfinite(v).all() for v in adapter(folder).values())
    bad |= {4, 5}
    folder, found = runs.go("sft", "three")
    assert (found.outcome, found.kind) == ("failed", "model")
    assert "3 updates in a row" in found.sentence
    assert checkpoint.every(folder)


def test_drafts_that_all_earn_the_same_are_told_before_the_first_step(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acceptance 16, before the first step, of the page's design."""
    monkeypatch.setattr(mrpo.Rewarder, "reward", lambda *_, **__: Reward(0.5, {}))
    folder, found = runs.go("mrpo", steps=2)
    assert found.outcome == "finished"
    (warned,) = rows(folder, "warning")
    assert warned["warning"].startswith("All 24 sample drafts of the first prompts earn the same reward")
    assert all(not v.any() for k, v in adapter(folder).items() if "lora_B" in k)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ('{"prompt": "Write of the sea.", "text": "The sea is calm and old and the lamp is lit."}\n', "held out"),
        ('{"prompt": "a"\n{"prompt": "b"\n', "line 1"),
    ],
    ids=["empty", "one row", "broken"],
)
def test_data_that_cannot_be_used_is_told_in_a_sentence(
    runs: Runs, tmp_path: Path, content: str, sentence: str
) -> None:
    runs.data = tmp_path / "bad.jsonl"
    runs.data.write_text(content)
    _, found = runs.go("sft")
    assert (found.outcome, found.kind) == ("failed", "data")
    assert sentence in found.sentence


def test_rows_longer_than_the_context_are_left_out_with_why(runs: Runs) -> None:
    _, found = runs.go("sft", "none", text_tokens=8)
    assert found.kind == "data"
    assert "tokens long and 8 are read" in found.sentence
    rows_ = [json.loads(line) for line in runs.data.read_text().splitlines()]
    runs.data = runs.root / "long.jsonl"
    rows_[0]["text"] *= 9
    runs.data.write_text("".join(json.dumps(row) + "\n" for row in rows_))
    folder, found = runs.go("sft", "some")
    assert found.outcome == "finished"
    (dropped,) = run_folder.record(folder)["data"]["dropped"]
    assert dropped["id"] == "row-0"


def test_a_base_that_cannot_be_trained_is_refused(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    _, found = runs.go("sft", "no weights", base=tmp_path / "empty")
    assert (found.kind, "safetensors" in found.sentence) == ("model", True)
    _, found = runs.go("sft", "unknown", base=Path("nobody"))
    assert found.kind == "model"


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_before(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = runs.make("sft")
    write, limit = checkpoint.write, resource.getrlimit(resource.RLIMIT_FSIZE)

    def small(*args: Any, **more: Any) -> Path:
        if args[1]["step"] == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))  # a real refusal by the system
        try:
            return write(*args, **more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    monkeypatch.setattr(checkpoint, "write", small)
    found = again(folder)
    assert (found.outcome, found.kind) == ("failed", "disk")
    assert [p.name for p in (folder / "checkpoints").iterdir()] == ["step-000002"]
    monkeypatch.undo()
    run_folder.begin_again(folder)
    assert again(folder).outcome == "finished"


SHORT = """
import resource, sys
from pathlib import Path
from writer_r1.training import sft
from writer_r1.training.optimizer import Optimizer
from writer_r1.training.process import run

made = Optimizer.__init__
def limited(self, *args):
    made(self, *args)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (24 << 20),) * 2)  # 24 MiB are left
Optimizer.__init__ = limited
sys.exit(run(Path(sys.argv[1]), sft.train))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_too_little_memory_is_told_as_that(runs: Runs) -> None:
    """Acceptance 9, a real failure, of the page's design."""
    rows_ = [json.loads(line) for line in runs.data.read_text().splitlines()]
    runs.data = runs.root / "long.jsonl"
    runs.data.write_text("".join(json.dumps({**row, "text": row["text"] * 30}) + "\n" for row in rows_))
    folder = runs.make("sft", text_tokens=2000, micro_tokens=60_000, batch=16)
    done = subprocess.run([sys.executable, "-c", SHORT, str(folder)], capture_output=True, text=True, timeout=120)
    found = run_folder.exit_of(folder)
    assert found is not None, done.stderr
    assert (found.outcome, found.kind) == ("failed", "memory"), (found, done.stderr)
    assert "smaller sizes" in found.sentence


def test_a_process_that_finds_another_in_its_folder_touches_nothing(runs: Runs, capsys: pytest.CaptureFixture) -> None:
    folder = runs.make("sft")
    with run_folder.alive(folder):
        assert run(folder, sft.train) == 1
    assert "Another process trains" in capsys.readouterr().err
    assert not (folder / "exit").exists()


def together(*command: str, config: Config, **more: str) -> None:
    """Run a launcher of processes to its end, on this machine's processor."""
    env = {**environment(config), "ACCELERATE_USE_CPU": "true", "PATH": "/usr/bin:/bin", **more}
    done = subprocess.run([sys.executable, *command], env=env, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


def learned_the_same(one: Path, other: Path) -> None:
    found = run_folder.exit_of(other)
    assert found is not None and found.outcome == "finished", found
    assert [row["loss"] for row in rows(other)] == pytest.approx([row["loss"] for row in rows(one)], abs=2e-5)
    assert adapter(one).keys() == adapter(other).keys()
    for k, v in adapter(one).items():
        torch.testing.assert_close(adapter(other)[k], v, atol=2e-6, rtol=1e-4, msg=k)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("mrpo", 2),
        pytest.param("sft", 2, marks=pytest.mark.slow),
        pytest.param("mrpo", 4, marks=pytest.mark.slow),
        pytest.param("sft", 4, marks=pytest.mark.slow),
    ],
)
def test_several_processes_learn_what_one_does(runs: Runs, kind: str, count: int) -> None:
    one, _ = runs.go(kind, "one", **{**REPLAY, "steps": 3})
    several = runs.make(kind, "several", **{**REPLAY, "steps": 3})
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count))
    together(*launcher, "-m", f"writer_r1.training.{kind}", str(several), config=run_folder.config_of(several))
    learned_the_same(one, several)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sft", "mrpo"])
@pytest.mark.parametrize("file", ["ddp.yaml", "fsdp2.yaml"])
def test_accelerate_launches_the_shipped_configurations(
    runs: Runs, kind: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command is the one that `--prepare` prints, with `docs/scale/ddp.yaml` or the other file."""
    one, _ = runs.go(kind, "one", **{**REPLAY, "steps": 2})
    config, several = run_folder.config_of(one), runs.root / "several"
    settings = config.model_dump(exclude={"kind", "base", "data", "preset"})
    (runs.root / "settings.json").write_text(json.dumps(settings), "utf-8")
    chosen = ["--base", config.base, "--data", config.data, "--config", str(runs.root / "settings.json")]
    capsys.readouterr()
    assert main(["train", kind, "--run", str(several), *chosen, "--prepare"]) == 0
    assert run_folder.config_of(several) == config
    program, launch, *rest = shlex.split(capsys.readouterr().out)
    assert (program, launch, rest[1]) == ("accelerate", "launch", "docs/scale/ddp.yaml")
    rest[1] = f"docs/scale/{file}"
    together("-m", "accelerate.commands.accelerate_cli", launch, *rest, config=config)
    learned_the_same(one, several)


# What `accelerate launch` says of its accord where a file asks for FSDP2
SHARED = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}


@pytest.mark.parametrize(
    ("kind", "count", "chosen"),
    [
        ("sft", 2, {"batch": 3, "micro_tokens": 64}),  # one has more batches than the other
        ("mrpo", 2, {"objective": {"noise": 0.0, "kl": 0.1}, "group": 3, "micro_tokens": 64}),
        pytest.param("sft", 4, {"batch": 2, "activation_checkpointing": True}, marks=pytest.mark.slow),  # two have none
        pytest.param("mrpo", 4, {"group": 3, "prompts": 1}, marks=pytest.mark.slow),
    ],
)
def test_processes_that_share_out_the_base_learn_what_one_does(
    runs: Runs, kind: str, count: int, chosen: dict[str, Any]
) -> None:
    chosen = {**REPLAY, "steps": 3, "evaluate_every": 1, "learning_rate": 3e-3, **chosen}
    one, _ = runs.go(kind, "one", **chosen)
    several = runs.make(kind, "several", **chosen)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count))
    module = ("-m", f"writer_r1.training.{kind}")
    together(*launcher, *module, str(several), config=run_folder.config_of(several), **SHARED)
    learned_the_same(one, several)
    whole, part = (run_folder.record(folder)["parameters"] for folder in (one, several))
    learned = sum(v.numel() for v in adapter(one).values())
    assert part - learned < 0.75 * (whole - learned)  # embeddings and adapter are whole in each
    first, other = best_of(one), best_of(several)  # saved between passes, by one process alone
    assert first and other and first.step == other.step and first.figure == pytest.approx(other.figure, abs=1e-4)


@pytest.mark.parametrize("name", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_a_launcher_that_would_share_out_the_model_in_another_way_is_refused(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "true")
    _, found = runs.go("sft")
    assert (found.outcome, found.kind) == ("failed", "settings")
    assert "docs/scale/fsdp2.yaml" in found.sentence
