"""The one mutable object of a running studio: the library, the jobs, and the models in memory.

Models are touched only inside a job or `with workspace.machine():`; one model job runs at a time on a machine.
"""

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from writer_r1 import catalog, places
from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.events import Event, Status
from writer_r1.jobs import Jobs
from writer_r1.llm import LLM, load
from writer_r1.loop import Task, Team, write
from writer_r1.memory import recall
from writer_r1.prompts import fixed_start
from writer_r1.store import Store
from writer_r1.trajectory import Lesson

PINNED = ("open_coding", "axial_coding", "selective_coding")  # prompts whose worked examples are evaluated once

log = logging.getLogger(__name__)


class Workspace:
    """A user's library in `home` and the weights in `models`."""

    def __init__(self, home: Path | None = None, models: Path | None = None) -> None:
        self.home = home or places.home()
        self.models = models or places.models()
        self.store = Store(self.home / "library.db")
        self.jobs = Jobs(self.store)
        self._loaded: dict[str, LLM] = {}
        self._studio_lock: FileLock | None = None

    def open_studio(self) -> None:
        """Claim the home for this studio.

        Raises:
            Busy: another studio holds it.
        """
        lock = FileLock(self.home / "studio.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Busy(
                f"Another studio is already open on {str(self.home)!r}; use that one, or choose another --home."
            ) from None
        except OSError as e:
            raise StoreError(f"The folder {str(self.home)!r} cannot be written; choose another with --home.") from e
        self._studio_lock = lock

    def default_model(self) -> str:
        """Return the best model that is ready on this machine: standard, else starter."""
        ready = {a for row in catalog.rows(self.models) if row.state == "ready" for a in (row.name, *row.aliases)}
        return "standard" if "standard" in ready else "starter"

    def start(self, task: Task, *, model: str | None = None, judge: str | None = None) -> str:
        """Return the id of a writing run that now goes on in the background; see `jobs.Jobs.follow`.

        Raises:
            WriterError: an empty request, or a model that is not there.
        """
        if not task.prompt.strip():
            raise WriterError("Say in a sentence what the piece should do.")
        writer, judging = model or self.default_model(), judge or model or self.default_model()
        for name in (writer, judging):
            catalog.path_of(name, self.models)
        run_id = task.trajectory_id or secrets.token_hex(6)
        task = task._replace(trajectory_id=run_id)

        def work(stop: Any) -> Iterator[Event]:
            if any(name not in self._loaded for name in {writer, judging}):
                yield Status(text="loading the model")
                self.llm(writer)
                self.similarity("warm", ["up"])  # now, so that no stage waits for the embedding model later
            team = Team(self.llm(writer), self.llm(judging), self.similarity, self.recall, stop)
            yield from write(task, team)

        return self.jobs.start(task.prompt, writer, work, run_id)

    def llm(self, name: str) -> LLM:
        """Return the model, loaded once; call it only inside a job or `machine`."""
        if name not in self._loaded:
            self._loaded[name] = load(catalog.path_of(name, self.models), name=catalog.find(name, self.models).name)
        return self._loaded[name]

    def warm(self) -> None:
        """Load the usual model in the background and evaluate the fixed start of its first prompt."""
        threading.Thread(target=self._warm, name="warm", daemon=True).start()

    def _warm(self) -> None:
        try:
            with self.machine(timeout_s=0):
                name = self.default_model()
                if name not in self._loaded:
                    model = self.llm(name)
                    for prompt in PINNED:
                        model.warm(fixed_start(prompt))
                    self.similarity("warm", ["up"])
        except WriterError as e:
            log.info("not warmed up: %s", e)  # another job is using the machine, or no model is there yet

    @contextmanager
    def machine(self, timeout_s: float = -1) -> Iterator[None]:
        """Hold the machine's model lock.

        Raises:
            Busy: it was not free within `timeout_s` (-1 waits).
        """
        try:
            with FileLock(places.machine_lock(), timeout=timeout_s):
                yield
        except Timeout:
            raise Busy("Another writing job is using the model on this machine; wait for it or stop it.") from None

    def similarity(self, text: str, others: Sequence[str]) -> Sequence[float]:
        """Return the cosine of `text` with each of `others` (MiniLM)."""
        from writer_r1 import embedding

        return embedding.similarity(text, list(others))

    def recall(self, prompt: str, criterion: str | None) -> Sequence[Lesson]:
        """Return the lessons of earlier work that fit; see `memory.recall`."""
        return recall(prompt, criterion, self.store.lessons(), self.similarity)

    def close(self) -> None:
        """Stop every job, free the models and let the home go."""
        left = self.jobs.close()
        if not left:
            for model in self._loaded.values():
                model.close()
            self._loaded.clear()
        if self._studio_lock is not None:
            self._studio_lock.release()
