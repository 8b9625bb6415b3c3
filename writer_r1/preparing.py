"""A wish for thoughts to train on, or for requests of the right difficulty -> made in the background, for any page.

`synthesis` and `difficulty` do the work, in a thread that shares the machine's model with whoever writes and lets him
go first. Each row is in its file as soon as it is known, so work that was stopped goes on where it was, in a studio
started anew, too. One of the two is made at a time.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from writer_r1 import catalog, difficulty, synthesis
from writer_r1.adapters import WEIGHTS, digest_of
from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.llm import Cancel
from writer_r1.material import Source, delete, read_bounds, requests, thoughts_at, tried_at
from writer_r1.review import Similarity
from writer_r1.room import Host as ModelHost
from writer_r1.row_files import Pair, Say
from writer_r1.store import Store
from writer_r1.thinking import Limits
from writer_r1.training.export import to_gguf_adapter
from writer_r1.training.plan import read_plan
from writer_r1.training.starts import called, fits, start_at
from writer_r1.weights_folder import ADAPTER_FILE, is_weights_folder

log = logging.getLogger(__name__)

Kind = Literal["thoughts", "difficulty"]
State = Literal["running", "done", "failed", "stopped"]
ROUNDS, THOUGHT = 3, Limits(0.5, 900)  # as `writer-r1 synth` has them
BUSY: dict[Kind, str] = {"thoughts": "Thinking traces are being made", "difficulty": "Requests are being tried"}
BUG = "The work hit a bug; what was made is kept. Details are in the log."


class Host(ModelHost, Protocol):
    """What is needed of a workspace."""

    home: Path
    models: Path
    store: Store

    @property
    def writer(self) -> str:
        """Return the name of the model that writes."""
        ...

    @property
    def judge(self) -> str:
        """Return the name of the model that judges."""
        ...

    @property
    def similarity(self) -> Similarity:
        """Return the likeness of a text with others."""
        ...

    def name_of(self, name: str) -> str:
        """Return the one name of a model, whatever it is called by."""
        ...


class Asked(NamedTuple):
    """What is made, of which requests."""

    kind: Kind
    source: Source


class Progress(NamedTuple):
    """How far it is, in requests. `left_s` is None while the pace is not known."""

    asked: Asked
    done: int
    total: int
    left_s: float | None
    doing: str
    state: State
    message: str = ""
    stopping: bool = False


def wish_for(host: Host) -> difficulty.Wish:
    """Return how requests would be tried now: what is chosen to be trained drafts, with what it begins with."""
    bounds, plan = read_bounds(host.home), read_plan(host.home)
    names = _name(plan.base, host), _name(host.judge, host)
    worn = called(plan.adapter, host.home) if plan.adapter else ""
    if not (plan.adapter and worn):
        return difficulty.Wish(*names, bounds.drafts, 0, bounds.limits)
    folder = Path(plan.adapter)
    there = (folder / ADAPTER_FILE).is_file()  # if not, that is said when it is needed
    weights = digest_of(folder / ADAPTER_FILE) if there else "gone"
    return difficulty.Wish(*names, bounds.drafts, 0, bounds.limits, folder, worn, weights)


def thoughts_wish(host: Host) -> synthesis.Wish:
    """Return how thoughts would be made now."""
    return synthesis.Wish(_name(host.writer, host), _name(host.judge, host), ROUNDS, 0, THOUGHT)


def _name(model: str, host: Host) -> str:
    try:
        return host.name_of(model)
    except WriterError:
        return model  # that it is not there is said when it is needed


def tried_by(wish: difficulty.Wish, home: Path) -> Path:
    """Return the file of the requests that were tried in this way."""
    return tried_at(home, wish.policy, wish.judge, wish.drafts, wish.weights)


class Preparing:
    """What is, or was, made to train on by this process for one library, one thing at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guard = threading.Lock()
        self._last: dict[Kind, _Work] = {}

    def start(self, asked: Asked) -> None:
        """Begin, or go on, unless it is under way.

        Raises:
            Busy: something else is being made.
        """
        with self._guard:
            if running := self.running():
                if running == asked:
                    return
                raise Busy(f"{BUSY[running.kind]}; wait for the end, or press Stop there first.")
            work = self._last[asked.kind] = _Work(asked, self._host)
            work.thread.start()

    def progress(self, kind: Kind) -> Progress | None:
        """Return how far the last work of this kind is, or None where this studio began none."""
        work = self._last.get(kind)
        return work.progress if work else None

    def wish(self) -> difficulty.Wish:
        """Return how requests are being tried, or would be now; what the form says meanwhile changes nothing of it."""
        work = self._under_way("difficulty")
        return work.wish if work else wish_for(self._host)

    def thoughts(self) -> synthesis.Wish:
        """Return how thoughts are being made, or would be now."""
        work = self._under_way("thoughts")
        return work.thoughts if work else thoughts_wish(self._host)

    def running(self) -> Asked | None:
        """Return what is being made, if anything."""
        return next((work.asked for kind in MAKE if (work := self._under_way(kind))), None)

    def _under_way(self, kind: Kind) -> "_Work | None":
        work = self._last.get(kind)
        return work if work and work.progress.state == "running" else None

    def stop(self) -> None:
        """Ask for an end; what was made is kept."""
        for work in list(self._last.values()):
            work.stop.set()

    def delete(self) -> None:
        """Stop, and delete all that was made to train on: it holds what was written.

        Raises:
            Busy: the work has not ended yet.
            StoreError: it cannot be deleted.
        """
        if not self.close():
            raise Busy("What is made to train on has not stopped yet; delete everything again in a moment.")
        delete(self._host.home)

    def close(self, timeout_s: float = 10.0) -> bool:
        """Stop, and return whether the model is let go."""
        self.stop()
        works = list(self._last.values())
        for work in works:
            work.thread.join(timeout_s)
        return not any(work.thread.is_alive() for work in works)


