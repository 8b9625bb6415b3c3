"""A run's process needs nobody: begun, watched, ended and gone on with by whoever comes along, whatever was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from live import eventually
from tiny_base import make_base
from training_data import run_config, write_rows
from training_runs import CHILD, Begin, ended, step

from writer_r1.errors import Busy, TrainingError, WriterError
from writer_r1.room import machine
from writer_r1.training import deletion, job, mark, run_folder, status
from writer_r1.training.deletion import delete, set_aside
from writer_r1.training.report import report
from writer_r1.training.run_folder import Beat, Exit
from writer_r1.training.status import Signs, state_of

pytestmark = pytest.mark.long

STARTER = f"""
import sys, time
from pathlib import Path
from writer_r1.training import job
from writer_r1.training.config import configured
job.PROGRAM["sft"] = ({CHILD!r},)
data, folder = sys.argv[1:]
job.start(Path(folder), configured("sft", name="sea", base="starter", data=data, steps=400))
print("begun", flush=True)
time.sleep(600)
"""


def pid_of(folder: Path) -> int:
    return int((folder / mark.FILE).read_text().partition(":")[0])


# What is seen -> what it is doing


QUIET = Signs("training", None, True, Beat(t=0, phase="training", done=3, total=9), None, 5.0, 1.0, None)
FAILED = Exit(outcome="failed", kind="data", sentence="No rows.")


@pytest.mark.parametrize(
    ("signs", "state", "failure"),
    [
        pytest.param(QUIET._replace(beat=None, silent_s=None, said="starting"), "starting", None, id="just begun"),
        pytest.param(QUIET._replace(said="preparing"), "preparing", None, id="preparing"),
        pytest.param(QUIET, "training", None, id="training"),
        pytest.param(QUIET._replace(silent_s=900.0), "training", None, id="training, not heard of"),
        pytest.param(QUIET._replace(asked="save"), "stopping", None, id="asked to stop"),
        pytest.param(QUIET._replace(asked="discard", beat=None), "stopping", None, id="asked before it began"),
        pytest.param(QUIET._replace(said="finished"), "saving", None, id="on its last line"),
        pytest.param(QUIET._replace(ended=FAILED), "failed", "data", id="said how, still leaving"),
        pytest.param(QUIET._replace(ended=FAILED, lives=False), "failed", "data", id="said how, and gone"),
        pytest.param(QUIET._replace(lives=False), "failed", "killed", id="gone without a word"),
        pytest.param(QUIET._replace(lives=False, asked="save"), "failed", "killed", id="killed while it stopped"),
        pytest.param(QUIET._replace(lives=False, asked="discard"), "discarded", None, id="killed to discard it"),
        pytest.param(QUIET._replace(lives=False, log="MemoryError: no room"), "failed", "memory", id="memory"),
        pytest.param(
            QUIET._replace(lives=False, log="OSError: [Errno 28] No space left on device"), "failed", "disk", id="disk"
        ),
        pytest.param(
            QUIET._replace(lives=False, log="Traceback (most recent call last)\nKeyError: 3"), "failed", "bug", id="bug"
        ),
        pytest.param(
            QUIET._replace(lives=False, log=f"MemoryError\n{status.BEGUN}later ===\nstep 4"),
            "failed",
            "killed",
            id="the error is an earlier process's",
        ),
    ],
)
def test_what_a_run_is_doing_follows_from_what_is_seen(signs: Signs, state: str, failure: str | None) -> None:
    found = state_of(signs)
    assert (found.state, found.failure) == (state, failure)
    assert bool(found.sentence) == (found.state in ("failed", "discarded"))
    assert found.over == (state in status.ENDED)


def test_who_is_not_heard_of_is_said_to_be_and_only_ended_where_nobody_waits_for_more() -> None:
    long = QUIET._replace(silent_s=61.0)
    assert state_of(QUIET).silent_s is None and state_of(long).silent_s == 61.0
    assert status.hopeless(long) == ""  # it may be a machine that slept
    deaf = long._replace(asked="save", silent_s=400.0, asked_s=310.0)
    assert "400 seconds" in status.hopeless(deaf)
    assert status.hopeless(deaf._replace(asked_s=5.0)) == ""  # it was just asked, in the middle of a long step
    assert "sign of life" in status.hopeless(QUIET._replace(beat=None, silent_s=None, since_s=61.0))
    assert status.hopeless(QUIET._replace(beat=None, silent_s=None, since_s=59.0)) == ""
    assert status.hopeless(long._replace(asked="save", lives=False)) == ""


def test_how_a_killed_run_can_be_gone_on_with_is_said() -> None:
    assert "no checkpoint" in state_of(QUIET._replace(lives=False)).sentence
    assert "resume goes on from step 20" in state_of(QUIET._replace(lives=False, kept=20)).sentence


# Real processes


def test_a_run_prints_ten_megabytes_while_nobody_looks_and_ends(begin_run: Begin) -> None:
    """Acceptance 3 of the page's design."""
    folder = begin_run(steps=10, flood=1_100_000)
    assert job.status(folder).state in ("starting", "preparing", "training")
    found = ended(folder)
    assert (found.state, found.sentence) == ("finished", "Learned for 10 steps.")
    assert (folder / "stdout.log").stat().st_size > 10_000_000
    assert len(job.log_tail(folder)) <= job.TAIL_BYTES


