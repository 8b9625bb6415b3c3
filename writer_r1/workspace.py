"""The one mutable object of a running studio: the library, the jobs, and the models in memory.

Models are touched only inside a job or `with workspace.machine():`; one model job runs at a time on a machine.
"""

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path

from filelock import FileLock, Timeout

from writer_r1 import adapters, catalog, embedding, places, servers, warming
from writer_r1.blind_trials import BlindTrials
from writer_r1.calibration import Readers, calibration_of
from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.events import Evaluated, Event, RubricReady, Status
from writer_r1.jobs import Jobs
from writer_r1.judge import Judge
from writer_r1.llm import LLM, Cancel, connect, load, never
from writer_r1.loop import Task, Team, write
from writer_r1.memory import recall
from writer_r1.preparing import Preparing
from writer_r1.pulls import pulls_into
from writer_r1.qualification import marked
from writer_r1.qualifying import Qualifying
from writer_r1.rescoring import Wanted, rescore
from writer_r1.roles import Cast, cast_of
from writer_r1.room import machine, refuse_without_room, taken_cores
from writer_r1.settings import Settings, read_settings
from writer_r1.store import SavedRubric, Store
from writer_r1.story import Teller, retell
from writer_r1.suggestions import suggested
from writer_r1.trajectory import Lesson, Rubric, prompt_id

log = logging.getLogger(__name__)


