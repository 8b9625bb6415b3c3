"""Training runs from a shell: every command on a real process, and what is told of one."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live import eventually
from training_runs import CHILD, Begin, ended, step

from writer_r1.cli import main
from writer_r1.training import job, run_folder
from writer_r1.training.report import headline_of, pace_of, report


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert main([*argv, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_is_listed_stopped_and_gone_on_with(begin_run: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    folder = begin_run(pause=0.02)
    eventually(lambda: step(folder) > 5)
    rows = told(capsys, "runs", "list")
    assert [(r["name"], r["kind"], r["state"], r["steps"]) for r in rows] == [("sea", "sft", "training", 400)]  # type: ignore[attr-defined, index]
    now = told(capsys, "runs", "status", "sea")
    assert now["seconds_left"] and now["held_out"]["first"] == pytest.approx(3.29875)  # type: ignore[index]
    stopped = told(capsys, "runs", "stop", str(folder))
    assert stopped["state"] == "stopped" and stopped["checkpoint"] == stopped["step"]
    assert main(["runs", "stop", "sea"]) == 1
    assert "over already" in capsys.readouterr().err
    assert told(capsys, "runs", "resume", "sea")["state"] in ("starting", "preparing", "training")
    eventually(lambda: step(folder) > int(str(stopped["step"])))
    assert told(capsys, "runs", "stop", "sea", "--discard")["state"] == "discarded"
    assert main(["runs", "resume", "sea"]) == 1
    assert "no checkpoint" in capsys.readouterr().err
    assert main(["runs", "status", "sea"]) == 0
    assert capsys.readouterr().out.startswith("sea: discarded, step ")


def test_a_folder_that_is_no_run_or_of_another_version_is_told_in_a_sentence(
    begin_run: Begin,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = begin_run(steps=1)
    ended(folder)
    (folder / "run.json").write_text('{"version": 99}')
    for command in ("status", "stop", "resume"):
        assert main(["runs", command, str(folder)]) == 1
        assert "another version" in capsys.readouterr().err
    assert main(["runs", "status", str(tmp_path / "none")]) == 1
    assert "no training run" in capsys.readouterr().err
    assert main(["runs", "list"]) == 0
    assert "unreadable" in capsys.readouterr().out
    assert report(folder).config is None


def test_a_run_can_be_made_for_processes_that_are_launched_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a run"
    argv = ["train", "mrpo", "--run", str(folder), "--data", "rows", "--base", "starter", "--steps", "7", "--prepare"]
    found = told(capsys, *argv)
    words = shlex.split(str(found["command"]))
    assert words[:3] == ["accelerate", "launch", "--config_file"]
    assert words[-3:] == ["-m", "writer_r1.training.mrpo", str(folder)]
    assert run_folder.config_of(folder).steps == 7
    assert not job.is_alive(folder) and {path.name for path in folder.iterdir()} == {"run.json", "state", "checkpoints"}
    assert main(argv) == 1
    assert "is not empty" in capsys.readouterr().err


def test_thoughts_are_practised_from_where_a_run_left_off(
    begin_run: Begin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = begin_run(steps=1)
    ended(before)
    folder = tmp_path / "onward"
    argv = ["train", "mrpo", "--data", "rows", "--base", "starter", "--prepare", "--run"]
    told(capsys, *argv, str(folder), "--adapter", "sea", "--thoughts", "dense")
    config = run_folder.config_of(folder)
    assert (config.adapter, config.thoughts, config.text_tokens) == (str(before / "adapter"), "dense", 384)
    told(capsys, *argv, str(tmp_path / "again"), "--adapter", str(before / "adapter"))
    assert run_folder.config_of(tmp_path / "again").adapter == str(before / "adapter")
    assert main([*argv, str(tmp_path / "none"), "--adapter", str(tmp_path)]) == 1
    assert "has no adapter yet" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_the_pace_is_that_of_the_newest_steps() -> None:
    rows = [{"step": n, "t": 4.0 * n} for n in range(4)]
    assert pace_of(rows[:3]) is None  # too few to tell
    assert pace_of(rows) == 4.0
    assert pace_of([*rows, {"step": 4, "split": "held_out", "t": 99.0}]) == 4.0
    slower = [{"step": 3 + n, "t": 12.0 + 10 * n} for n in range(1, 21)]
    assert pace_of([*rows, *slower]) == 10.0


def test_after_a_resume_the_time_left_is_told_by_the_new_process_alone(begin_run: Begin) -> None:
    folder = begin_run(pause=0.02)
    eventually(lambda: report(folder).left_s is not None)
    eventually(lambda: step(folder) > 12)
    job.stop(folder)
    ended(folder)
    (folder.parent.parent / "sea.json").write_text('{"pause": 0.3}')
    job.resume(folder)
    assert report(folder).left_s is None
    eventually(lambda: report(folder).left_s is not None)
    assert report(folder).pace_s == pytest.approx(0.3, abs=0.15)
    job.discard(folder, 1.0)


def test_what_matters_is_told_of_what_was_held_out() -> None:
    rows = [{"loss": 1.0}, {"split": "held_out", "loss": 3.0}, {"split": "held_out", "loss": float("nan")}]
    assert headline_of("sft", rows[:1]) is None
    assert headline_of("sft", [*rows, {"split": "held_out", "loss": 2.5}]) == (3.0, 2.5)


def test_two_processes_never_train_in_one_folder(begin_run: Begin) -> None:
    folder = begin_run(pause=0.05)
    eventually(lambda: step(folder) > 1)
    with pytest.raises(Exception, match="Another process trains"), run_folder.alive(folder):
        pass
    job.discard(folder)


def test_a_run_is_followed_to_its_end_and_what_made_it_fail_is_the_answer(
    begin_run: Begin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "told.json"
    words = ["train", "sft", "--data", str(data), "--base", "starter", "--steps", "3", "--run"]
    data.write_text("{}", "utf-8")
    assert main([*words, str(tmp_path / "sea")]) == 0
    told = capsys.readouterr()
    assert "finished" in told.out and "3" in told.out and told.err.strip()
    data.write_text('{"fail": "memory"}', "utf-8")
    assert main([*words, str(tmp_path / "river")]) == 1
    assert "It failed for want of memory." in capsys.readouterr().err


def test_ctrl_c_stops_a_run_and_what_it_learned_is_kept(begin_run: Begin, tmp_path: Path) -> None:
    data, folder = tmp_path / "told.json", tmp_path / "sea"
    data.write_text('{"pause": 0.05}', "utf-8")
    program = (
        "import signal, sys; from writer_r1.cli import main; from writer_r1.training import job\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        f"job.PROGRAM['sft'] = ({CHILD!r},)\nsys.exit(main(sys.argv[1:]))"
    )
    words = ["train", "sft", "--data", str(data), "--base", "starter", "--steps", "4000", "--run", str(folder)]
    shell = subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True)
    eventually(lambda: step(folder) > 2, 60)
    shell.send_signal(signal.SIGINT)
    said, _ = shell.communicate(timeout=60)
    assert shell.returncode == 0 and "stopped" in said
    assert run_folder.newest_step(folder) == step(folder) < 4000
