"""A training run's folder -> its process: begun, watched, ended, gone on with, by whoever comes along. No torch here.

The process has a session of its own and writes straight into `stdout.log`, so it needs nobody: pages and studios come
and go, or are killed, and the next one reads on from the folder. Nothing about a run is remembered in memory; what it
is doing is a pure function of what lies in its folder and whether its process lives (`status.state_of`).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import get_args

import psutil
from filelock import FileLock, Timeout

from writer_r1 import places
from writer_r1.errors import Busy, TrainingError
from writer_r1.processes import alive
from writer_r1.training import mark, run_folder
from writer_r1.training.config import Config, Kind
from writer_r1.training.lessons import write_lessons
from writer_r1.training.process import environment
from writer_r1.training.run_folder import Exit
from writer_r1.training.status import BEGUN, DISCARDED, Signs, Status, hopeless, state_of
from writer_r1.trajectory import Lesson

# What a run's process is, after the interpreter and before its folder.
PROGRAM: dict[Kind, tuple[str, ...]] = {kind: ("-m", f"writer_r1.training.{kind}") for kind in get_args(Kind)}
GRACE_S = 10.0  # between asking to discard, SIGTERM and SIGKILL
TAIL_BYTES = 20_000
SECRET = ("TOKEN", "SECRET", "PASSWORD", "API_KEY")  # no business of a training run


def signs_of(folder: Path) -> Signs:
    """Return what is seen of a run at this moment."""
    now = time.time()
    lives = is_alive(folder)  # looked at first: a process writes how it ended before it goes
    ended, beat, asked = run_folder.exit_of(folder), run_folder.last_beat(folder), run_folder.stop_asked(folder)
    return Signs(
        run_folder.state(folder),
        ended,
        lives,
        beat,
        asked,
        now - mark.begun_at(folder),
        None if beat is None else now - beat.t,
        run_folder.newest_step(folder),
        "" if lives or ended else log_tail(folder),
        now - run_folder.asked_at(folder) if asked else 0.0,
    )


def status(folder: Path) -> Status:
    """Return what a run is doing, once a process that can no longer be waited for is ended.

    Raises:
        TrainingError: no run is there, or one of another version.
    """
    run_folder.record(folder)
    signs = signs_of(folder)
    if signs.asked == "discard" and not signs.lives and not signs.ended:
        _throw_away(folder)  # whoever asked for it was gone before
        signs = signs_of(folder)
    if (why := hopeless(signs)) and _end_process(folder, GRACE_S):
        run_folder.end(folder, Exit(outcome="failed", sentence=why, kind="bug" if signs.beat is None else "killed"))
        signs = signs_of(folder)
    return state_of(signs)


def start(folder: Path, config: Config, lessons: Sequence[Lesson] = ()) -> None:
    """Begin a run in a folder that is not there yet, in a process of its own; it gets a copy of the lessons.

    Raises:
        Busy: a run is training on this machine.
        TrainingError: the folder is taken or cannot be written.
    """
    with _turn(folder):
        prepare(folder, config, lessons)
        _begin(folder)


def prepare(folder: Path, config: Config, lessons: Sequence[Lesson] = ()) -> None:
    """Make the folder of a run that is not begun yet; it gets a copy of the lessons.

    Raises:
        TrainingError: the folder is taken or cannot be written.
    """
    run_folder.create(folder, config)
    if lessons:
        write_lessons(folder, lessons)


def resume(folder: Path) -> None:
    """Go on with a run that is over, from its newest checkpoint.

    Raises:
        Busy: it, or another run, is training on this machine.
        TrainingError: it has no checkpoint, was made by another version, or cannot be written.
    """
    if status(folder).state == "finished":
        raise TrainingError(f"The run {folder.name!r} is finished; begin a new run to learn more.", "settings")
    with _turn(folder):
        step = run_folder.newest_step(folder)
        if step is None:
            raise TrainingError(
                f"The run {folder.name!r} has no checkpoint to go on from; begin it again with the same settings.",
                "settings",
            )
        run_folder.begin_again(folder)
        run_folder.add_facts(folder, resumed=[*run_folder.record(folder).get("resumed", ()), step])
        _begin(folder)


def stop(folder: Path) -> None:
    """Ask a run to end at its next safe moment and keep what it learned; returns at once.

    Raises:
        TrainingError: no run is there, it is over, or its folder cannot be written.
    """
    if status(folder).over:
        raise TrainingError(f"The run {folder.name!r} is over already; nothing is left to stop.", "settings")
    if run_folder.stop_asked(folder) is None:
        run_folder.ask_stop(folder)


def discard(folder: Path, grace_s: float = GRACE_S) -> None:
    """End a run now and throw away what it learned; its curves, samples and log stay.

    Raises:
        TrainingError: it was over already, or its folder cannot be written.
    """
    if status(folder).over:
        raise TrainingError(f"The run {folder.name!r} is over already; delete it to throw it away.", "settings")
    run_folder.ask_stop(folder, discard=True)
    deadline = time.monotonic() + grace_s
    while is_alive(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    _end_process(folder, grace_s)
    _throw_away(folder)


def _throw_away(folder: Path) -> None:
    run_folder.throw_away(folder)
    run_folder.end(folder, Exit(outcome="discarded", sentence=DISCARDED))


def running() -> Path | None:
    """Return the folder of the run that trains on this machine, whatever the home; None where none does."""
    with suppress(OSError):
        folder = Path(_pointer().read_text("utf-8"))
        if is_alive(folder):
            return folder
    return None


def called(folder: Path, home: Path | None) -> str:
    """Return a run's name in quotes for a home; of another writer's run no more than that it is one."""
    return f"“{folder.name}”" if _is_known(folder, home) else "another writer's run"


def _is_known(folder: Path, home: Path | None) -> bool:
    owner = places.writer_of(folder)
    return owner is None or owner == places.writer_of(home or Path())


def runs_in(home: Path) -> Path:
    """Return the folder of a home's runs."""
    return (home / "runs").absolute()


