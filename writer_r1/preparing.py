"""A wish for thoughts to train on, or for requests of the right difficulty -> made in the background, for any page.

`synthesis` and `difficulty` do the work, in a thread that shares the machine's model with whoever writes and lets him
go first. Each row is in its file as soon as it is known, so work that was stopped goes on where it was, in a studio
started anew, too. One of the two is made at a time.
"""

import threading
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from writer_r1 import catalog, difficulty, synthesis
from writer_r1.adapters import WEIGHTS, digest_of
from writer_r1.background import CLOSING_S, Progress, Tell, Work, Works
from writer_r1.errors import TRY_AGAIN, Busy, StoreError, WriterError
from writer_r1.llm import Cancel
from writer_r1.material import Source, delete, read_bounds, requests, thoughts_at, tried_at
from writer_r1.review import Similarity
from writer_r1.room import Host as ModelHost
from writer_r1.store import Store
from writer_r1.thinking import Limits
from writer_r1.training.export import to_gguf_adapter
from writer_r1.training.plan import read_plan
from writer_r1.training.starts import called, fits, start_at
from writer_r1.weights_folder import ADAPTER_FILE, is_weights_folder

Kind = Literal["thoughts", "difficulty"]
ROUNDS, THOUGHT = 3, Limits(0.5, 900)  # as `writer-r1 synth` has them
WAIT = "; wait for the end, or press Stop there first."
BUSY: dict[Kind, str] = {
    "thoughts": f"Thinking traces are being made{WAIT}",
    "difficulty": f"Requests are being tried{WAIT}",
}
BUG = f"A fault stopped the work; what was made is kept. {TRY_AGAIN}"


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


class Wishes(NamedTuple):
    """How requests are tried, and how thoughts are made."""

    trying: difficulty.Wish
    thinking: synthesis.Wish


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
        self._works = Works[Asked]()
        self._guard = threading.Lock()  # of the two below, which are those of the last work
        self._last: dict[Kind, Asked] = {}
        self._wishes: Wishes | None = None

    def start(self, asked: Asked) -> None:
        """Begin, or go on, unless it is under way.

        Raises:
            Busy: something else is being made.
        """
        host, wishes = self._host, Wishes(wish_for(self._host), thoughts_wish(self._host))

        def make(tell: Tell, cancel: Cancel) -> None:
            if asked.kind == "thoughts":
                _thoughts(host, asked.source, wishes.thinking, tell, cancel)
            else:
                _difficulty(host, asked.source, wishes.trying, tell, cancel)

        work = Work(f"making of {asked.kind}", make, BUG)
        with self._guard:
            if self._works.begin(asked, work, lambda other: BUSY[other.kind]):
                self._last[asked.kind], self._wishes = asked, wishes

    def last(self, kind: Kind) -> Asked | None:
        """Return what this studio was asked for last of this kind, if for anything."""
        with self._guard:
            return self._last.get(kind)

    def progress(self, kind: Kind) -> Progress | None:
        """Return how far the last work of this kind is, or None where this studio began none."""
        last = self.last(kind)
        return self._works.progress(last) if last else None

    def wish(self) -> difficulty.Wish:
        """Return how requests are being tried, or would be now; what the form says meanwhile changes nothing of it."""
        under_way = self._under_way("difficulty")
        return under_way.trying if under_way else wish_for(self._host)

    def thoughts(self) -> synthesis.Wish:
        """Return how thoughts are being made, or would be now."""
        under_way = self._under_way("thoughts")
        return under_way.thinking if under_way else thoughts_wish(self._host)

    def _under_way(self, kind: Kind) -> Wishes | None:
        with self._guard:
            running = self.running()
            return self._wishes if running and running.kind == kind else None

    def running(self) -> Asked | None:
        """Return what is being made, if anything."""
        return self._works.running()

    def stop(self) -> None:
        """Ask for an end; what was made is kept."""
        self._works.stop()

    def delete(self) -> None:
        """Stop, and delete all that was made to train on: it holds what was written.

        Raises:
            Busy: the work has not ended yet.
            StoreError: it cannot be deleted.
        """
        if not self.close():
            raise Busy("What is made to train on has not stopped yet; delete everything again in a moment.")
        delete(self._host.home)
        with self._guard:
            self._last.clear()  # nothing is kept that could be gone on with

    def close(self, timeout_s: float = CLOSING_S) -> bool:
        """Stop, and return whether the model is let go."""
        return self._works.close(timeout_s)


def _thoughts(host: Host, source: Source, wish: synthesis.Wish, tell: Tell, cancel: Cancel) -> None:
    outcomes = synthesis.Outcomes(_begun(thoughts_at(host.home)))
    if source == "library":
        synthesis.from_history(host.store, outcomes, THOUGHT, host.similarity, tell, cancel)
        return
    synthesis.synthesise(host, requests(source, host.store), outcomes, wish, tell, cancel)


def _difficulty(host: Host, source: Source, wish: difficulty.Wish, tell: Tell, cancel: Cancel) -> None:
    files = difficulty.Requests(_begun(tried_by(wish, host.home)))
    wish = wish._replace(adapter=_worn(wish, host) if wish.adapter else None)
    difficulty.choose(host, requests(source, host.store), files, wish, tell, cancel)


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
