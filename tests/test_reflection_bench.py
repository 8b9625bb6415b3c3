"""Does reflection help: arms that differ in the advice alone, equal tokens, what is verified, rows that are kept."""

import json
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import ADVICE, criterion, evaluation, overlap, rubric_of, script, station

from writer_r1 import agreement
from writer_r1.cli import main
from writer_r1.errors import WriterError
from writer_r1.lines import Kept
from writer_r1.llm import Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.reflection_arms import BEST_OF, BLIND, DIRECT, GENERIC, MRPO, ONE_GO, PLACEBO, Played, advised
from writer_r1.reflection_bench import Bench, compare
from writer_r1.reflection_commands import arms_of
from writer_r1.reflection_result import CONSTRAINTS, ENDING, LENGTH, OWN, REPETITION, SECOND, outcomes, pictures, table
from writer_r1.training.data import read_prompts
from writer_r1.trajectory import Advice, Attempt, Reflection
from writer_r1.workspace import Workspace

ALL = (DIRECT, BLIND, PLACEBO, MRPO, BEST_OF, GENERIC, ONE_GO)
THINGS = ("kettle", "ladder", "gate", "goose")
SALT = [
    {"name": "Salt", "description": "It smells."},
    {"name": "Cheese", "description": "Cheese is in it.", "kind": "measured",
     "check": {"type": "must_include", "items": ["cheese"]}, "weight": 2},
]  # fmt: skip
DRAFT = "The {} stood in the yard all winter and nobody came for it.\n\nIn March the snow went, and it was still there."


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "RESAMPLES", 100)


def model() -> FakeLLM:
    """Return a model that puts cheese in where it is asked to, and else writes the paragraph in other words."""

    def draft(request: Request) -> str:
        thing = next(t for t in THINGS if f"about a {t}" in request.messages[-1].content)
        return DRAFT.format(thing)

    def revise(request: Request) -> str:
        asked = request.messages[-1].content.rsplit("</paragraph>", 1)[1]
        return f"The yard was wide{' and smelled of cheese' if 'cheese' in asked else ''}, and nobody crossed it then."

    def reflect(request: Request) -> str:
        return json.dumps(json.loads(ADVICE) | {"quote": "", "paragraph": 1, "edit": "Let the tin of polish smell."})

    scripted = FakeLLM(script(draft=draft, revise=revise, reflect=reflect))
    scripted.judge = lambda text, question: 5.0
    return scripted


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    other = model()
    other.name, other.judge = "other", lambda text, question: 8.0 if "smelled of cheese" in text else 4.0
    workspace._loaded |= {"fake": model(), "other": other}
    monkeypatch.setattr(workspace, "similarity", overlap)
    monkeypatch.setattr(workspace, "free", lambda needed: False)
    yield workspace
    workspace.close()


