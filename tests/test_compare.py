"""Base against adapter on requests it never saw: who won, by what judge, and how sure that is."""

import json
from pathlib import Path

import pytest
from gguf_bytes import gguf
from lora_files import manifest
from scripted import overlap, script

from writer_r1 import adapters, catalog, places
from writer_r1.cli import main
from writer_r1.errors import WriterError
from writer_r1.judge import Judge
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.training.compare import Pair, Sides, compared, comparison, held_out
from writer_r1.training.data import Example
from writer_r1.trajectory import prompt_id
from writer_r1.workspace import Workspace

SALTY = "The keeper rubbed the salt from the rail with his sleeve and went in to see to the lamp before the dark came."
PLAIN = "The keeper rubbed the rust from the rail with his sleeve and went in to see to the lamp before the dark came."
ASKED = Example("1", 'A scene of about 20 words at a lighthouse. Use the word "salt".', "", None, "")


def pair(outcome: str, gain: float = 0.0, n: int = 0) -> Pair:
    told = {"prompt": f"prompt {n}", "base": "b", "adapter": "a", "base_reward": 0.5, "adapter_reward": 0.5 + gain}
    return Pair.model_validate(told | {"outcome": outcome})


def judged(base: str, adapted: str) -> Pair:
    sides = Sides(FakeLLM(script(draft=base)), FakeLLM(script(draft=adapted)))
    ticks = list[tuple[int, int]]()
    judge = Judge(FakeLLM(script()), overlap, never)
    [found] = compared([ASKED], sides, judge, seed=0, max_words=60, tick=lambda d, t: ticks.append((d, t)))
    assert ticks == [(1, 2), (2, 2)]
    return found


def test_the_one_that_does_what_was_asked_wins() -> None:
    won = judged(PLAIN, SALTY)
    assert won.outcome == "win" and (won.base, won.adapter) == (PLAIN, SALTY)
    assert won.adapter_reward is not None and won.base_reward is not None and won.adapter_reward > won.base_reward
    assert judged(SALTY, PLAIN).outcome == "loss" and judged(SALTY, SALTY).outcome == "tie"


def test_a_text_that_is_no_piece_loses() -> None:
    assert judged("", SALTY).outcome == "win" and judged(SALTY, "").outcome == "loss"


def test_wins_ties_and_losses_are_counted_with_an_interval() -> None:
    pairs = [pair("win", 0.2, n) for n in range(6)] + [pair("tie", 0.0, 6), pair("loss", -0.1, 7)]
    found = comparison([*pairs, pair("not scored", 0.0, 9)], manifest(), strength=0.8, judge="starter", left_out=3)
    assert (found.wins, found.ties, found.losses, found.not_scored, found.left_out) == (6, 1, 1, 1, 3)
    assert found.win_rate == pytest.approx(6.5 / 8, abs=1e-3)
    assert found.win_rate_lo < found.win_rate < found.win_rate_hi
    assert found.difference == pytest.approx(1.1 / 8, abs=1e-3) and found.difference_lo > 0
    even = comparison([pair("tie", 0.0, n) for n in range(5)], manifest(), strength=1, judge="starter")
    assert (even.win_rate_lo, even.win_rate, even.win_rate_hi) == (0.5, 0.5, 0.5)


def test_nothing_scored_is_a_sentence() -> None:
    with pytest.raises(WriterError, match="could score none of 1 pairs; choose another judge"):
        comparison([pair("not scored")], manifest(), strength=1, judge="starter")


def test_what_it_was_trained_on_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": p}) for p in ("A storm", "A fox", "A kettle")), "utf-8")
    seen = manifest(trained_on=(prompt_id("A fox"),))
    kept, left_out = held_out(path, seen)
    assert [e.prompt for e in kept] == ["A storm", "A kettle"] and left_out == 1
    every = manifest(trained_on=tuple(prompt_id(p) for p in ("A storm", "A fox", "A kettle")))
    with pytest.raises(WriterError, match=r"trained on every request in 'a.jsonl'.*give requests that it has not seen"):
        held_out(path, every)


def test_the_command_compares_on_what_the_adapter_was_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    model = catalog.add(tmp_path / "tiny.gguf", places.models())
    made, rows = tmp_path / "made", [{"id": str(n), "prompt": f"{ASKED.prompt} Take {n}."} for n in range(4)]
    made.mkdir()
    (made / adapters.WEIGHTS).write_bytes(b"GGUF")
    seen = prompt_id(rows[0]["prompt"])
    adapters.register(made, manifest(base_sha256=adapters.base_digest(model), trained_on=(seen,)), places.home())
    (tmp_path / "requests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    llm, worn = FakeLLM(script(draft=PLAIN), name="tiny"), list[float]()

    def adapted(path: Path, strength: float) -> FakeLLM:
        worn.append(strength)
        return FakeLLM(script(draft=SALTY), name="tiny")

    monkeypatch.setattr(llm, "adapted", adapted)
    monkeypatch.setattr(Workspace, "llm", lambda self, name: llm)
    monkeypatch.setattr(Workspace, "similarity", lambda self, text, others: overlap(text, others))
    words = ["compare", "--base", "tiny", "--adapter", "sea-1", "--prompts", str(tmp_path / "requests.jsonl")]
    assert main([*words, "--strength", "0.8", "--most", "2", "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["wins"], found["ties"], found["losses"], found["left_out"]) == (2, 0, 0, 1) and worn == [0.8]
    assert "Left out, because 'sea-1' was trained on them: 1." in told.err
    assert main(words) == 0
    assert "sea-1 against SmolLM2-135M-Instruct: 3 won, 0 even, 0 lost" in capsys.readouterr().out
