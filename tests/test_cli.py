"""The command line: complete help, exit codes, one sentence for each failure; and the real thing on the starter."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import example_run as example
import pytest
from conftest import MODELS, isolated, require_starter

from writer_r1 import batch
from writer_r1.cli import build_parser, main
from writer_r1.events import Evaluated
from writer_r1.places import home
from writer_r1.store import Store
from writer_r1.trajectory import JudgeInfo

ROOT = Path(__file__).parent.parent
STUDIO = [sys.executable, "-m", "writer_r1"]
HEAVY = ("gradio", "torch", "transformers", "llama_cpp", "numpy")


def every(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each command's words and what its help lacks."""
    lacks = [] if parser.description else ["description"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            lacks += [p.dest for p in action._choices_actions if not p.help]
            for name, sub in action.choices.items():
                yield from every(sub, (*path, name))
        elif not action.help:
            lacks.append(action.dest)
    yield path, lacks


COMMANDS = dict(every(build_parser()))


# Without a model


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_and_each_of_its_flags_do(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert COMMANDS[path] == []
    with pytest.raises(SystemExit) as end:
        main([*path, "--help"])
    shown = capsys.readouterr()
    assert end.value.code == 0 and shown.err == "" and shown.out.startswith(f"usage: {' '.join(('writer-r1', *path))}")


def test_the_commands_scripts_rely_on_are_there() -> None:
    names = {" ".join(path) for path in COMMANDS}
    models, history = {"list", "pull", "add", "verify"}, {"list", "show", "export"}
    wanted = {"criteria", "write", "judge", "judge-many", "qualify", "bench", "export", "import", "backup", "restore"}
    assert wanted | {f"models {m}" for m in models} | {f"history {h}" for h in history} <= names


@pytest.mark.parametrize(
    "code",
    ["from writer_r1.cli import main; main(['--help'])", "from writer_r1.cli import main; main(['write', '--help'])"]
    + ["import app; app.main(['--help'])"],
)
def test_help_answers_without_loading_anything_heavy(code: str) -> None:
    loaded = f"print([m for m in {HEAVY} if m in sys.modules])"
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit as end:\n    {loaded}\n    sys.exit(end.code)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--help" in done.stdout and done.stdout.endswith("[]\n"), done.stderr


@pytest.mark.parametrize("command", [[*STUDIO, "--help"], [sys.executable, "app.py", "--help"]])
def test_both_programs_answer_from_a_shell(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["wrte", "x"],
        ["write"],
        ["write", "x", "--rounds", "-1"],
        ["write", "x", "--rounds", "two"],
        ["write", "x", "--depth", "deep"],
        ["judge", "--prompt", "x"],
        ["judge-many", "--in", "rows"],
        ["qualify", "--per-set", "some"],
        ["models"],
        ["history", "export", "1", "--format", "epub"],
        ["criteria", "x", "--jsn"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_says_how_it_is_used(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    shown = capsys.readouterr()
    assert end.value.code == 2 and shown.out == "" and shown.err.startswith("usage: writer-r1")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["criteria", ""], "The request is empty"),
        (["write", " \n "], "The request is empty"),
        (["judge", "--prompt", "\t", "--draft", "x"], "The request is empty"),
        (["judge", "--prompt", "x", "--draft", " "], "The draft is empty"),
        (["criteria", "@missing.txt"], "The file 'missing.txt' cannot be read as text (FileNotFoundError)"),
        (["judge", "--prompt", "x", "--draft", "@."], "The file '.' cannot be read as text"),
        (["write", "x", "--rubric", "missing.json"], "The rubric file 'missing.json' cannot be read"),
        (["write", "x"], "is not downloaded yet: press Download on the Models page or run: writer-r1 models pull"),
        (["criteria", "x", "--model", "standard"], "is not downloaded yet"),
        (["write", "x", "--model", "nope"], "There is no model named 'nope': choose one of starter"),
        (["write", "x", "--model", "missing.gguf"], "missing.gguf"),
        (["criteria", "x", "--model", "hf:owner/name"], "writer-r1 models pull hf:owner/name"),
        (["qualify"], "is not downloaded yet"),
        (["qualify", "--data", "missing"], "There is no folder 'missing'"),
        (["models", "pull", "nope"], "'nope'"),
        (["models", "verify", "nope"], "'nope'"),
        (["models", "add", "missing.gguf"], "missing.gguf"),
        (["models", "add", __file__], "test_cli.py"),
        (["history", "show", "nope"], "No run has an id that starts with 'nope'"),
        (["history", "export", "nope"], "No run has an id that starts with 'nope'"),
        (["judge-many", "--in", "missing.jsonl", "--out", "scores.jsonl"], "The file 'missing.jsonl' cannot be read"),
        (["judge-many", "--in", "rows.jsonl", "--out", "no/such/folder.jsonl"], "cannot be written (No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_failure_is_1_with_one_sentence_and_no_result(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and sentence in shown.err
    assert not (tmp_path / "home" / "library.db").exists() or Store(tmp_path / "home" / "library.db").runs() == []


@pytest.mark.parametrize(
    ("fit", "says"), [("none-2c414ea4a146", "trust: low, not fitted to readers"), ("fake-2c414ea4a146", "trust: low")]
)
def test_beside_a_score_stands_how_far_its_judge_can_be_trusted(
    fit: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = JudgeInfo(model="fake", calibration=fit, trust="low")
    scored = example.SCORES[1].model_copy(update={"judge": info})
    monkeypatch.setattr(batch, "judge_row", lambda *asked: (example.RUBRIC, scored))
    assert main(["judge", "--prompt", "x", "--draft", "y"]) == 0
    assert capsys.readouterr().err == f"A guide, not a verdict (fake, {says}).\n"
    store = Store(home() / "library.db")
    store.begin("run1", example.PROMPT, "fake", "1:1")
    told = [Evaluated(attempt=1, evaluation=scored), Evaluated(attempt=2, evaluation=example.SCORES[2])]
    store.append("run1", [*example.whole_run("run1"), *told])
    assert main(["history", "show", "run1"]) == 0
    shown = capsys.readouterr().out
    assert f"--- round 0: 6.0 ({says}) (first draft)" in shown and "--- round 1: 7.8 (trust: unmeasured), best" in shown


def test_an_empty_history_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "list", "--json"]) == 0 and json.loads(capsys.readouterr().out) == []
    assert (
        main(
            ["history", "list", "--search", '"* OR ('],
        )
        == 0
        and capsys.readouterr().out == ""
    )


def test_the_models_are_listed_with_what_scripts_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "label", "licence", "bytes", "state", "path", "sha256"} <= set(rows[0])
    assert {"starter", "standard"} <= {a for row in rows for a in row["aliases"]}
    assert {row["state"] for row in rows} == {"absent"}
    assert main(["models", "list"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("smollm2-135m") and told[0].endswith(", also called starter") and len(told) == len(rows)


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    studio = subprocess.Popen(
        [*STUDIO, "models", "list"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert studio.stdout and studio.stderr
    studio.stdout.close()
    assert studio.wait(60) == 1 and studio.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_result_that_does_not_fit_on_the_disk_is_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*STUDIO, "models", "list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1 and done.stderr.startswith("The disk is full") and done.stderr.count("\n") == 1


# With the starter model, as a user types it

RUBRIC = [{"name": "Kettle's pride", "description": "The kettle boasts before it boils over.", "weight": 2}]
DRAFT = "The kettle told the spoons that steam was a kind of crown. By noon its lid had blown off and rolled away."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_starter()
    desk = tmp_path_factory.mktemp("desk")
    (desk / "rubric.json").write_text(json.dumps(RUBRIC), "utf-8")
    (desk / "kettle.txt").write_text(DRAFT, "utf-8")
    return desk


def start(desk: Path, *words: str) -> subprocess.Popen[str]:
    env = os.environ | isolated(desk, MODELS) | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*STUDIO, *words],
        cwd=desk,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """Undo what a shell does to background jobs: the tests themselves may run in one, deaf to Ctrl+C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def studio(desk: Path, *words: str) -> str:
    process = start(desk, *words)
    out, err = process.communicate(timeout=800)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out


@pytest.fixture(scope="module")
def written(desk: Path) -> list[dict[str, object]]:
    """Return the events of one real run of one round."""
    words = ["--model", "starter", "--rubric", "rubric.json", "--rounds", "1", "--max-words", "60", "--jsonl"]
    return [json.loads(line) for line in studio(desk, "write", "A fable about a proud kettle 🫖.", *words).splitlines()]


def finished(events: list[dict[str, object]]) -> str:
    return str(events[-1]["trajectory_id"])


@pytest.mark.model
def test_the_starter_is_listed_as_ready(desk: Path) -> None:
    rows = json.loads(studio(desk, "models", "list", "--json"))
    assert [row["state"] for row in rows if "starter" in row["aliases"]] == ["ready"]


@pytest.mark.model
def test_criteria_are_a_rubric_that_can_be_given_back(desk: Path) -> None:
    out = studio(desk, "criteria", "A 50-word fable about a proud kettle, no moral.", "--model", "starter", "--json")
    rubric = json.loads(out)
    names = [c["name"] for c in rubric["criteria"]]
    assert rubric["id"].startswith("r-") and len(names) == len({n.casefold() for n in names}) > 5
    length = next(c for c in rubric["criteria"] if c["name"] == "Length")
    assert length["kind"] == "measured" and length["check"]["low"] <= 50 <= length["check"]["high"]
    keys = {"id", "name", "description", "weight", "kind", "source", "locked"}
    assert all(keys <= set(c) and c["weight"] > 0 for c in rubric["criteria"])
    from writer_r1.rubric_file import read_rubric

    assert read_rubric(rubric, "A 50-word fable about a proud kettle, no moral.").id == rubric["id"]


@pytest.mark.model
def test_a_run_is_told_event_by_event_to_its_end(written: list[dict[str, object]]) -> None:
    kinds = [e["event"] for e in written]
    assert kinds[-2:] == ["stopped", "finished"] and "error" not in kinds
    order = [kinds.index(k) for k in ("started", "rubric", "delta", "draft", "score", "evaluation", "accepted")]
    assert order == sorted(order)
    times = [float(str(e["t"])) for e in written]
    assert times == sorted(times) and times[-1] > 0
    deltas = "".join(str(e["text"]) for e in written if e["event"] == "delta" and e["attempt"] == 1)
    draft = next(e for e in written if e["event"] == "draft")
    assert deltas.strip() == draft["text"] and draft["tokens"] <= 60 * 2 + 50
    evaluation = next(e["evaluation"] for e in written if e["event"] == "evaluation")
    assert [s["value"] for s in evaluation["scores"]][0] is not None and 0 <= evaluation["reward"] <= 1
    assert written[-1]["rounds"] in (1, 2)


@pytest.mark.model
def test_the_history_holds_the_run_letter_for_letter(desk: Path, written: list[dict[str, object]]) -> None:
    run_id = finished(written)
    rows = json.loads(studio(desk, "history", "list", "--search", "kettle 🫖", "--json"))
    assert [(r["id"], r["state"]) for r in rows] == [(run_id, "finished")]
    exported = json.loads(studio(desk, "history", "export", run_id[:5], "--format", "json"))
    assert exported == {"id": run_id, "events": written, "own_scores": []}
    shown = json.loads(studio(desk, "history", "show", run_id, "--json"))
    best = shown["attempts"][shown["best"] - 1]
    assert studio(desk, "history", "export", run_id).rstrip("\n") == best["text"] != ""
    plain = studio(desk, "history", "show", run_id)
    assert "A fable about a proud kettle 🫖." in plain and best["text"] in plain and ", best (" in plain


@pytest.mark.model
def test_ctrl_c_keeps_the_text_so_far(desk: Path) -> None:
    process = start(
        desk, "write", "A long saga of the sea.", "--model", "starter", "--rubric", "rubric.json", "--jsonl"
    )
    assert process.stdout
    seen = next(line for line in process.stdout if '"event":"delta"' in line)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "the text so far is kept" in err and "Traceback" not in err
    assert time.monotonic() - asked < 30
    run = Store(desk / "home" / "library.db").runs()[0]
    assert run.state == "stopped" and run.best_text.startswith(json.loads(seen)["text"].strip())


@pytest.mark.model
def test_a_draft_is_judged_with_a_reason(desk: Path) -> None:
    words = ["--prompt", "A fable about a proud kettle.", "--draft", "@kettle.txt", "--rubric", "rubric.json"]
    found = json.loads(studio(desk, "judge", *words, "--model", "starter", "--json"))
    (score,) = found["scores"]
    assert set(found) == {"rubric_id", "reward", "scores", "judge", "readers", "notes"}
    assert set(found["readers"]) == {"grammaticality", "cohesiveness", "likability", "relevance"} and found["notes"]
    assert found["judge"]["calibration"].startswith("smollm2-135m-")
    assert {"criterion_id", "value", "low", "high", "reason", "quote", "quote_found", "parts", "raw"} <= set(score)
    assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1 and score["reason"]
    assert found["judge"]["model"] == "smollm2-135m" and found["reward"] == pytest.approx(score["value"])


@pytest.mark.model
def test_judging_many_goes_on_where_a_kill_cut_it_off(desk: Path) -> None:
    rows = [
        {"id": f"row {n} é", "prompt": "A fable about a kettle.", "draft": f"{n}. {DRAFT}\u2028End.", "rubric": RUBRIC}
        for n in range(3)
    ]
    source, out = desk / "rows.jsonl", desk / "scores.jsonl"
    source.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    words = ("judge-many", "--in", str(source), "--out", str(out), "--model", "starter")
    process = start(desk, *words)
    assert process.stderr and "row 0" in next(line for line in process.stderr if line.startswith("row"))
    process.kill()
    process.communicate()
    kept = out.read_text("utf-8")
    out.write_text(kept + '{"id": "row 9', "utf-8")
    process = start(desk, *words)
    _, err = process.communicate(timeout=800)
    lines = out.read_text("utf-8")
    found = [json.loads(line) for line in lines.splitlines()]
    assert process.returncode == 0 and lines.startswith(kept) and kept.count("\n") in (1, 2), err
    assert f"{3 - kept.count(chr(10))} rows scored" in err
    assert [f["id"] for f in found] == [r["id"] for r in rows]
    for f in found:
        assert list(f) == ["id", "reward", "scores", "unscored", "judge", "trust", "tokens", "seconds"]
        assert list(f["scores"]) == ["Kettle's pride"] and f["tokens"] > 20 and f["seconds"] > 0
        assert f["unscored"] == [k for k, v in f["scores"].items() if v is None]
