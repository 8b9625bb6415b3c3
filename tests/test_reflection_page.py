"""The results part of a page: what was run is said first, few requests claim nothing, the rest of the page stays."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripted import script

from writer_r1.errors import WriterError
from writer_r1.lines import Kept
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.reflection_arms import BEST_OF
from writer_r1.reflection_bench import Bench, compare
from writer_r1.reflection_commands import ALWAYS, arms_of
from writer_r1.reflection_page import BEGIN, END, FEW, beside, put, section
from writer_r1.reflection_result import CONSTRAINTS, ENDING, ENDS, OWN, SECOND, VERIFIED
from writer_r1.training.data import read_prompts
from writer_r1.workspace import Workspace

ROOT = Path(__file__).parent.parent
PAGE, PROOF = ROOT / "docs/reflection.md", ROOT / "docs/proof"
DATA = ROOT.parent / "shared" / "data"
READERS = Workspace.readers  # before it is set aside, see conftest.py


def gain(value: float | None, lo: float = 0.0, hi: float = 0.0, moved: int = 12) -> dict[str, Any]:
    return {"gain": value, "lo": lo, "hi": hi, "n": 20, "moved": moved}


def result(requests: int, **more: Any) -> dict[str, Any]:
    mean = {"mean": 0.5, "lo": 0.4, "hi": 0.6, "n": requests}
    row = {name: mean for name in (*VERIFIED, OWN)} | {"tokens": 91.4, "degraded": 0.25, "degraded_last": 0.5}
    row |= {"texts": dict.fromkeys(ENDS, 2)}
    none = {name: gain(None, None, None) for name in (*VERIFIED, OWN)}  # type: ignore[arg-type]
    over = {
        "direct": none | {CONSTRAINTS: gain(0.25, 0.1, 0.4)},
        "blind rewrite": none
        | {CONSTRAINTS: gain(-0.2, -0.3, -0.1), OWN: gain(0.1, 0.05, 0.3)},  # by its word a text was taken
    }
    told = {"model": "small", "judge": "small", "second": None, "rounds": 2, "seed": 0, "asked": 40}
    return told | {"requests": requests, "arms": {"direct": row, "MRPO": row}, "mrpo_over": over} | more


def test_it_says_first_how_many_requests_were_run_by_whom() -> None:
    said = section(result(3), {})
    assert said.startswith(
        "**3 of 40 requests so far.** small writes, small judges in the loop, no second judge was asked"
    )
    assert (
        "MRPO has at most 2 rounds, the others what it spent, seed 0" in said
        and "| direct | 0.50 [0.40, 0.60] |" in said
        and "| 91 | 25% (50%) |" in said
    )
    waiting = section(result(3, second="big"), {})
    assert "big is the second judge and is asked at the end" in waiting
    asked = result(3, second="big")
    asked["arms"]["direct"] = asked["arms"]["direct"] | {SECOND: asked["arms"]["direct"][OWN]}
    asked["arms"]["MRPO"] = asked["arms"]["direct"]
    asked["mrpo_over"] = {arm: row | {SECOND: gain(0.0)} for arm, row in asked["mrpo_over"].items()}
    assert "big is the second judge; MRPO has" in section(asked, {})


def test_few_requests_claim_nothing_and_enough_say_what_is_ahead_and_what_behind() -> None:
    few, enough = section(result(FEW - 1), {}), section(result(FEW), {})
    assert "they do not tell whether reflection helps" in few and "is not said of so few requests" in few
    assert "MRPO is" not in few and "they do not tell" not in enough
    assert (
        "Of these 8 differences, those by the loop's own judge apart, 2 have an interval without 0, which is not "
        "corrected for their number. MRPO is ahead of *direct* in constraints met (+0.25 [+0.10, +0.40], of 12 "
        "requests); behind *blind rewrite* in constraints met (-0.20 [-0.30, -0.10], of 12 requests)." in enough
    )
    alike = {"direct": {name: gain(0.0, -0.1, 0.1) for name in (*VERIFIED, OWN)}}
    assert "No difference can be told from nothing." in section(result(FEW, mrpo_over=alike), {})


def test_a_difference_close_to_nothing_is_one_and_no_bound_of_it_reads_as_nothing() -> None:
    none = {name: gain(0.0, moved=0) for name in (*VERIFIED, OWN)}
    over = {"best of several": none | {ENDING: gain(-0.023, -0.047, -0.002, moved=14)}}
    said = section(result(FEW, mrpo_over=over), {})
    assert "MRPO is behind *best of several* in an ending (-0.02 [-0.05, -0.002], of 14 requests)." in said
    assert "1 has an interval without 0" in said and "-0.00]" not in said and "+0.00 [+0.00, +0.00]" in said


def test_what_rests_on_few_requests_or_reaches_nothing_is_called_no_difference() -> None:
    none = {name: gain(0.0, moved=0) for name in (*VERIFIED, OWN)}
    four = none | {CONSTRAINTS: gain(0.07, 0.014, 0.15, moved=4)}
    over = {"direct": four, "blind rewrite": four, "placebo critique": none | {ENDING: gain(0.06, -0.001, 0.14)}}
    said = section(result(FEW, mrpo_over=over), {})
    assert (
        "Of these 8 differences (arms that came to the same are one), those by the loop's own judge apart, 1 has an "
        "interval without 0, which is not corrected for their number. That over *direct* and *blind rewrite* "
        "in constraints met (+0.07 [+0.01, +0.15]) is made by 4 requests. With fewer than 6, even if all go one way, "
        "it may be chance. No difference can be told from nothing." in said
    )


def test_arms_that_do_not_go_by_the_loops_rule_are_named() -> None:
    usual, more = result(FEW), result(FEW)
    more["arms"] |= {BEST_OF: more["arms"]["direct"]}
    assert "the loop's rule hardly allows; in brackets" in section(usual, {})
    assert "hardly allows (not that of *best of several*); in brackets" in section(more, {})
    assert "that of the higher reward is taken" in section(more, {}) and "higher reward" not in section(usual, {})


def test_only_what_is_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text(f"# Küste\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n", "utf-8")
    for text in ("new", "newer"):
        put(page, text)
        assert page.read_text("utf-8") == f"# Küste\n\n{BEGIN}\n\n{text}\n\n{END}\n\nThe rest.\n"
    assert beside(page, tmp_path / "docs" / "proof", ["a"]) == {"a": "proof/a.png"}
    assert beside(page, tmp_path / "out", ["a"], "_more") == {"a": "../out/a_more.png"}


def test_results_of_other_arms_stand_beside_the_usual_ones(tmp_path: Path) -> None:
    page, more = tmp_path / "page.md", [mark.replace("results", "results_more") for mark in (BEGIN, END)]
    page.write_text(f"{BEGIN}\nusual\n{END}\n\n{more[0]}\n{more[1]}\n", "utf-8")
    put(page, "others", "_more")
    assert page.read_text("utf-8") == f"{BEGIN}\nusual\n{END}\n\n{more[0]}\n\nothers\n\n{more[1]}\n"


@pytest.mark.parametrize("content", ["# No marks\n", f"{END}\n{BEGIN}\n", BEGIN])
def test_a_page_without_the_marks_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(content, "utf-8")
    with pytest.raises(WriterError, match="for the results; add them"):
        put(page, "new")
    assert page.read_text("utf-8") == content
    with pytest.raises(WriterError, match="cannot be written"):
        put(tmp_path / "none.md", "new")


@pytest.mark.parametrize("which", ["", "_more"])
def test_the_numbers_on_the_page_are_those_of_the_run(which: str) -> None:
    page, found = PAGE.read_text("utf-8"), json.loads((PROOF / f"reflection_arms{which}.json").read_text("utf-8"))
    begin, end = (mark.replace("results", f"results{which}") for mark in (BEGIN, END))
    shown = page.partition(begin)[2].partition(end)[0].strip()
    names = re.findall(rf"\(proof/(reflection_[a-z]+){which}\.png\)", shown)
    assert shown == section(found, {name: f"proof/{name}{which}.png" for name in names})
    assert len(names) == 4 and all((PROOF / f"{name}{which}.png").exists() for name in names)


PLAYED = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
FOUND = {"reflection_arms.json": ALWAYS, "reflection_arms_more.json": f"{ALWAYS},best-of,no-memory"}


@pytest.mark.long
@pytest.mark.skipif(not DATA.is_dir(), reason="the forty requests are made of data that is not on this machine")
@pytest.mark.parametrize("name", FOUND)
def test_the_committed_rows_come_to_the_committed_result(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, requests, rows = json.loads((PROOF / name).read_text("utf-8")), tmp_path / "asked.jsonl", tmp_path / "rows"
    made = [sys.executable, ROOT / "benchmarks/reflection_requests.py", DATA, requests]
    subprocess.run(made, check=True)
    shutil.copy(PROOF / f"reflection.{PLAYED[0]}.jsonl", rows)
    monkeypatch.setattr(Workspace, "readers", READERS)
    workspace = Workspace()
    workspace._loaded |= {model: FakeLLM(script(), name=model) for model in PLAYED}  # who would be asked, if any were
    examples = read_prompts(requests).examples[: wanted["requests"]]
    played = (PLAYED[0], PLAYED[0], PLAYED[1], wanted["rounds"], wanted["seed"])
    *_, found = compare(Bench(workspace, examples, arms_of(FOUND[name]), *played, Kept(rows)), lambda *row: None, never)
    workspace.close()
    assert json.loads(json.dumps(found)) == wanted
    assert rows.read_bytes() == (PROOF / f"reflection.{PLAYED[0]}.jsonl").read_bytes()  # nothing was made for it
