"""Rows of thoughts: each request once, whatever is killed; every drop with its reason; the library's own rounds too."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, every_workspace_has, model, overlap, revision, task, team
from synthesis_child import scripted_model

from writer_r1 import room, row_files
from writer_r1.cli import main
from writer_r1.errors import Busy, WriterError
from writer_r1.events import Failed, Part, Started
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import write
from writer_r1.store import Store, this_process
from writer_r1.synthesis import A_SCENE, TOO_LONG, Outcomes, Wish, from_history, read_outcomes, synthesise
from writer_r1.thinking import NO_TEXT, NONE_USEFUL, SAME, Limits
from writer_r1.traces import Trace, parse
from writer_r1.training.data import as_tokens, read, read_prompts
from writer_r1.workspace import Workspace

THINGS = ("the kettle", "the ladder", "the gate", "the goose", "the drum")
LIMITS = Limits(0.1, 600)
SALT = [{"name": "Salt", "description": "It smells."}]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE_S", 0.0)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace()
    workspace._loaded["fake"] = scripted_model()
    monkeypatch.setattr(workspace, "similarity", overlap)
    yield workspace
    workspace.close()


def asked(folder: Path, things: tuple[str, ...] = THINGS) -> Path:
    rows = [{"id": n, "prompt": f"A letter about {thing}.", "rubric": SALT} for n, thing in enumerate(things)]
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def made(workspace: Workspace, prompts: Path, out: Path, **more: Any) -> list[tuple[int, int, float | None, str]]:
    said: list[tuple[int, int, float | None, str]] = []
    wish = Wish("fake", "fake", 1, 0, LIMITS)._replace(**more)
    synthesise(workspace, read_prompts(prompts).examples, Outcomes(out), wish, lambda *row: said.append(row), never)
    return said


def found(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def test_every_request_becomes_a_thought_that_can_be_trained_on(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "traces.jsonl"
    said = made(workspace, asked(tmp_path), out)
    rows = found(out)
    assert [r["prompt"] for r in rows] == [f"A letter about {t}." for t in THINGS]
    for row in rows:
        trace = Trace.model_validate(row["trace"])
        assert parse(row["text"], row["prompt"]) == trace.unjudged() and trace.plan.startswith("I begin")
        assert [t["label"] for t in row["tried"]] == ["useful"] and row["source"] == "synthesis"
        assert trace.segments[0].after > trace.segments[0].before  # type: ignore[operator]
    examples = read(out)
    assert [e.text for e in examples.examples] == [r["text"] for r in rows] and not examples.dropped
    assert examples.examples[0].rubric is not None
    done = [(d, t) for d, t, _, _ in said]
    assert done[0] == (0, 5) and done[-1] == (5, 5) and said[-1][2] == 0.0
    assert {"planning", "drafting", "judging", "wording the reflections"} <= {doing for *_, doing in said}
    assert [left for *_, left, doing in said if doing == "waiting for the model"][1] is not None


def test_a_thought_that_was_spoiled_by_hand_is_left_out_of_training_and_its_tags_are_words_to_the_model(
    workspace: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "traces.jsonl"
    made(workspace, asked(tmp_path, THINGS[:2]), out)
    rows = found(out)
    rows[0]["text"] = rows[0]["text"].replace("</draft>", "")
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    data = read(out)
    assert [e.text for e in data.examples] == [rows[1]["text"]]
    assert [d.reason for d in data.dropped] == ["its thought cannot be read: a reflection inside a draft"]
    bare = tmp_path / "bare.jsonl"  # as others keep thoughts
    bare.write_text(
        json.dumps({"prompt": rows[0]["prompt"], "text": rows[0]["text"]}) + "\n" + json.dumps(rows[1]), "utf-8"
    )
    assert [d.reason for d in read(bare).dropped] == ["its thought cannot be read: a reflection inside a draft"]
    ids = as_tokens(data.examples[0], lambda rows: "\n".join(r["content"] for r in rows), by_letter, 0).text
    assert parse("".join(map(chr, ids[:-1]))) == Trace.model_validate(rows[1]["trace"] | {"prompt": ""}).unjudged()


def by_letter(text: str, special: bool) -> list[int]:
    assert not special or "<reflection>" not in text  # what is learned holds no token of its own for a tag
    return [ord(letter) for letter in text]


def test_what_comes_to_nothing_is_dropped_once_with_its_reason(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "traces.jsonl"
    workspace._loaded["fake"] = model({}, draft=FIRST, revise=lambda request: revision("beta"))
    made(workspace, asked(tmp_path, THINGS[:2]), out, limits=Limits(0.0, 600))
    dropped = found(tmp_path / "traces.dropped.jsonl")
    assert [r["reason"] for r in dropped] == [NONE_USEFUL] * 2 and found(out) == []
    assert dropped[0]["tried"][0]["label"] == "redundant"
    workspace._loaded["fake"] = FakeLLM(lambda request: pytest.fail("it was asked again"))
    made(workspace, asked(tmp_path, THINGS[:2]), out, limits=Limits(0.0, 600))
    assert Outcomes(out).summary()["dropped"] == {NONE_USEFUL: 2}


@pytest.mark.parametrize("change", [{"rounds": 2}, {"seed": 1}, {"limits": LIMITS}])
def test_what_was_dropped_is_tried_again_in_another_way_and_counts_as_it_ended_last(
    workspace: Workspace, tmp_path: Path, change: dict[str, Any]
) -> None:
    out = tmp_path / "traces.jsonl"
    workspace._loaded["fake"] = model({}, draft=FIRST, revise=lambda request: revision("beta"))
    for _ in range(2):
        made(workspace, asked(tmp_path, THINGS[:2]), out, limits=Limits(0.0, 600))
        made(workspace, asked(tmp_path, THINGS[:1]), out, limits=Limits(0.0, 600), seed=3)
    assert Outcomes(out).summary()["dropped"] == {NONE_USEFUL: 2}
    assert len(found(tmp_path / "traces.dropped.jsonl")) == 3  # of the first request in two ways
    able = scripted_model()
    workspace._loaded["fake"] = able
    made(workspace, asked(tmp_path, THINGS[:2]), out, **({"limits": Limits(0.0, 600)} | change))
    assert [r["prompt"] for r in found(out)] == [f"A letter about {t}." for t in THINGS[:2]]
    told = Outcomes(out).summary()
    assert (told["traces"], told["dropped"]) == (2, {}) and told["useful"] >= 0.5
    workspace._loaded["fake"] = FakeLLM(lambda request: pytest.fail("it was asked again"))
    made(workspace, asked(tmp_path, THINGS[:2]), out)  # what is a thought stays one
    one = Wish("fake", "fake", 1, 0, LIMITS)
    assert one.mark not in {one._replace(writer="better").mark, one._replace(judge="better").mark}


def test_the_same_piece_for_two_requests_is_learned_once(workspace: Workspace, tmp_path: Path) -> None:
    workspace._loaded["fake"] = model({"alpha": 6.0}, draft=FIRST, revise=lambda request: revision("alpha"))
    made(workspace, asked(tmp_path, THINGS[:3]), tmp_path / "t.jsonl")
    assert len(found(tmp_path / "t.jsonl")) == 1
    assert [r["reason"] for r in found(tmp_path / "t.dropped.jsonl")] == [SAME, SAME]


def test_a_request_that_no_model_can_read_is_dropped(workspace: Workspace, tmp_path: Path) -> None:
    from writer_r1.errors import RequestTooLong

    def refuse(request: object) -> str:
        raise RequestTooLong("It is too long.")

    workspace._loaded["fake"] = FakeLLM(refuse)
    made(workspace, asked(tmp_path, THINGS[:1]), tmp_path / "t.jsonl")
    assert [r["reason"] for r in found(tmp_path / "t.dropped.jsonl")] == [TOO_LONG]


@given(cut=st.integers(0, 6000))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_kill_cuts_the_file_a_restart_makes_it_whole(workspace: Workspace, tmp_path: Path, cut: int) -> None:
    out, prompts = tmp_path / "t.jsonl", asked(tmp_path, ("the Küste", "the 海岸 wall"))
    for path in (out, tmp_path / "t.dropped.jsonl"):
        path.unlink(missing_ok=True)
    made(workspace, prompts, out)
    whole = out.read_bytes()
    out.write_bytes(whole[:cut])
    made(workspace, prompts, out)
    assert out.read_bytes().startswith(whole[: whole.rfind(b"\n", 0, cut) + 1])
    assert sorted(r["prompt"] for r in found(out)) == ["A letter about the Küste.", "A letter about the 海岸 wall."]


def test_killed_in_the_middle_nothing_is_made_twice_and_nothing_lost(tmp_path: Path) -> None:
    out, prompts = tmp_path / "traces.jsonl", asked(tmp_path)
    command = [sys.executable, str(Path(__file__).parent / "synthesis_child.py"), str(prompts), str(out)]
    env = os.environ | {"PYTHONPATH": f"{Path(__file__).parent.parent}:{Path(__file__).parent}"}

    def begin(pause: float) -> subprocess.Popen[str]:
        return subprocess.Popen([*command, str(pause)], env=env, stdout=subprocess.PIPE, text=True)

    for _ in range(2):
        child = begin(0.2)
        assert child.stdout and child.stdout.readline() == "ready\n"
        before = out.read_bytes().count(b"\n") if out.exists() else 0
        while not out.exists() or out.read_bytes().count(b"\n") == before:
            assert child.poll() is None
            time.sleep(0.02)
        time.sleep(0.3)  # into the next one
        child.send_signal(signal.SIGKILL)
        child.wait()
    kept = out.read_bytes()
    assert 2 <= kept.count(b"\n") < 5
    last = begin(0.0)
    assert last.wait(60) == 0
    rows = found(out)
    assert out.read_bytes().startswith(kept) and [r["id"] for r in rows] == list(dict.fromkeys(r["id"] for r in rows))
    assert sorted(r["prompt"] for r in rows) == sorted(f"A letter about {t}." for t in THINGS)


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    for content in ("My novel.\n", '{"id": 1}\nMy novel', "[1]\n", '{"name": "x"}\n'):
        out = tmp_path / "t.jsonl"
        out.write_text(content, "utf-8")
        with pytest.raises(WriterError, match="holds other rows; move it away, or name another"):
            Outcomes(out)
        assert out.read_text("utf-8") == content
    with pytest.raises(WriterError, match="cannot be written"):
        Outcomes(tmp_path)


# the library


def kept(store: Store, run_id: str, llm: FakeLLM, prompt: str = PROMPT, part: Part | None = None) -> None:
    store.begin(run_id, prompt, "fake", this_process())
    events = list(write(task(prompt=prompt), team(llm)))
    store.append(run_id, [e.model_copy(update={"part": part}) if isinstance(e, Started) else e for e in events])


def test_the_librarys_own_rounds_become_thoughts_without_a_model(tmp_path: Path) -> None:
    store, out = Store(tmp_path / "library.db"), Outcomes(tmp_path / "t.jsonl")
    kept(store, "run-1", scripted_model(), "A letter about the kettle.")
    kept(store, "run-2", model({}, "beta", "beta"))  # nothing got better
    kept(store, "run-3", scripted_model(), "A letter about the gate.", Part(label="Two", text="Once."))
    store.begin("run-4", "A letter about nothing.", "fake", this_process())  # still being written
    assert from_history(store, out, LIMITS, overlap, lambda *row: None) == 3
    [row] = found(tmp_path / "t.jsonl")
    trace = Trace.model_validate(row["trace"])
    assert (row["prompt"], row["source"]) == ("A letter about the kettle.", "history") and row["id"] == "h-run-1-2"
    assert trace.plan.startswith("Write it as a letter") or "I want this of it" in trace.plan
    assert trace.segments[0].reflection.startswith("Let me look at “worn where my left boot” again.")
    assert trace.texts()[-1] == trace.final and parse(row["text"], row["prompt"]) == trace.unjudged()
    assert {r["reason"] for r in found(tmp_path / "t.dropped.jsonl")} == {NONE_USEFUL, A_SCENE}
    assert from_history(store, Outcomes(tmp_path / "t.jsonl"), LIMITS, overlap, lambda *row: None) == 0


def test_every_run_of_the_library_that_is_over_is_counted_with_its_reason(tmp_path: Path) -> None:
    store, out = Store(tmp_path / "library.db"), tmp_path / "t.jsonl"
    gone = "0:0"  # a process that is not there
    for name, things in (("run-1", [Failed(message="The disk is full.")]), ("run-2", [])):
        store.begin(name, "A letter about nothing.", "fake", this_process() if things else gone)
        store.append(name, things)
    kept(store, "run-3", scripted_model(), "A letter about the kettle.")
    store.append("run-3", [Failed(message="The disk is full.")])  # after a text was judged
    store.begin("run-4", "A letter about the sea.", "fake", this_process())  # still being written
    assert [run.state for run in store.runs()] == ["running", "failed", "interrupted", "failed"]
    assert from_history(store, Outcomes(out), LIMITS, overlap, lambda *row: None, most=1) == 1
    assert from_history(store, Outcomes(out), LIMITS, overlap, lambda *row: None) == 2
    assert [row["id"] for row in found(out)] == ["h-run-3-2"]
    assert Outcomes(out).summary()["dropped"] == {NO_TEXT: 2}
    store.append("run-2", list(write(task(prompt="A letter about nothing."), team(scripted_model()))))  # it goes on
    assert from_history(store, Outcomes(out), LIMITS, overlap, lambda *row: None) == 1
    told = Outcomes(out).summary()
    assert told["traces"] + sum(told["dropped"].values()) == 3 and told["dropped"][NO_TEXT] == 1


def test_a_run_that_got_better_takes_the_place_of_its_earlier_thought(tmp_path: Path) -> None:
    store, out = Store(tmp_path / "library.db"), tmp_path / "t.jsonl"
    kept(store, "run-1", scripted_model(), "A letter about the kettle.")
    kept(store, "run-2", scripted_model(), "A letter about the gate.")
    from_history(store, Outcomes(out), LIMITS, overlap, lambda *row: None)
    assert [row["id"] for row in found(out)][:1] == ["h-run-1-2"]
    earlier = Outcomes(out)
    trace = Trace.model_validate(earlier.kept[0]["trace"])
    earlier.add("h-run-1-5", trace, ())
    ids = [row["id"] for row in found(out)]
    assert "h-run-1-2" not in ids and ids[-1] == "h-run-1-5" and len(ids) == len(set(ids))
    assert trace.final not in earlier.pieces("h-run-1-7") and trace.final in earlier.pieces("h-run-2-2")


def test_rows_of_another_kind_are_left_alone(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    row = '{"id": "p-1", "prompt": "A letter about the kettle."}'
    for content in (f"{row}\n", row, f"{row}\n{row}"):  # also without the end of its last line
        prompts.write_text(content, "utf-8")
        for words in (["synth"], ["difficulty"]):
            assert main([*words, "--prompts", str(prompts), "--out", str(prompts)]) == 1
            assert prompts.read_text("utf-8") == content and not row_files.beside(prompts).exists()


def test_a_line_that_a_kill_cut_short_is_taken_out_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "t.jsonl"
    out.write_bytes(b'{"id": "t-1"}\n{"id": "t-2", "te')
    node = out.stat().st_ino
    monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("a kill here would cost the whole file"))
    assert [row["id"] for row in Outcomes(out).kept] == ["t-1"]
    assert out.read_bytes() == b'{"id": "t-1"}\n' and out.stat().st_ino == node


def test_two_do_not_make_the_same_rows(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "traces.jsonl"
    with Outcomes(out).alone(), pytest.raises(Busy, match="is being made by another process"):
        made(workspace, asked(tmp_path), out)
    made(workspace, asked(tmp_path, THINGS[:1]), out)
    assert len(found(out)) == 1


def test_a_report_shows_why_nothing_was_kept_and_touches_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, torn = tmp_path / "t.jsonl", b'{"id": "t-1", "reason": "so"}\n{"id": "t-2", "rea'
    row_files.beside(out).write_bytes(torn)  # another process writes the second row
    assert main(["synth", "--report", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == {"so": 1}
    assert row_files.beside(out).read_bytes() == torn and not out.exists()


def test_the_model_that_writes_is_not_loaded_anew_for_each_request(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = list[str]()

    def llm(self: Workspace, name: str) -> FakeLLM:
        if name not in self._loaded:
            loaded.append(name)
            self._loaded[name] = scripted_model()
        return self._loaded[name]  # type: ignore[return-value]

    monkeypatch.setattr(Workspace, "llm", llm)
    monkeypatch.setattr(Workspace, "name_of", lambda self, name: name)
    made(workspace, asked(tmp_path, THINGS[:3]), tmp_path / "t.jsonl", writer="one of no role")
    assert loaded.count("one of no role") == 1


# the command


def test_the_command_makes_reports_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every_workspace_has(monkeypatch, scripted_model)
    out = tmp_path / "t.jsonl"
    assert main(["synth", "--report", "--out", str(out)]) == 1 and "holds no thoughts yet" in capsys.readouterr().err
    words = ["synth", "--prompts", str(asked(tmp_path)), "--out", str(out), "--least", "0.1", "--rounds", "1", "--json"]
    assert main([*words, "--limit", "2"]) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["traces"], told["dropped"], told["useful"]) == (2, {}, 1.0) and "0 of 2 done" in shown.err
    assert main(words) == 0 and json.loads(capsys.readouterr().out)["traces"] == 5
    assert main(["synth", "--report", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "100% useful  (R2-Write, at second hand: about 55%)" in shown.out
    assert re.search(r"the longest has \d{3} words: train with text_tokens of about \d{3}$", shown.out, re.MULTILINE)
    assert "\nand prompt_tokens of 640 in --config, or what is longer is left out" in shown.out
    with pytest.raises(SystemExit) as end:
        main(["synth", "--out", str(out)])
    assert end.value.code == 2


def test_what_is_no_request_is_counted_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every_workspace_has(monkeypatch, scripted_model)
    requests, out = asked(tmp_path), tmp_path / "t.jsonl"
    whole = requests.read_text("utf-8")
    more = '{"idea": "a mill"}\n{"idea": "a ship"}\n{"prompt"\n'
    requests.write_text(whole + more + whole.splitlines()[0], "utf-8")
    words = ["synth", "--prompts", str(requests), "--out", str(out), "--least", "0.1", "--rounds", "1", "--json"]
    assert main([*words, "--limit", "1"]) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["traces"], told["dropped"]) == (1, {})
    assert told["left_out"] == {"no prompt": 2, "broken JSON": 1, "the same as an earlier one": 1}
    assert shown.err.count("was left out: no prompt (a field named prompt") == 2
    assert main([*words[:-1], "--limit", "1"]) == 0
    said = capsys.readouterr().out
    assert "\n4 left out: no requests, or there twice\n     2 no prompt\n" in said


def test_the_library_is_taken_up_to_a_limit_and_flags_that_say_how_models_write_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Workspace, "similarity", lambda self, text, others: overlap(text, others))
    workspace = Workspace()
    for name in ("kettle", "gate"):
        kept(workspace.store, f"run-{name}", scripted_model(), f"A letter about the {name}.")
    workspace.close()
    words = ["synth", "--from-history", "--out", str(tmp_path / "t.jsonl"), "--least", "0.1"]
    assert main([*words, "--rounds", "3", "--seed", "0"]) == 1  # given, if as they are by default
    assert "Leave out --rounds and --seed: --from-history takes what was" in capsys.readouterr().err
    for flag in ("--judge", "--model"):
        assert main([*words, flag, "starter"]) == 1 and f"Leave out {flag}:" in capsys.readouterr().err
    assert not (tmp_path / "t.jsonl").exists()
    assert main([*words, "--limit", "1"]) == 0
    assert [row["prompt"] for row in found(tmp_path / "t.jsonl")] == ["A letter about the kettle."]


def test_a_stop_is_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    llm, drafts = scripted_model(), iter(range(9))
    written = llm.script

    def script(request: Any) -> str:
        if "about the gate" in request.messages[-1].content and next(drafts) == 0:
            raise KeyboardInterrupt
        return written(request)

    llm.script = script
    every_workspace_has(monkeypatch, lambda: llm)
    out = tmp_path / "t.jsonl"
    words = ["synth", "--prompts", str(asked(tmp_path)), "--out", str(out), "--least", "0.1", "--rounds", "1"]
    assert main(words) == 1
    assert "Stopped; what was made is kept: run it again to go on." in capsys.readouterr().err
    assert read_outcomes(out)["traces"] == 2
    assert main(words) == 0 and read_outcomes(out)["traces"] == 5
