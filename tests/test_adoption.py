"""A run's folder -> an adapter of the home: its manifest, which of its states, and what cannot be adopted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import STARTER
from lora_files import STARTER_SHA, peft_adapter

from writer_r1 import adapters, catalog
from writer_r1.cli import main
from writer_r1.errors import WriterError
from writer_r1.training import run_folder
from writer_r1.training.adoption import adopt
from writer_r1.training.best import Best
from writer_r1.training.config import configured
from writer_r1.training.report import report
from writer_r1.trajectory import prompt_id

STORY = "The keeper climbed the stair with a can of oil and counted the steps as he went."
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return peft_adapter(tmp_path_factory.mktemp("learned"))


@pytest.fixture
def run(tmp_path: Path, learned: Path) -> Run:
    """A run that has ended, as the training process leaves it."""

    def made(name: str = "sea 1", **base: Any) -> Path:
        data, folder = tmp_path / "pieces.jsonl", tmp_path / "runs" / name
        rows = [{"id": str(n), "prompt": f"A storm, take {n}", "text": STORY} for n in range(4)]
        data.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        run_folder.create(folder, configured("sft", name=name, base="starter", data=str(data)))
        told = json.loads((folder / "run.json").read_text("utf-8"))
        told["data"] = {"trained_on": ["0", "1", "2"], "held_out": ["3"]}
        told["base"] = {"name": "SmolLM2", "sha256": STARTER_SHA, "source": str(STARTER)} | base
        (folder / "run.json").write_text(json.dumps(told), "utf-8")
        for step, loss in ((0, 3.0), (20, 2.5)):
            run_folder.add_metrics(folder, {"step": step, "split": "held_out", "loss": loss})
        (folder / "adapter").symlink_to(learned) if base.get("empty") is None else None
        return folder

    return made


@pytest.mark.model
def test_a_run_becomes_an_adapter_that_says_what_it_learned_from(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    adapter = adopt(folder := run(), home)
    assert (adapter.name, adapter.kind, adapter.base, adapter.pieces) == ("sea 1", "sft", "SmolLM2", 3)
    assert adapter.trained_on == tuple(sorted(prompt_id(f"A storm, take {n}") for n in range(3)))
    assert adapter.metrics == {"held_out_loss_before": 3.0, "held_out_loss": 2.5}
    assert adapters.fitting(catalog.find("starter", STARTER.parent), home) == [adapter]
    run_folder.add_metrics(folder, {"step": 40, "split": "held_out", "loss": 2.0})
    assert adopt(folder, home).metrics["held_out_loss"] == 2.0 and len(adapters.adapters(home)) == 1


@pytest.mark.model
def test_the_adapter_that_did_best_is_taken_by_default_and_the_last_one_by_wish(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, home = run(), tmp_path / "home"
    better = peft_adapter(tmp_path / "better", seed=1)
    kept = folder / "best" / "step-000010"
    shutil.copytree(better, kept / "adapter")
    (kept / "figure.json").write_text('{"step": 10, "figure": 2.25}')
    best, last = adopt(folder, home), adopt(folder, tmp_path / "other home", "last")
    assert (best.which, best.step, best.metrics["held_out_loss"]) == ("best", 10, 2.25)
    assert (last.which, last.metrics["held_out_loss"]) == ("last", 2.5)
    for which, source in ((None, better), ("best", better), ("last", folder / "adapter")):
        out = tmp_path / f"peft {which}"
        chosen = ["--which", which] if which else []
        assert main(["runs", "export", str(folder), "--to", "peft", "--out", str(out), *chosen]) == 0
        weights = "adapter_model.safetensors"
        assert (out / weights).read_bytes() == (source / weights).read_bytes()
    assert "did best on what was held out: step-000010" in capsys.readouterr().err
    assert report(folder).best == Best(kept / "adapter", 10, 2.25)


@pytest.mark.model
def test_a_run_is_exported_in_each_form_and_takes_the_place_of_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run()
    for form, out in (("peft", "peft"), ("gguf-adapter", "lora.gguf")):
        command = ["runs", "export", str(folder), "--to", form, "--out", str(tmp_path / out)]
        assert main(command) == 0 and capsys.readouterr().out.strip() == str(tmp_path / out)
        assert main(command) == 1 and "is there already; give a name that is free" in capsys.readouterr().err
    assert {p.name for p in (tmp_path / "peft").iterdir()} >= {"adapter_model.safetensors", "adapter_config.json"}
    assert (tmp_path / "lora.gguf").read_bytes()[:4] == b"GGUF"


def test_a_run_without_an_adapter_or_of_other_weights_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(WriterError, match="has no adapter yet; let it finish, or stop and save it"):
        adopt(run(empty=True), tmp_path)
    with pytest.raises(WriterError, match="has no best adapter: nothing was tested after its first updates"):
        adopt(run("best", empty=True), tmp_path, "best")
    with pytest.raises(WriterError, match="only an adapter of a GGUF model can be used here"):
        adopt(run("other", source=str(tmp_path)), tmp_path)
    with pytest.raises(WriterError, match="is not at .* any more; download or move it back"):
        adopt(run("gone", source=str(tmp_path / "gone.gguf")), tmp_path)