def test_a_run_outlives_the_studio_that_began_it_and_another_one_stops_it(tmp_path: Path, begin_run: Begin) -> None:
    data, folder = tmp_path / "d.json", job.runs_in(tmp_path / "home") / "sea"
    data.write_text(json.dumps({"pause": 0.02}))
    starter = subprocess.Popen([sys.executable, "-c", STARTER, data, folder], cwd=ROOT, stdout=subprocess.PIPE)
    assert starter.stdout and starter.stdout.readline() == b"begun\n"
    starter.kill()
    starter.communicate()
    try:
        eventually(lambda: step(folder) > 3)
        assert job.folders(tmp_path / "home") == [folder] and job.running() == folder
        assert job.status(folder).state == "training"
        assert os.getsid(pid_of(folder)) == pid_of(folder)  # a session of its own
        with pytest.raises(Busy, match="'sea' is training on this machine"):
            begin_run("second")
        assert not (folder.parent / "second").exists()
        with pytest.raises(Busy, match="is training; stop it first"):
            delete(folder)
        job.stop(folder)
        assert job.status(folder).state in ("stopping", "stopped")
        found = ended(folder)
        assert (found.state, found.kept) == ("stopped", step(folder))
        assert job.running() is None
    finally:
        psutil.Process(pid_of(folder)).kill() if psutil.pid_exists(pid_of(folder)) else None


def test_a_run_goes_on_from_its_last_checkpoint_after_every_way_of_ending(begin_run: Begin) -> None:
    folder = begin_run(steps=200, pause=0.02)
    eventually(lambda: step(folder) > 12)
    os.kill(pid_of(folder), signal.SIGKILL)
    found = ended(folder)
    assert (found.state, found.failure, found.kept) == ("failed", "killed", 10)
    job.resume(folder)
    with pytest.raises(Busy, match="training already"):
        job.resume(folder)
    eventually(lambda: step(folder) > 22)
    assert "going on from step 10" in job.log_tail(folder)
    assert job.status(folder).state == "training"
    job.stop(folder)
    stopped = ended(folder)
    assert stopped.state == "stopped" and stopped.kept is not None and stopped.kept > 20
    job.resume(folder)
    eventually(lambda: step(folder) > (stopped.kept or 0))
    (folder / "best" / "step-000010").mkdir(parents=True)
    job.discard(folder)
    gone = job.status(folder)
    assert (gone.state, gone.kept, job.is_alive(folder)) == ("discarded", None, False)
    assert not (folder / "best").exists()
    assert step(folder) > 20  # its curves stay
    with pytest.raises(TrainingError, match="no checkpoint"):
        job.resume(folder)
    for late in (job.stop, job.discard):
        with pytest.raises(TrainingError, match="over already"):
            late(folder)
    delete(folder)
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["memory", "data", "model", "disk"])
def test_a_failure_that_the_process_tells_is_told_on(begin_run: Begin, kind: str) -> None:
    found = ended(begin_run(fail=kind))
    assert (found.state, found.failure, found.sentence) == ("failed", kind, f"It failed for want of {kind}.")


def test_an_error_that_nobody_caught_is_told_from_the_log(begin_run: Begin) -> None:
    folder = begin_run(die=12)
    found = ended(folder)
    assert (found.state, found.failure, found.kept) == ("failed", "memory", 10)
    assert "resume goes on from step 10" in found.sentence and "MemoryError: no room" in job.log_tail(folder)