def asked(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "prompts.jsonl"
    rows = [
        {"prompt": f'A scene about a {t} in 20 to 40 words. Use the word "cheese".', "rubric": SALT} for t in THINGS
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def bench(workspace: Workspace, folder: Path, **more: Any) -> Bench:
    examples, kept = read_prompts(asked(folder)).examples, Kept(folder / "kept.jsonl")
    return Bench(workspace, examples, ALL, "fake", "fake", None, 2, 0, kept)._replace(**more)


def found(one: Bench) -> tuple[dict[str, Any], list[tuple[str, int, int, float | None]]]:
    said: list[tuple[str, int, int, float | None]] = []
    return compare(one, lambda *row: said.append(row), never), said


def test_what_can_be_verified_rises_with_reflection_and_not_with_a_blind_rewrite(
    workspace: Workspace, tmp_path: Path
) -> None:
    result, said = found(bench(workspace, tmp_path, second="other"))
    arms = result["arms"]
    assert arms[DIRECT][CONSTRAINTS] == {"mean": 0.5, "lo": 0.5, "hi": 0.5, "n": 4}  # its length fits, no cheese
    assert arms[MRPO][CONSTRAINTS]["mean"] == 1.0 and arms[BLIND][CONSTRAINTS]["mean"] == 0.5
    assert result["mrpo_over"][BLIND][CONSTRAINTS] == {"gain": 0.5, "lo": 0.5, "hi": 0.5, "n": 4}
    assert result["mrpo_over"][DIRECT][SECOND]["gain"] > 0.2 and MRPO not in result["mrpo_over"]
    assert arms[DIRECT]["tokens"] == 0 < arms[MRPO]["tokens"] and arms[DIRECT]["degraded"] == 0
    assert arms[GENERIC][CONSTRAINTS]["mean"] == 0.5 and arms[ONE_GO]["tokens"] > 50
    for arm in (BLIND, BEST_OF, GENERIC):  # never fewer tokens, and more by the last round or draft at most
        assert arms[MRPO]["tokens"] <= arms[arm]["tokens"] <= arms[MRPO]["tokens"] + 160
    assert sum(result["iterations"].values()) == 4 and "0" not in result["iterations"]
    assert result["curve"][MRPO][CONSTRAINTS][0] == 0.5 and result["curve"][MRPO][CONSTRAINTS][-1] == 1.0
    assert result["curve"][DIRECT][CONSTRAINTS] == [0.5] * 3
    none, all_ = (next(r for r in result["sweep"] if r["rounds"] == n and r["target"] == 0.9) for n in (0, 2))
    assert (none["used"], none[CONSTRAINTS], all_[CONSTRAINTS]) == (0.0, 0.5, 1.0) and none[OWN] < all_[OWN]
    assert said[0][:3] == (MRPO, 0, 28) and said[-1][0] == "asking the second judge"
    assert any(left is not None for *_, left in said)


def test_a_placebo_is_the_advice_of_another_request(workspace: Workspace, tmp_path: Path) -> None:
    found(bench(workspace, tmp_path, arms=(MRPO, PLACEBO)))
    rows = {row["key"]: row["value"] for row in map(json.loads, (tmp_path / "kept.jsonl").read_text().splitlines())}
    plays = [Played.model_validate(v) for v in rows.values() if "attempts" in v]
    loops = [p for p in plays if advised(p)]
    assert len(plays) == 8 and len(loops) == 4 and all(advised(p)[0] for p in loops)
    assert all(isinstance(one, Advice) for p in loops for one in advised(p)[0])
    alone = bench(workspace, tmp_path / "alone", arms=(MRPO, PLACEBO))
    result, _ = found(alone._replace(examples=alone.examples[:1]))
    assert result["arms"][PLACEBO]["tokens"] == 0  # what it was advised itself is no placebo


def test_what_was_made_before_a_stop_is_not_made_again(workspace: Workspace, tmp_path: Path) -> None:
    one = bench(workspace, tmp_path)
    first, _ = found(one)
    llm = workspace._loaded["fake"]
    assert isinstance(llm, FakeLLM)
    asked_before = len(llm.seen)
    again = bench(workspace, tmp_path)
    assert found(again)[0] == first and len(llm.seen) == asked_before
    path = tmp_path / "kept.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    assert found(bench(workspace, tmp_path))[0] == first and len(llm.seen) > asked_before
    drafts = sum(station(r) == "draft" for r in llm.seen)
    found(bench(workspace, tmp_path, examples=one.examples[:2], arms=(DIRECT, MRPO)))
    assert sum(station(r) == "draft" for r in llm.seen) == drafts


def test_a_stop_in_an_arm_keeps_none_of_it(workspace: Workspace, tmp_path: Path) -> None:
    rounds = iter(range(99))
    with pytest.raises(KeyboardInterrupt):
        compare(bench(workspace, tmp_path), lambda *row: None, lambda: next(rounds) > 12)
    found(bench(workspace, tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert all(Played.model_validate(r["value"]).attempts[-1].text for r in rows if "attempts" in r["value"])
    assert len({r["key"] for r in rows}) == len(rows)


def test_outcomes_are_what_the_request_asks_for() -> None:
    attempt = Attempt(number=1, text="One two three. Cheese.", evaluation=evaluation(rubric_of(criterion("x")), 0.5))
    said = outcomes('Two sentences. Use the word "cheese". Do not use the word "three".', attempt)
    assert said[CONSTRAINTS] == pytest.approx(2 / 3) and said[OWN] == 0.5 and said[ENDING] == 1.0
    assert said[LENGTH] == 1.0 and said[REPETITION] is None or said[REPETITION] == 1.0
    bare = outcomes("Something.", attempt)
    assert bare[CONSTRAINTS] is None and bare[LENGTH] is None


def test_advice_is_read_off_the_rounds_that_had_any() -> None:
    advice = (Advice(criterion_id="c", paragraph=1, fault="f", edit="e"),)
    rounds = (Attempt(number=1), Attempt(number=2, reflection=Reflection(on_attempt=1, advice=advice)))
    assert advised(Played(attempts=rounds)) == [advice]
    assert Played(attempts=rounds).best.number == 1  # none was accepted


def test_the_result_is_told_in_lines_and_pictures(workspace: Workspace, tmp_path: Path) -> None:
    result = json.loads(json.dumps(found(bench(workspace, tmp_path))[0]))
    lines = list(table(result))
    assert len(lines) == 2 + len(ALL) + len(ALL) - 1 + 1 and lines[-1].startswith("rounds used: ")
    drawn = pictures(result)
    assert set(drawn) == {"reflection_rounds.svg", "reflection_arms.svg"}
    said = "".join(xml.fromstring(drawn["reflection_arms.svg"]).itertext())
    assert all(arm in said for arm in (DIRECT, BLIND, PLACEBO, BEST_OF, GENERIC, ONE_GO)) and CONSTRAINTS in said


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("direct,blind,placebo,mrpo", [DIRECT, BLIND, PLACEBO, MRPO]),
        (" mrpo , best-of", [MRPO, BEST_OF]),
        ("direct", [DIRECT]),
    ],
)
def test_arms_are_named_in_short(said: str, wanted: list[str]) -> None:
    assert arms_of(said) == wanted


@pytest.mark.parametrize(("said", "why"), [("critic", "There is no arm 'critic'"), ("blind", "add mrpo to --arms")])
def test_arms_that_cannot_be_run_are_refused(said: str, why: str) -> None:
    with pytest.raises(WriterError, match=why):
        arms_of(said)


def test_the_command_ends_in_a_line_for_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    llm = model()
    monkeypatch.setattr(Workspace, "llm", lambda self, name: llm)
    monkeypatch.setattr(Workspace, "name_of", lambda self, name: "fake")
    monkeypatch.setattr(Workspace, "similarity", lambda self, text, others: overlap(text, others))
    words = ["bench", "reflection", "--prompts", str(asked(tmp_path)), "--limit", "2", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out.splitlines()[-1].removeprefix("RESULT "))
    assert told["requests"] == 2 and set(told["arms"]) == {DIRECT, BLIND, PLACEBO, MRPO}
    assert json.loads((tmp_path / "out" / "reflection_arms.json").read_text()) == told
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"reflection.fake.jsonl", "reflection_rounds.svg"}
    assert (
        main([*words, "--second", "other"]) == 1
        and "the second judge has to be another model" in capsys.readouterr().err
    )