def copied_data(folder: Path) -> Path:
    """Return where the rows of a run lie that were copied for it alone; they go where it goes."""
    return folder.parent / f"{folder.name}.jsonl"


def folders(home: Path) -> list[Path]:
    """Return the folders of a home's runs, the newest first, of other versions too."""
    found = [p.parent for p in runs_in(home).glob("*/run.json")]
    return sorted(found, key=lambda folder: ((folder / "run.json").stat().st_ctime, folder.name), reverse=True)


def is_alive(folder: Path) -> bool:
    """Return whether the run's process lives: it holds the run's lock, or is on its way to it."""
    return run_folder.is_alive(folder) or alive(mark.owner(folder))


def log_tail(folder: Path) -> str:
    """Return the end of what a run's process printed, in whole lines."""
    try:
        with (folder / "stdout.log").open("rb") as file:
            whole = file.seek(0, os.SEEK_END) <= TAIL_BYTES
            file.seek(0 if whole else -TAIL_BYTES, os.SEEK_END if not whole else os.SEEK_SET)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if whole else text.partition("\n")[2]


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the right to begin a run on this machine, and note that it is this one.

    Raises:
        Busy: a run is training, or another one is just being begun.
        TrainingError: the note cannot be written.
    """
    folder, pointer = folder.absolute(), _pointer()
    try:
        with FileLock(f"{pointer}.lock", timeout=5):
            if is_alive(folder):
                raise Busy(f"The run {folder.name!r} is training already.")
            if other := running():
                name = f"The run {other.name!r}" if _is_known(other, folder) else "Another writer's run"
                raise Busy(f"{name} is training on this machine; wait for its end, or stop it, then start.")
            pointer.write_text(str(folder), "utf-8")  # first: a kill now leaves a run that is found, or none
            yield
    except Timeout:
        raise Busy("Another run is just being started on this machine; look again in a moment.") from None
    except OSError as error:
        raise TrainingError(f"No run can be started ({error.strerror or error}).", "disk") from error


def _pointer() -> Path:
    return places.machine_lock().with_suffix(".training")


def _begin(folder: Path) -> None:
    config = run_folder.config_of(folder)
    command = [sys.executable, "-u", *PROGRAM[config.kind], str(folder.absolute())]
    kept = {k: v for k, v in os.environ.items() if not any(word in k.upper() for word in SECRET)}
    with (folder / "stdout.log").open("ab") as log:  # no pipe anywhere: nobody has to be there to drain it
        log.write(f"{BEGUN}{time.strftime('%Y-%m-%d %H:%M:%S')} ===\n".encode())
        log.flush()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=places.PACKAGE.parent,
            env=kept | environment(config),
            start_new_session=True,
        )
    mark.write(folder, child.pid)
    threading.Thread(target=child.wait, name=f"reaper {child.pid}", daemon=True).start()


def _end_process(folder: Path, grace_s: float) -> bool:
    """End a run's process and what it began, first kindly; return whether it is gone."""
    owner = mark.owner(folder)
    for ending in (signal.SIGTERM, signal.SIGKILL):
        if not alive(owner):
            break
        with suppress(OSError):
            os.killpg(int(owner.partition(":")[0]), ending)
        with suppress(psutil.Error):
            psutil.Process(int(owner.partition(":")[0])).wait(grace_s)
    return not is_alive(folder)