def test_a_start_without_a_sign_of_life_is_ended_and_says_so(begin_run: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "FIRST_SIGN_S", 0.5)
    folder = begin_run(mute=True)
    assert job.status(folder).state == "starting"
    eventually(lambda: job.status(folder).over)
    assert "no sign of life" in job.status(folder).sentence
    assert not job.is_alive(folder)


def test_a_process_that_heeds_nothing_is_ended_to_discard_it(begin_run: Begin) -> None:
    folder = begin_run(deaf=True, pause=0.05)
    eventually(lambda: step(folder) > 1)
    began = time.monotonic()
    job.discard(folder, grace_s=0.5)
    assert time.monotonic() - began < 8 and not job.is_alive(folder)
    assert job.status(folder).state == "discarded"


def test_another_process_with_the_same_number_is_not_taken_for_the_run(begin_run: Begin) -> None:
    folder = begin_run(steps=1)
    ended(folder)
    (folder / mark.FILE).write_text(f"{os.getpid()}:{time.time() - 9999:.2f} {time.time()}")
    (folder / "exit").unlink()
    assert not job.is_alive(folder)
    assert job.status(folder).failure == "killed"
    assert job._end_process(folder, 0.1)  # and we live


def test_what_cannot_be_a_run_is_refused_in_a_sentence(tmp_path: Path, begin_run: Begin) -> None:
    folder = begin_run(steps=1)
    ended(folder)
    with pytest.raises(TrainingError, match="finished"):
        job.resume(folder)
    with pytest.raises(TrainingError, match="not empty"):
        begin_run("sea")
    row = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**row, "version": 99}))
    for act in (job.status, job.resume, job.stop):
        with pytest.raises(TrainingError, match="another version"):
            act(folder)
    before = sorted(p.name for p in folder.iterdir())
    job.copied_data(folder).write_text("{}")
    aside = set_aside(folder)  # which can still be done
    assert not folder.exists() and folder not in job.folders(folder.parent.parent)
    assert sorted(p.name for p in aside.iterdir()) == before and job.copied_data(aside).read_text() == "{}"
    again = begin_run(folder.name, steps=1)
    ended(again)
    other = set_aside(again)
    assert other != aside and aside.exists() and other.exists()
    aside.rename(folder)
    assert folder in job.folders(folder.parent.parent)
    delete(folder)
    deletion.delete_all(folder.parent.parent)
    assert not other.exists()
    with pytest.raises(WriterError, match="no training run"):
        delete(tmp_path)
    assert tmp_path.exists()


def test_a_run_begins_while_a_piece_is_being_written(begin_run: Begin) -> None:
    with machine():
        folder = begin_run(steps=1)
    assert ended(folder).state == "finished"


def test_a_training_process_is_given_no_secrets(begin_run: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "x")
    folder = begin_run(pause=0.05)
    process = psutil.Process(pid_of(folder))
    eventually(process.environ)  # empty for a moment, while the interpreter is put in the place of the fork
    environment = process.environ()
    assert "SOME_API_KEY" not in environment and environment["HF_HUB_OFFLINE"] == "1"


def test_the_real_loop_is_begun_stopped_gone_on_with_and_told_of(tmp_path: Path) -> None:
    folder = job.runs_in(tmp_path / "home") / "sea"
    config = run_config("sft", make_base(tmp_path / "base"), write_rows(tmp_path / "rows.jsonl"), steps=400)
    job.start(folder, config)
    try:
        assert job.status(folder).state in ("starting", "preparing")
        eventually(lambda: run_folder.newest_step(folder) is not None, 180)
        job.stop(folder)
        stopped = ended(folder, 120)
        assert stopped.state == "stopped" and stopped.kept == step(folder), job.log_tail(folder)
        job.resume(folder)
        eventually(lambda: step(folder) > (stopped.kept or 0), 180)
        found = report(folder)
        assert found.headline and found.config == config
        os.kill(pid_of(folder), signal.SIGKILL)
        killed = ended(folder)
        assert (killed.state, killed.failure) == ("failed", "killed") and (killed.kept or 0) >= (stopped.kept or 0)
        assert (folder / "adapter" / "adapter_model.safetensors").exists()  # of the stop
    finally:
        job._end_process(folder, 1.0)
