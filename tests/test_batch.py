"""Rows of drafts -> rows of scores: order, restart after a kill, faults named by line, nothing scored is lost."""

import json
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import PROMPT, overlap, script, station

from writer_r1.batch import judge_file, judge_row
from writer_r1.errors import WriterError
from writer_r1.llm import Cancel, Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.settings import change_settings
from writer_r1.workspace import Workspace

RUBRIC = [{"name": "Brevity", "description": "Nothing is said twice."}, {"name": "Salt", "description": "It smells."}]
DRAFT = "The keeper put out the lamp and left the key in the door. The sea went on as it had before he came."


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM(script())


@pytest.fixture
def workspace(llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    workspace._loaded["fake"] = llm
    monkeypatch.setattr(workspace, "similarity", overlap)
    yield workspace
    workspace.close()


def row(number: object, **more: object) -> dict[str, object]:
    return {"id": number, "prompt": PROMPT, "draft": DRAFT, "rubric": RUBRIC} | more


def write(path: Path, rows: Sequence[object]) -> Path:
    lines = (r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def score(workspace: Workspace, source: Path, out: Path) -> list[str]:
    said: list[str] = []
    judge_file(workspace, source, out, "fake", said.append)
    return said


def found(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text("utf-8").split("\n")[:-1]]


def test_each_row_is_scored_by_the_names_of_its_rubric_in_input_order(
    workspace: Workspace, llm: FakeLLM, tmp_path: Path
) -> None:
    llm.judge = lambda text, question: 9.0 if "Salt" in question else 1.0
    source = write(tmp_path / "rows", [row("b"), row(7), "", row("a", rubric={"criteria": RUBRIC[1:]})])
    said = score(workspace, source, tmp_path / "out")
    rows = found(tmp_path / "out")
    assert [r["id"] for r in rows] == ["b", 7, "a"] and [s.split(":")[0] for s in said] == ["b", "7", "a"]
    assert list(rows[0]) == ["id", "reward", "scores", "unscored", "judge", "trust", "tokens", "seconds"]
    assert {(r["judge"], r["trust"]) for r in rows} == {("fake", "unmeasured")}
    assert rows[0]["scores"]["Brevity"] < 0.1 and rows[0]["scores"]["Salt"] > 3 * rows[0]["scores"]["Brevity"]
    assert list(rows[2]["scores"]) == ["Salt"] and rows[2]["reward"] == pytest.approx(rows[2]["scores"]["Salt"])
    assert all(r["unscored"] == [] and r["tokens"] == llm.count(DRAFT) and r["seconds"] >= 0 for r in rows)


def test_without_a_rubric_one_is_made_once_for_each_request(workspace: Workspace, llm: FakeLLM, tmp_path: Path) -> None:
    other = "A note to the milkman."
    rows = [{"id": n, "prompt": p, "draft": DRAFT} for n, p in enumerate((PROMPT, other, PROMPT))]
    score(workspace, write(tmp_path / "rows", rows), tmp_path / "out")
    first, second, third = (list(r["scores"]) for r in found(tmp_path / "out"))
    assert first == third != second and len(first) > 5
    asked = [r.messages[-1].content for r in llm.seen if station(r) == "selective_coding"]
    assert sum(PROMPT in a for a in asked) == 1 and sum(other in a for a in asked) >= 1


def test_what_could_not_be_scored_is_null_and_named_and_never_zero(tmp_path: Path, workspace: Workspace) -> None:
    class Dumb(FakeLLM):
        def choice_logprobs(
            self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
        ) -> None:
            return None

    workspace._loaded["fake"] = Dumb(script())
    score(workspace, write(tmp_path / "rows", [row(1)]), tmp_path / "out")
    (result,) = found(tmp_path / "out")
    assert result["scores"] == {"Brevity": None, "Salt": None} and result["reward"] is None
    assert result["unscored"] == ["Brevity", "Salt"]


def test_rows_already_scored_are_not_asked_again(workspace: Workspace, llm: FakeLLM, tmp_path: Path) -> None:
    out = tmp_path / "out"
    score(workspace, write(tmp_path / "rows", [row(1), row(2)]), out)
    before, asked = out.read_bytes(), len(llm.seen)
    assert score(workspace, write(tmp_path / "rows", [row(1), row(2)]), out) == [] and len(llm.seen) == asked
    said = score(workspace, write(tmp_path / "rows", [row(0), row(1), row(2), row(3), row(3)]), out)
    assert [r["id"] for r in found(out)] == [1, 2, 0, 3] and len(said) == 2
    assert out.read_bytes().startswith(before)


@example(cut=207)  # the first row is whole, and its line has no end
@given(cut=st.integers(0, 500))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_kill_cuts_the_output_a_restart_completes_it(workspace: Workspace, tmp_path: Path, cut: int) -> None:
    out = tmp_path / "out"
    rubric = [{"name": "Küste 海 🌊", "description": "Es riecht."}]
    source = write(tmp_path / "rows", [row("é 海", rubric=rubric), row("b\u2028", rubric=rubric)])
    out.unlink(missing_ok=True)
    score(workspace, source, out)
    whole = out.read_bytes()
    assert len(whole) < 500
    out.write_bytes(whole[:cut])
    score(workspace, source, out)
    kept = whole[: whole.rfind(b"\n", 0, cut) + 1]
    assert out.read_bytes().startswith(kept)
    assert [(r["id"], list(r["scores"])) for r in found(out)] == [
        ("é 海", ["Küste 海 🌊"]),
        ("b\u2028", ["Küste 海 🌊"]),
    ]


@pytest.mark.parametrize("text", ["line\u2028separator\u2029and\x85next\x0b\x0c", "half \ud83d an emoji", "🧂 بحر 海"])
def test_any_text_is_one_row(workspace: Workspace, tmp_path: Path, text: str) -> None:
    lines = [json.dumps(row(f"{n} {text}", draft=f"{DRAFT} {text}"), ensure_ascii=n == 0) for n in range(2)]
    if "\ud83d" in text:
        lines.pop()  # half an emoji can stand in a file only escaped
    score(workspace, write(tmp_path / "rows", lines), tmp_path / "out")
    assert [r["id"] for r in found(tmp_path / "out")] == [f"{n} {text}" for n in range(len(lines))]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "Line 2 of 'rows' is not JSON"),
        ("[1]", "Line 2 of 'rows' lacks id, prompt, draft"),
        ({"id": 1, "draft": "x"}, "Line 2 of 'rows' lacks prompt."),
        (row(["x"]), "Line 2 of 'rows' has an id that is neither text nor a whole number."),
        (row(2, draft=" \n"), "Line 2 of 'rows' has an empty draft, or one that is not text."),
        (row(2, draft=None), "Line 2 of 'rows' has an empty draft, or one that is not text."),
        (row(2, prompt=""), "Line 2 of 'rows' has an empty prompt, or one that is not text."),
        (row(2, rubric=[]), "Line 2 of 'rows': This rubric has no criteria"),
        (row(2, rubric=[RUBRIC[0], RUBRIC[0]]), "Line 2 of 'rows': This rubric cannot be used: criterion 2: the name"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line_and_the_scores_before_it_stay(
    workspace: Workspace, tmp_path: Path, line: object, sentence: str
) -> None:
    source = write(tmp_path / "rows", [row("first"), line, row("last")])
    with pytest.raises(WriterError) as error:
        score(workspace, source, tmp_path / "out")
    assert str(error.value).startswith(sentence)
    assert [r["id"] for r in found(tmp_path / "out")] == ["first"]


@pytest.mark.parametrize(
    "content", [b"My only novel, in one line", b"a\nb\n", b'{"id": 1}\n[]\n', b"\xff\n", b'[{"id": 1}]']
)
def test_an_output_that_holds_something_else_is_refused_and_left_alone(
    workspace: Workspace, llm: FakeLLM, tmp_path: Path, content: bytes
) -> None:
    out = tmp_path / "out"
    out.write_bytes(content)
    with pytest.raises(WriterError, match="holds something other than scores; name another with --out"):
        score(workspace, write(tmp_path / "rows", [row(1)]), out)
    assert out.read_bytes() == content and llm.seen == []


def test_an_output_that_cannot_be_made_is_said_before_anything_is_scored(
    workspace: Workspace, llm: FakeLLM, tmp_path: Path
) -> None:
    with pytest.raises(WriterError, match="cannot be written"):
        score(workspace, write(tmp_path / "rows", [row(1)]), tmp_path / "rows" / "out")
    assert llm.seen == []


def test_when_the_disk_refuses_a_row_those_before_it_stay_and_a_restart_completes(
    workspace: Workspace, tmp_path: Path
) -> None:
    out, source = tmp_path / "out", write(tmp_path / "rows", [row(n) for n in range(4)])
    score(workspace, write(tmp_path / "one", [row(0)]), out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(out.stat().st_size * 1.5), hard))
    try:
        with pytest.raises(WriterError, match=r"cannot be written \(File too large\); run again when it can"):
            score(workspace, source, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not out.read_bytes().endswith(b"\n")  # half a row did fit
    score(workspace, source, out)
    assert [r["id"] for r in found(out)] == [0, 1, 2, 3]


def test_where_no_model_is_named_the_judge_of_the_settings_judges(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_ready", lambda name: name)
    change_settings(workspace.home, judge="fake")
    judge_file(workspace, write(tmp_path / "rows", [row(1)]), tmp_path / "out", None, lambda line: None)
    assert found(tmp_path / "out")[0]["judge"] == "fake"


def test_an_empty_draft_is_not_judged(workspace: Workspace, llm: FakeLLM) -> None:
    with pytest.raises(WriterError, match="The draft is empty; there is nothing to judge"):
        judge_row(workspace, PROMPT, " \n", None, "fake", lambda event: None)
    assert llm.seen == []
