"""Which requests stay for training: neither too easy nor too hard, and told apart by more than the judge's noise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import every_workspace_has, script

from writer_r1 import row_files
from writer_r1.cli import main
from writer_r1.difficulty import (
    EASY,
    FLAT,
    HARD,
    RANGE,
    UNSCORED,
    Limits,
    Requests,
    Spread,
    Wish,
    choose,
    histogram,
    part_anew,
    refuse_others,
    summary,
    unfit,
)
from writer_r1.errors import WriterError
from writer_r1.llm import Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.training.data import read_prompts
from writer_r1.workspace import Workspace

pytestmark = pytest.mark.long

SALT = [{"name": "Salt", "description": "It smells."}]
PIECE = "The keeper put out the lamp and left the key in the door. The sea went on about {} as it had before he came."
MARKS = {"mixed": (2.0, 4.0, 6.0, 8.0), "easy": (9.0, 8.9, 9.0, 9.0), "hard": (1.0, 2.5, 1.0, 2.5), "flat": (5.0,) * 4}


@pytest.mark.parametrize(
    ("rewards", "noise", "limits", "why"),
    [
        ((0.2, 0.4, 0.6, 0.8), 0.05, Limits(), None),
        ((0.2, 0.4, 0.6, 0.8), 0.2582, Limits(), FLAT),  # their spread is 0.258199
        ((0.2, 0.4, 0.6, 0.8), 0.2581, Limits(), None),
        ((0.2, 0.4, 0.6, 0.8), 0.9, Limits(noise=0.1), None),
        ((0.2, 0.4), 0.0, Limits(), None), ((0.2, 0.399), 0.0, Limits(), HARD),  # means .3 and .2995
        ((0.8, 0.9), 0.0, Limits(), None), ((0.8, 0.902), 0.0, Limits(), EASY),
        ((0.8, 0.902), 0.0, Limits(high=0.9), None), ((0.1, 0.2), 0.0, Limits(low=0.1), None),
        ((0.5, 0.5), 0.0, Limits(), FLAT), ((0.5,), 0.0, Limits(), UNSCORED), ((), 0.0, Limits(), UNSCORED),
    ],
)  # fmt: skip
def test_what_stays(rewards: tuple[float, ...], noise: float, limits: Limits, why: str | None) -> None:
    assert unfit(Spread(rewards, noise), limits) == why


@given(st.lists(st.floats(0, 1)), st.integers(1, 20))
def test_a_histogram_counts_every_mean_once(means: list[float], bins: int) -> None:
    found = histogram(means, bins)
    assert len(found) == bins and sum(found) == len(means)


def test_a_mean_on_an_edge_belongs_to_the_part_it_begins() -> None:
    assert histogram([0.0, 0.1, 0.5, 0.999, 1.0]) == [1, 1, 0, 0, 0, 1, 0, 0, 0, 2]


def llm() -> FakeLLM:
    def draft(request: Request) -> str:
        return PIECE.format(next(name for name in MARKS if f"about {name}" in request.messages[-1].content))

    def marked(text: str, question: str) -> float:
        name = next(name for name in MARKS if f"about {name}" in text)
        return MARKS[name][next(k for k in range(4) if f"({k + 1})" in text)]

    scripted = FakeLLM(script(draft=draft))
    scripted.judge = marked
    scripted.drafts = (
        lambda request, sampling, count, cancel=never: [  # type: ignore[method-assign, assignment]
            f"{draft(request)[:-1]} ({k + 1})." for k in range(count)
        ]
    )
    return scripted


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    workspace._loaded["fake"] = llm()
    monkeypatch.setattr(workspace, "similarity", lambda text, others: [1.0] * len(others))
    yield workspace
    workspace.close()


def asked(folder: Path) -> Path:
    path = folder / "prompts.jsonl"
    rows = [{"prompt": f"A letter about {name}.", "rubric": SALT} for name in MARKS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def found(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def test_the_policy_drafts_and_each_request_is_kept_or_dropped_once(workspace: Workspace, tmp_path: Path) -> None:
    out, said = tmp_path / "kept.jsonl", list[tuple[Any, ...]]()
    wish, examples = Wish("fake", "fake", 4, 0, Limits(noise=0.05)), read_prompts(asked(tmp_path)).examples
    assert choose(workspace, examples, Requests(out), wish, lambda *row: said.append(row), never) == 4
    [row], dropped = found(out), found(tmp_path / "kept.dropped.jsonl")
    assert row["prompt"] == "A letter about mixed." and len(row["rewards"]) == 4 and row["spread"] > 0.2
    assert [r["reason"] for r in dropped] == [EASY, HARD, FLAT] and said[-1][:2] == (4, 4)
    told = summary(Requests(out))
    assert told["kept"] == 1 and sum(told["histogram"]) == 4 and sum(told["kept_histogram"]) == 1
    assert read_prompts(out).examples[0].rubric is not None  # the next run trains on the same criteria
    workspace._loaded["fake"] = FakeLLM(lambda request: pytest.fail("it was asked again"))
    assert choose(workspace, examples, Requests(out), wish, lambda *row: None, never) == 0
    cut = out.read_bytes()[:-9]
    out.write_bytes(cut)
    workspace._loaded["fake"] = llm()
    assert choose(workspace, examples, Requests(out), wish, lambda *row: None, never) == 1
    assert found(out)[0]["prompt"] == row["prompt"]


def test_without_a_number_the_noise_is_told_by_the_judges_ranges(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "kept.jsonl"
    choose(workspace, read_prompts(asked(tmp_path)).examples, Requests(out), Wish("fake", "fake", 4, 0, Limits()),
           lambda *row: None, never)  # fmt: skip
    assert found(out)[0]["noise"] == 0.0  # both wordings of a scripted judge agree
    assert pytest.approx(2.3264, abs=1e-3) == RANGE  # 19 of 20 pairs: 1.645 spreads of a difference


def test_an_empty_or_looping_draft_or_a_thought_earns_nothing(workspace: Workspace, tmp_path: Path) -> None:
    scripted = workspace._loaded["fake"]
    piece = PIECE.format("mixed") + " (4)"
    thought, cut = (f"<think>\n<plan>So.</plan>\n<draft>{piece}</draft>\n{end}" for end in (f"</think>\n\n{piece}", ""))
    scripted.drafts = lambda *given, **more: ["", "and so on " * 80, cut, thought, piece]  # type: ignore[method-assign]
    out = tmp_path / "kept.jsonl"
    wish = Wish("fake", "fake", 5, 0, Limits(0.0))
    choose(workspace, read_prompts(asked(tmp_path)).examples[:1], Requests(out), wish, lambda *row: None, never)
    assert found(out)[0]["rewards"][:3] == [0.0] * 3
    assert found(out)[0]["rewards"][3] == found(out)[0]["rewards"][4] > 0.5  # what comes after a thought is the piece


def parted(out: Path) -> dict[str, str]:
    """Return by request why it was left out; an empty string for one that stays."""
    dropped = {r["prompt"].split()[-1]: r["reason"] for r in found(row_files.beside(out))}
    return {r["prompt"].split()[-1]: r.get("reason", "") for r in found(out)} | dropped


def test_what_was_tried_is_parted_anew_by_other_limits_and_both_files_are_whole(
    workspace: Workspace, tmp_path: Path
) -> None:
    out, wish = tmp_path / "kept.jsonl", Wish("fake", "fake", 4, 0, Limits(noise=0.05))
    choose(workspace, read_prompts(asked(tmp_path)).examples, Requests(out), wish, lambda *row: None, never)
    before = parted(out)
    assert before == {"mixed.": "", "easy.": EASY, "hard.": HARD, "flat.": FLAT}
    whole = (out.read_bytes(), row_files.beside(out).read_bytes())
    assert part_anew(Requests(out), wish.limits) == ""
    assert (out.read_bytes(), row_files.beside(out).read_bytes()) == whole
    said = part_anew(files := Requests(out), Limits(low=0.05, high=0.3, noise=0.05))
    assert "(1 more kept, 1 more dropped), and both files were written anew." in said
    assert parted(out) == {"mixed.": EASY, "easy.": EASY, "hard.": "", "flat.": EASY}
    assert summary(files) == summary(Requests(out)) and summary(files)["kept"] == 1
    part_anew(Requests(out), wish.limits)
    assert parted(out) == before and len(Requests(out).done) == 4


@pytest.mark.parametrize("write", [0, 1, 2])
def test_a_kill_while_the_files_are_written_anew_loses_no_row(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    out, wish = tmp_path / "kept.jsonl", Wish("fake", "fake", 4, 0, Limits(noise=0.05))
    choose(workspace, read_prompts(asked(tmp_path)).examples, Requests(out), wish, lambda *row: None, never)
    writes, whole = iter(range(3)), row_files.write_whole

    def killed(path: Path, content: bytes) -> None:
        if next(writes) == write:
            raise KeyboardInterrupt
        whole(path, content)

    other = Limits(low=0.05, high=0.3, noise=0.05)
    with monkeypatch.context() as patch:
        patch.setattr(row_files, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            part_anew(Requests(out), other)
    assert len(Requests(out).done) == 4
    part_anew(Requests(out), other)
    assert parted(out) == {"mixed.": EASY, "easy.": EASY, "hard.": "", "flat.": EASY}
    assert len(found(out)) == 1 and len(found(row_files.beside(out))) == 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"drafts": 8}, "with 4 drafts, not with 8 drafts;"),
        ({"judge": "b"}, "with the judge 'fake', not with the judge 'b';"),
        ({"policy": "b", "drafts": 3}, "with the model 'fake' and 4 drafts, not with the model 'b' and 3 drafts;"),
        ({"worn": "salt"}, "with no adapter, not with the adapter 'salt';"),
        ({"adapter": Path(__file__)}, "with no weights, not with weights of the adapter with the digest "),
    ],
)
def test_what_others_tried_is_not_mixed_with_it(
    workspace: Workspace, tmp_path: Path, other: dict[str, Any], said: str
) -> None:
    out, wish = tmp_path / "kept.jsonl", Wish("fake", "fake", 4, 0, Limits())
    choose(workspace, read_prompts(asked(tmp_path)).examples[:2], Requests(out), wish, lambda *row: None, never)
    refuse_others(Requests(out), wish._replace(seed=1, limits=Limits(0.1)))
    with pytest.raises(WriterError, match="name another file with --out") as refusal:
        refuse_others(Requests(out), wish._replace(**other))
    assert said in str(refusal.value)
    old = Requests(tmp_path / "old.jsonl")
    old.keep({"id": "d-1", "policy": "fake"})  # of a version that said no more
    refuse_others(old, wish._replace(drafts=8))


def test_the_command_shows_where_the_means_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every_workspace_has(monkeypatch, llm)
    words = ["difficulty", "--prompts", str(asked(tmp_path)), "--out", str(tmp_path / "k.jsonl"), "--drafts", "4"]
    with asked(tmp_path).open("a", encoding="utf-8") as file:
        file.write("[]\n")
    assert main([*words, "--low", "0.1", "--noise", "0.05", "--limit", "3"]) == 0
    shown = capsys.readouterr()
    assert "\n1 left out: no requests, or there twice\n     1 not a JSON object\n" in shown.out
    assert "requests kept, " in shown.out and "mean reward of a request's drafts" in shown.out and "#" in shown.out
    assert "0 of 3 done: waiting for the model" in shown.err and " s left" in shown.err
    assert main([*words, "--json"]) == 0
    shown = capsys.readouterr()
    assert sum(json.loads(shown.out)["histogram"]) == 4
    assert "parted anew by these limits (" in shown.err and "both files were written anew." in shown.err
    assert main([*words, "--json"]) == 0 and "parted anew" not in capsys.readouterr().err
    assert main([*words, "--drafts", "5"]) == 1 and "with 4 drafts, not with 5 drafts" in capsys.readouterr().err
    assert main([*words, "--low", "0.9"]) == 1 and "No mean is at least 0.9 and at most 0.85" in capsys.readouterr().err
    assert main([*words, "--drafts", "1"]) == 1 and "One draft has no spread" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--low", "2"])
