"""Whose criteria agree with readers: what is compared, what a stop loses, and that good criteria are told from bad."""

import json
import random
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest
from ordered_stories import by_letters

from writer_r1 import agreement
from writer_r1 import calibrate as module
from writer_r1.calibrate import Reader, calibrate, gather
from writer_r1.calibration import Calibration, Readers
from writer_r1.criteria import Analyst
from writer_r1.criteria_arms import ARMS, FIXED, NONE, ONE_CALL, OTHER, OURS, PUBLISHED, READERS, one_call
from writer_r1.criteria_bench import ALONE, MIXED, Bench, compare, picture, table
from writer_r1.errors import WriterError
from writer_r1.figure import Point, Row, forest
from writer_r1.judge import Judge
from writer_r1.ladders import drafted, originals
from writer_r1.lines import Kept
from writer_r1.llm import Request, never
from writer_r1.llm.fake import FakeLLM

pytestmark = pytest.mark.long

WORDS = ("the keeper", "went", "down", "to the sea", "and counted boats", "one by one", "while", "nobody asked him")
CALLS = "- Salt air: The story lets the sea be smelled.\n- Boats counted: The counting of boats means something.\n"


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "RESAMPLES", 100)  # an interval is rougher and ten times as fast


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return rated(tmp_path / "data")


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """What is learned from those stories, once: a fit takes seconds."""
    with pytest.MonkeyPatch.context() as few:
        few.setattr(module, "taught", lambda: originals()[:6:2])
        few.setattr(module, "plain_drafts", dict)
        few.setattr(module, "drafted", lambda: drafted()[:2])
        folder = rated(tmp_path_factory.mktemp("fit") / "data")
        found = calibrate(folder, None, by_letters, None, lambda done, total: None, never)
    return found.model_copy(update={"verdict_weight": 1.0})