class _Work:
    """One work: its thread, and how far it is."""

    def __init__(self, asked: Asked, host: Host) -> None:
        self.asked, self.host, self.wish, self.thoughts = asked, host, wish_for(host), thoughts_wish(host)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"prepare {asked.kind}", daemon=True)
        self._said = Progress(asked, 0, 0, None, "beginning", "running")

    @property
    def progress(self) -> Progress:
        return self._said._replace(stopping=self._said.state == "running" and self.stop.is_set())

    def _tell(self, done: int, total: int, left_s: float | None, doing: str) -> None:
        self._said = Progress(self.asked, done, total, left_s, doing, "running")

    def _run(self) -> None:
        state: State = "failed"
        message = BUG
        try:
            MAKE[self.asked.kind](self, self._tell, self.stop.is_set)
            whole = self._said.done >= self._said.total
            state, message = ("done" if whole or not self.stop.is_set() else "stopped"), ""
        except WriterError as error:
            message = str(error)
        except BaseException as error:  # a bug must reach the page, which would else wait for ever
            where = "".join(traceback.format_tb(error.__traceback__))  # not the message: it may quote a text
            log.error("Making %s met a bug, %s:\n%s", self.asked.kind, type(error).__name__, where)
        finally:
            self._said = self._said._replace(left_s=None, state=state, message=message)


def _thoughts(work: _Work, say: Say, cancel: Cancel) -> None:
    host, source = work.host, work.asked.source
    outcomes = synthesis.Outcomes(_begun(thoughts_at(host.home)))
    if source == "library":
        synthesis.from_history(host.store, outcomes, THOUGHT, host.similarity, say, cancel)
        return
    synthesis.synthesise(host, requests(source, host.store), outcomes, work.thoughts, say, cancel)


def _difficulty(work: _Work, say: Say, cancel: Cancel) -> None:
    host, files = work.host, Pair(_begun(tried_by(work.wish, work.host.home)))
    worn = _worn(work.wish, host) if work.wish.adapter else None
    wish = work.wish._replace(adapter=worn)
    difficulty.choose(host, requests(work.asked.source, host.store), files, wish, say, cancel)


def _worn(wish: difficulty.Wish, host: Host) -> Path:
    """Return what the model that drafts can put on of the run that it begins with.

    Raises:
        WriterError: no run of the home left it, it was trained on another model, or it cannot be made ready.
    """
    start = start_at(str(wish.adapter), host.home)
    if not fits(start, catalog.find(wish.policy, host.models)):
        raise WriterError(
            f"“{start.title}” was trained on {start.base} and does not fit {wish.policy}; choose another beginning "
            "under “Begins with”."
        )
    base = catalog.path_of(wish.policy, host.models)
    if is_weights_folder(base):
        return start.folder
    ready, made_of = start.folder / WEIGHTS, start.folder / ADAPTER_FILE
    if ready.is_file() and ready.stat().st_mtime_ns >= made_of.stat().st_mtime_ns:
        return ready
    return to_gguf_adapter(start.folder, base)


def _begun(out: Path) -> Path:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{str(out.parent)!r} cannot be made ({error.strerror}).") from error
    return out


MAKE: dict[Kind, Callable[[_Work, Say, Cancel], None]] = {"thoughts": _thoughts, "difficulty": _difficulty}
