"""`writer-r1 export-env`: what other trainers install gives each text the very reward of our own training."""

import asyncio
import importlib.util
import json
import math
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from writer_r1 import catalog, places
from writer_r1.cli import main
from writer_r1.drafting import draft_request
from writer_r1.judge import Judge
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.training import rewards
from writer_r1.training.config import configured
from writer_r1.training.data import Example, read_prompts
from writer_r1.training.rewards import Rewarder

PROMPT = 'A scene of about 20 words in a laundrette at midnight. Use the words "coin" and "sleeve".'
GOOD = "The laundrette hums at midnight. A coin drops, and she rolls up a sleeve to fish it out, laughing softly."
TEXTS = (GOOD, GOOD.replace("coin", "button"), GOOD[:40], "coin sleeve " * 60, "", "As an AI I cannot write that.")
WARM = [{"name": "Warm", "description": "The piece is warm.", "weight": 3.0}]
ROWS = [
    {"id": "plain", "prompt": PROMPT},
    {"id": "warm", "prompt": "A letter of 30 words to a lighthouse.\u2028It must rhyme.", "rubric": WARM},
    {"prompt": "Ein Gedicht über das Meer."},
]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FakeLLM:
    llm = FakeLLM(lambda _: "")
    llm.judge = lambda draft, question: 7.0 if "coin" in draft else 4.0
    monkeypatch.setattr(rewards, "_judge_of", lambda config: Judge(llm, None, never) if config.judge else None)
    return llm


def export(prompts: Path, folder: Path, *more: str) -> Path:
    assert main(["export-env", "--prompts", str(prompts), "--out", str(folder), *more]) == 0
    return folder


def scoring_of(folder: Path) -> ModuleType:
    """Return the package's module of plain functions, read as another trainer would: by its file."""
    spec = importlib.util.spec_from_file_location("scoring_under_test", folder / "sea_pieces" / "scoring.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trained_with(prompts: Path, **chosen: Any) -> tuple[Rewarder, list[Example]]:
    config = configured("mrpo", name="a", base="trained", data=str(prompts), **chosen)
    return Rewarder(config), list(read_prompts(prompts).examples)


def test_a_text_earns_what_it_earns_in_training(prompts: Path, tmp_path: Path) -> None:
    scoring = scoring_of(export(prompts, tmp_path / "sea-pieces"))
    rewarder, examples = trained_with(prompts)
    rows, values = scoring.rows(), set()
    assert [row["request"] for row in rows] == [e.prompt for e in examples]
    for row, example in zip(rows, examples, strict=True):
        system, user = draft_request(example.prompt).messages
        assert (row["id"], row["system"], row["prompt"]) == (example.id, system.content, user.content)
        for text in TEXTS:
            for whole in (True, False):
                ours = rewarder.earned(example, text, whole=whole)
                assert scoring.scored(row["request"], row["rubric"], text + "\n", whole=whole) == ours
                values.add(scoring.value(ours))
    assert min(values) == 0.0 and max(values) == pytest.approx(1.0) and len(values) > 5


def test_a_judge_has_the_half_it_has_in_training(prompts: Path, tmp_path: Path, judge: FakeLLM) -> None:
    scoring = scoring_of(export(prompts, tmp_path / "sea-pieces", "--judge", "starter"))
    rewarder, examples = trained_with(prompts, reward="judge", judge="starter")
    for row, example in zip(scoring.rows(), examples, strict=True):
        for text in TEXTS:
            assert scoring.scored(row["request"], row["rubric"], text) == rewarder.earned(example, text, whole=True)
    warm = scoring.rows()[1]
    first, second = (scoring.scored(warm["request"], warm["rubric"], text) for text in TEXTS[:2])
    assert first.scores["Warm"] > second.scores["Warm"]
    judge.choice_logprobs = lambda *_: None  # type: ignore[method-assign]
    unsaid = scoring.scored(warm["request"], warm["rubric"], GOOD + " So it was.")
    assert math.isnan(unsaid.value)
    with pytest.raises(ValueError, match="could not be scored"):
        scoring.value(unsaid)


def test_without_a_judge_only_what_can_be_checked_is_in_the_rubrics(prompts: Path, tmp_path: Path) -> None:
    rows = scoring_of(export(prompts, tmp_path / "sea-pieces")).rows()
    assert all(criterion["check"] for row in rows for criterion in row["rubric"]["criteria"])
    folder = export(prompts, tmp_path / "judged", "--judge", "starter")
    judged = [json.loads(line) for line in (folder / "judged" / "prompts.jsonl").read_text("utf-8").split("\n") if line]
    assert "Warm" in [c["name"] for c in judged[1]["rubric"]["criteria"]]


def test_the_package_says_what_it_is_and_what_it_needs(prompts: Path, tmp_path: Path) -> None:
    folder = export(prompts, tmp_path / "sea-pieces", "--judge", "starter")
    about = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    assert about["project"]["name"] == "sea-pieces"
    assert about["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["sea_pieces"]
    assert {path.name for path in folder.iterdir()} == {"sea_pieces", "pyproject.toml", "README.md"}
    for path in folder.glob("*/*.py"):
        compile(path.read_text("utf-8"), path.name, "exec")
    said = json.loads((folder / "sea_pieces" / "reward.json").read_text("utf-8"))
    assert said == {"reward": "judge", "judge": catalog.find("starter", places.models()).name}


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("Sea Pieces", (), "small letters"),
        ("class", (), "small letters"),
        ("json", (), "a module named 'json'"),
        ("there", (), "there already"),
        ("sea-pieces", ("--judge", "nobody"), "no model named"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, more: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "there").mkdir()
    before = sorted(tmp_path.iterdir())
    assert main(["export-env", "--prompts", str(prompts), "--out", str(tmp_path / name), *more]) == 1
    assert sentence in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_judge_that_would_never_be_asked_is_refused(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts.write_text(json.dumps(ROWS[0]) + "\n", "utf-8")
    command = ["export-env", "--prompts", str(prompts), "--out", str(tmp_path / "sea-pieces"), "--judge", "starter"]
    assert main(command) == 1
    assert "leave out --judge" in capsys.readouterr().err


def test_verifiers_itself_loads_it_and_finds_the_same_rewards(
    prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed: it is for those who export to it")
    folder = export(prompts, tmp_path / "sea-pieces")
    monkeypatch.syspath_prepend(folder)
    rewarder, examples = trained_with(prompts)
    try:
        env = vf.load_environment(vf.SingleAgentEnvConfig(taskset=vf.TasksetConfig(id="sea-pieces")))
        for task, example in zip(env.taskset, examples, strict=True):
            for text in TEXTS:
                agent = vf.AgentInfo(config=vf.AgentConfig())
                trace = vf.Trace(task=vf.TraceTask(type="PieceTask", data=task.data), agent=agent)
                trace.root_reply = text
                asyncio.run(task.score(trace))
                ours = rewarder.earned(example, text, whole=True)
                assert trace.reward == pytest.approx(ours.value)
                assert trace.metrics == ours.scores
    finally:
        for name in [name for name in sys.modules if name.startswith("sea_pieces")]:
            del sys.modules[name]