class Workspace:
    """A user's library in `home` and the weights in `models`; of one who shares the machine of a `studio`, a `writer`.

    What belongs to the machine is then the studio's: its models, the turns at them, and what was measured of judges.
    """

    machine = staticmethod(machine)

    def __init__(
        self, home: Path | None = None, models: Path | None = None, *, studio: "Workspace | None" = None
    ) -> None:
        self.home = home or places.home()
        self.models = models or places.models()
        self.store = Store(self.home / "library.db")
        self.writer_name = self.home.name if studio else ""
        self.common = studio.home if studio else self.home  # where what was measured of judges lies
        self.jobs: Jobs = Jobs(self.store, turns=studio.jobs.turns if studio else None, writer=self.writer_name)
        self.qualifying: Qualifying = studio.qualifying if studio else Qualifying(self)
        self.blind_trials = BlindTrials(self)
        self.preparing = Preparing(self)
        self._loaded: dict[str, LLM] = studio._loaded if studio else {}
        self._warming: threading.Thread | None = None
        self._likeness_ready = False
        self._editing = threading.Lock()
        self._rescoring: dict[str, Wanted] = {}  # the rubric wanted of each run that is, or was, judged anew
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
        threading.Thread(target=self._backup, name="backup", daemon=True).start()

    def _backup(self) -> None:
        try:
            self.store.backup(self.store.backups)
        except WriterError as e:
            log.warning("no backup today: %s", e)

    @property
    def settings(self) -> Settings:
        """Return what the user chose, as it is kept now."""
        return read_settings(self.home)

    @property
    def writer(self) -> str:
        """Return the name of the model that writes: the one chosen if it is ready, else the best that is."""
        return self.cast().writer

    @property
    def judge(self) -> str:
        """Return the name of the model that judges: the one chosen if ready; where none was chosen, the writer."""
        return self.cast().judge

    def cast(self, writer: str | None = None, judge: str | None = None) -> Cast:
        """Return the name of the model in each role; see `roles.cast_of`."""
        return cast_of(self.settings, self._ready, self.default_model, writer, judge)

    def default_model(self) -> str:
        """Return the best model that is ready on this machine: standard, else starter."""
        return "standard" if self._ready("standard") else "starter"

    def _ready(self, name: str | None) -> str | None:
        ready = {a for row in catalog.rows(self.models) if row.state == "ready" for a in (row.name, *row.aliases)}
        return name if name in ready else None

    def start(
        self, task: Task, *, model: str | None = None, judge: str | None = None, piece_id: str | None = None
    ) -> str:
        """Return the id of a writing run that now goes on in the background; see `jobs.Jobs.follow`.

        The criteria it finds become those of the piece. Without `model` the chosen writer writes; without `judge` the
        chosen judge judges, or where none was chosen the model that writes.

        Raises:
            WriterError: an empty request, a model or adapter that is not there, or a piece that was deleted.
        """
        if not task.prompt.strip():
            raise WriterError("Say in a sentence what the piece should do.")
        cast = self.cast(model, judge)
        for name in cast:
            catalog.refuse_absent(name, self.models)
        worn = adapters.worn_by(writer := cast.writer, task.adapter, self.models, self.home)
        run_id = task.trajectory_id or secrets.token_hex(6)
        dismissed = tuple(self.store.dismissed(prompt_id(task.prompt), piece_id))
        kept = tuple(one.passage.text for one in self.store.protected(piece_id))
        task = task._replace(trajectory_id=run_id, dismissed=dismissed, protected=kept)

        def work(stop: Cancel) -> Iterator[Event]:
            if self.free(set(cast)) or not self._likeness_ready:
                yield Status(text="loading the model")
                self.llm(writer)
                self.ready_likeness()  # now, so that no stage waits for the embedding model later
            readers = self.readers(self.name_of(cast.judge))
            writing = self.llm(writer).adapted(worn, task.strength) if worn else self.llm(writer)
            tell = partial(retell, Teller(self.llm(writer), stop, self.store, piece_id or ""))
            judge, *others = map(self.llm, cast[1:])
            team = Team(writing, judge, self.similarity, self.recall, stop, readers, tell, *others)
            for event in write(task, team):
                # A page may have made a piece of a command's run meanwhile.
                if isinstance(event, RubricReady) and (of := piece_id or self.store.piece_of(run_id)):
                    with suppress(StoreError):  # a full disk is told by whoever saves the events
                        self.store.set_rubric(of, event.rubric)
                yield self.marked(event)

        return self.jobs.start(task.prompt, writer, work, run_id, piece_id)

    def edit_rubric(self, piece_id: str, run_id: str | None, rubric: Rubric | None) -> None:
        """Make these the piece's criteria; the texts of the run, if it has any, are judged by them in the background.

        Raises:
            Busy: the run is still being written.
            StoreError: the piece was deleted, or the library cannot be written.
        """
        with self._editing:  # one after another, so that the last edit is the one that stays
            rescoring = self._rescoring.get(run_id or "")
            written = run_id is not None and self.jobs.writes(run_id)
            if written and rescoring is None:
                raise Busy("The criteria can be changed when this session has ended; press Stop to change them now.")
            self.store.set_rubric(piece_id, rubric)
            if run_id is None or rubric is None:
                return
            if written and rescoring:
                if not self.jobs.stopping(run_id) and rescoring.ask(rubric):
                    return
                self.jobs.wait(run_id)  # it has chosen, or was stopped: it ends in a moment
            if self.store.trajectory(run_id).attempts:
                self._rescore(run_id, rubric)

    def _rescore(self, run_id: str, rubric: Rubric) -> None:
        wanted = Wanted(rubric)

        def work(stop: Cancel) -> Iterator[Event]:
            @cache
            def judge() -> Judge:
                return self.judge_by(self.judge, stop)

            def load(halted: Cancel) -> Judge | None:
                return judge() if self.jobs.take_lock(run_id, halted) else None

            earlier = [event for _, event in self.store.events(run_id)]
            yield from map(self.marked, rescore(self.store.trajectory(run_id), load, wanted, stop, earlier))

        self.jobs.resume(run_id, work, at_once=True)  # most edits need no model
        self._rescoring[run_id] = wanted

    def marked(self, event: Event) -> Event:
        """Return the event; an evaluation in it says how far its judge was measured to be trusted."""
        if not isinstance(event, Evaluated):
            return event
        return event.model_copy(update={"evaluation": marked(event.evaluation, self.common)})

    def suggest(self, brief: str, limit: int = 3) -> list[tuple[SavedRubric, float]]:
        """Return the saved rubrics made for requests like this one, each with its cosine; the same request first."""
        return suggested(brief, self.store.saved_rubrics() if brief.strip() else [], self.similarity, limit)

    def llm(self, name: str) -> LLM:
        """Return the model, loaded once; call it only inside a job or `machine`."""
        key = self.name_of(name)
        if server := servers.find(name, self.models):
            if server.can and getattr(self._loaded.get(key), "server", server) != server:
                self._loaded.pop(key).close()  # it was asked again, and can do something else
            self._loaded[key] = self._loaded.get(key) or connect(server)
        if key not in self._loaded:
            refuse_without_room(catalog.find(name, self.models), self.home)
            path, threads = catalog.path_of(name, self.models), read_settings(self.common).threads
            self._loaded[key] = load(path, name=key, threads=threads, taken=taken_cores)
        return self._loaded[key]

    def judge_by(self, name: str, cancel: Cancel = never, beside: str = "") -> Judge:
        """Return a model as a judge, the model `beside` it kept; call it only inside a job or `machine`."""
        self.free({name, beside or name})
        llm = self.llm(name)
        return Judge(llm, self.similarity, cancel, self.readers(llm.name))

    def readers(self, model: str) -> Readers | None:
        """Return who stands in for readers where this model judges: its own fit, else what needs no model."""
        return Readers(fit, embedding.embed) if (fit := calibration_of(model, self.common)) else None

    @contextmanager
    def judging(self, name: str, cancel: Cancel, timeout_s: float = -1) -> Iterator[Judge]:
        """Hold the machine's model lock, with a judge on this model.

        Raises:
            Busy: it was not free within `timeout_s` (-1 waits).
            ModelError: the model is not there.
        """
        with self.machine(timeout_s):
            judge = self.judge_by(name, cancel)
            self.ready_likeness()
            yield judge

    def name_of(self, name: str) -> str:
        """Return the one name a model is kept by, whatever it is called by."""
        return name if name in self._loaded else catalog.find(name, self.models).name

    def free(self, needed: set[str]) -> bool:
        """Close the models that no role needs any more, and return whether one of `needed` is still to be loaded."""
        wanted = {self.name_of(name) for name in needed}
        for key in self._loaded.keys() - wanted - set(map(self.name_of, self.cast())):
            self._loaded.pop(key).close()
        return not wanted <= self._loaded.keys()

    def release(self) -> None:
        """Close the models as soon as no job uses them: a training run has the machine's memory first."""
        threading.Thread(target=self._release, name="release", daemon=True).start()

    def _release(self) -> None:
        with self.machine():
            while self._loaded:
                self._loaded.popitem()[1].close()

    def warm(self) -> None:
        """Load the usual models in the background and evaluate the fixed start of their first prompts."""
        self._warming = warming.begun(self, self._warming)

    def ready_likeness(self) -> None:
        self.similarity("warm", ["up"])
        self._likeness_ready = True

    def similarity(self, text: str, others: Sequence[str]) -> Sequence[float]:
        """Return the cosine of `text` with each of `others` (MiniLM)."""
        return embedding.similarity(text, list(others))

    def recall(self, prompt: str, criterion: str | None) -> Sequence[Lesson]:
        """Return the lessons of earlier work that fit; see `memory.recall`."""
        return recall(prompt, criterion, self.store.lessons(), self.similarity)

    def close(self, *, unused: bool = True) -> bool:
        """Stop every job and let the home go; return whether the models are let go, too.

        The studio frees them, unless they are not `unused`: another writer's job was not to be stopped.
        """
        let_go = [self.blind_trials.close(), self.preparing.close(), not self.jobs.close(), unused]
        let_go.append(warming.over(self._warming))
        if not self.writer_name:
            pulls_into(self.models).close()
            let_go.append(self.qualifying.close())
            while all(let_go) and self._loaded:
                self._loaded.popitem()[1].close()
        if self._studio_lock is not None:
            self._studio_lock.release()
        return all(let_go)