def rated(folder: Path) -> Path:
    """Thirty requests with two stories each; readers liked what the word "boats" is often in."""
    chance, rows = random.Random(3), []
    for k in range(60):
        boats = chance.randint(0, 20)
        text = " ".join([*chance.choices(WORDS, k=60), *["boats"] * boats]).capitalize() + "."
        given = {"likability": [1 + boats / 5] * 3, "relevance": [1 + 4 * chance.random()] * 3}
        rows.append({"prompt": f"Write of matter number {k // 2}.", "story": text, "ratings": given, "system": ""})
    folder.mkdir()
    asked = {"likability": "How enjoyable is it?", "relevance": "How relevant is it?", "scale": "1-5"}
    published = [
        {
            "lang": lang,
            "query": f"An essay on {lang}.",
            "criteria": [{"name": "Ink_And_Paper", "description": "Ink is shown."}],
        }
        for lang in ("zh", "en")
    ]
    (folder / "wp_a_teacher_ratings.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    (folder / "human_criteria.json").write_text(json.dumps({"wp_a": asked}), "utf-8")
    (folder / "writingbench_literature.jsonl").write_text("".join(json.dumps(r) + "\n" for r in published), "utf-8")
    return folder


def judging(draft: str, question: str) -> float:
    """Answer as readers do where it is asked how enjoyable a story is, and by chance elsewhere."""
    if "enjoyable" in question:
        return 1 + 8 * draft.count("boats") / 25
    return 1 + random.Random(draft + question).random() * 8


def bench(data: Path, fit: Calibration, llm: FakeLLM, kept: Path, requests: int = 30) -> Bench:
    reader = Reader(None, by_letters, kept.parent / "read.jsonl")
    judge = Judge(llm, None, never, Readers(fit, by_letters))
    return Bench(gather(data, reader, lambda done, total: None, never), data, requests, 0, judge, Kept(kept))


def model() -> FakeLLM:
    llm = FakeLLM(lambda request: CALLS)
    llm.judge = judging
    return llm


def test_criteria_that_readers_went_by_agree_and_a_placebo_does_not(
    data: Path, fit: Calibration, tmp_path: Path
) -> None:
    said: list[tuple[str, int, int]] = []
    found = compare(bench(data, fit, model(), tmp_path / "kept.jsonl"), lambda *row: said.append(row))
    alone = found["with"]["likability"][ALONE]
    assert set(alone) == set(ARMS) and (found["texts"], found["requests"], found["left_out"]) == (60, 30, 0)
    assert alone[READERS]["rho"] > 0.5 and alone[READERS]["lo"] > 0.2
    assert abs(alone[OTHER]["rho"]) < 0.35 and alone[OTHER]["lo"] < 0
    assert found["ours_over"][ALONE][READERS]["gain"] < -0.2
    over = found["whole_over_verdict"][OURS]
    means = [found["with"]["mean"][way][OURS]["rho"] for way in (MIXED, ALONE)]
    assert over["gain"] == pytest.approx(means[0] - means[1], abs=2e-3) and over["lo"] <= over["gain"] <= over["hi"]
    assert found["no_worse_than_readers"][ALONE] is False and found["better_than_placebo"][ALONE] is False
    assert said[-1] == ("judging", 60, 60) and ("making criteria", 30, 30) in said


def test_what_was_made_before_a_stop_is_not_made_again_and_a_cut_line_is(
    data: Path, fit: Calibration, tmp_path: Path
) -> None:
    path, llm = tmp_path / "kept.jsonl", model()
    first = compare(bench(data, fit, llm, path, requests=6), lambda *row: None)
    asked = len(llm.seen)
    assert compare(bench(data, fit, llm, path, requests=6), lambda *row: None) == first and len(llm.seen) == asked
    raw = path.read_text("utf-8")
    path.write_text(raw[:-30], "utf-8")
    assert compare(bench(data, fit, llm, path, requests=6), lambda *row: None) == first and len(llm.seen) > asked


def test_every_arm_has_four_criteria_at_most_and_the_placebo_is_of_another_request(
    data: Path, fit: Calibration, tmp_path: Path
) -> None:
    seen: dict[str, list[str]] = {}

    def remember(draft: str, question: str) -> float:
        seen.setdefault(draft, []).append(question)
        return judging(draft, question)

    llm = model()
    llm.judge = remember
    compare(bench(data, fit, llm, tmp_path / "kept.jsonl", requests=4), lambda *row: None)
    for questions in seen.values():
        text = "\n".join(questions)
        assert "Ink_And_Paper" in text and "How enjoyable" in text and "a good piece of writing" in text
        assert len(questions) <= 2 * (4 * (len(ARMS) - 1) + 1)


def test_a_story_that_was_not_scored_in_some_arm_counts_in_none(data: Path, fit: Calibration, tmp_path: Path) -> None:
    llm, answer = model(), FakeLLM.choice_logprobs

    def mute(request: Request, suffixes: Any, choices: Any, cancel: Any = never) -> Any:
        rows = answer(llm, request, suffixes, choices, cancel)
        if rows and request.messages[-1].content.count("boats") > 20:
            rows[-1] = rows[-2] = dict.fromkeys(choices, -20.0)  # no digit is likely
        return rows

    llm.choice_logprobs = mute  # type: ignore[method-assign]
    found = compare(bench(data, fit, llm, tmp_path / "kept.jsonl"), lambda *row: None)
    assert found["left_out"] > 0 and found["texts"] + found["left_out"] == 60


def test_the_result_is_told_in_lines_and_in_a_picture(data: Path, fit: Calibration, tmp_path: Path) -> None:
    found = compare(bench(data, fit, model(), tmp_path / "kept.jsonl", requests=8), lambda *row: None)
    lines = list(table(json.loads(json.dumps(found))))
    assert len(lines) == 2 + len(ARMS) and all(any(line.startswith(arm) for line in lines) for arm in ARMS)
    drawn = xml.fromstring(picture(found))
    said = "".join(drawn.itertext())
    assert all(arm in said for arm in (READERS, PUBLISHED, OURS, ONE_CALL, FIXED, OTHER, NONE)) and MIXED in said


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("human_criteria.json", "{}", "does not say what the readers were asked"),
        ("writingbench_literature.jsonl", "{}\n", "holds no published criteria"),
        ("writingbench_literature.jsonl", "", "holds no English request"),
    ],
)
def test_data_that_cannot_be_used_is_one_sentence(
    data: Path, fit: Calibration, tmp_path: Path, file: str, text: str, said: str
) -> None:
    (data / file).write_text(text, "utf-8")
    with pytest.raises(WriterError, match=said):
        compare(bench(data, fit, model(), tmp_path / "kept.jsonl", requests=2), lambda *row: None)


def test_a_call_that_names_nothing_makes_no_criteria() -> None:
    analyst = Analyst(FakeLLM(lambda request: "I cannot help with that."), None, never)
    assert one_call("Write a story.", analyst) == ()
    assert [c.name for c in one_call("Write.", analyst._replace(llm=FakeLLM(lambda r: CALLS)))] == [
        "Salt air",
        "Boats counted",
    ]


def test_a_figure_escapes_its_words_and_holds_every_value() -> None:
    drawn = forest("a < b", [Row("<b>&", (Point(0, 0.2, -0.1, 0.5), Point(1, 0.4, 0.3, 0.6)))], ["one", "two"])
    tree = xml.fromstring(drawn)
    assert "<b>&" in "".join(tree.itertext()) and "<b>" not in drawn
    width = float(tree.attrib["viewBox"].split()[2])
    dots = [float(e.attrib["cx"]) for e in tree.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 2 and all(0 < x < width for x in dots)  # one in the legend, one in the row


def test_what_is_kept_outlives_any_character_and_a_kill_inside_one(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    for key in ("a", "b"):
        Kept(path).get(key, lambda: "a line\u2028and “more” é")

    def unmade() -> str:
        raise AssertionError("it was kept")

    assert Kept(path).get("a", unmade) == Kept(path).get("b", unmade) == "a line\u2028and “more” é"
    path.write_bytes(path.read_bytes()[:-4])  # in the middle of the é of the last row
    assert Kept(path).get("a", unmade) and Kept(path).get("b", lambda: "again") == "again"
    assert Kept(path).get("a", unmade) and Kept(path).get("b", unmade) == "again"
