"""One run's work -> its events in the store, by two threads that no page owns.

The worker waits for the machine's model lock, at first or only where the work asks for it, runs the work and only ever
adds to a list in memory. The keeper saves that list, a transaction at a time, so a full disk never holds up or loses
what is written. Nothing here knows what the work does, or who follows it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from writer_r1.errors import Busy, StoreError, WriterError, traced
from writer_r1.events import BY_USER, ENDS, DraftDelta, Event, Failed, Finished, Status, Stopped, ThoughtDelta
from writer_r1.folding import fold
from writer_r1.llm import Cancel
from writer_r1.store import Store, whole
from writer_r1.trajectory import Trajectory
from writer_r1.turns import Place

log = logging.getLogger(__name__)

Work = Callable[[Cancel], Iterator[Event]]

DELTA_S, DELTA_CHARS = 0.5, 200  # text is saved this often; a kill loses no more than this and a tick
TICK_S = 0.2  # the keeper's pulse
STOP_POLL_S = 0.5  # how often another process's wish to stop is looked for
RETRY_S = 2.0  # after a failed save
LOCK_POLL_S = 0.2

WAITING = "waiting for the model: it is still loading, or busy with another piece"
AHEAD = "waiting for the model: {} ahead of you"
BUG = (
    "A fault of the studio itself stopped the writing; the text so far is kept. The window that the studio was started "
    "from says more."
)
KEPT = "Nothing written is lost while the studio stays open."


class Job:
    """One run's events: `saved` of them are in the store, `shown` may be seen, the last text is still held back.

    `earlier` events of a run that goes on are in the store already; numbers and times go on from them. Work that begins
    `at_once` does so without the machine's model lock; it asks for it by `take_lock` before it touches a model.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        work: Work,
        place: Place,
        earlier: Sequence[Event] = (),
        *,
        at_once: bool = False,
    ) -> None:
        self.id = run_id
        self.stop = threading.Event()
        self.kept = threading.Event()  # all is written and saved
        self.ended = threading.Event()  # and it may go on
        self.trouble: str | None = None
        self._store, self._work, self._place, self._at_once = store, work, place, at_once
        self._guard = threading.Lock()  # of the five below
        self._news = threading.Condition(self._guard)  # more may be seen, or nothing more will come
        self._events: list[Event] = list(earlier)
        self._earlier = self._saved = self._shown = len(earlier)
        self._held: DraftDelta | ThoughtDelta | None = None
        self._held_since = 0.0
        self._wake = threading.Event()
        self._began = time.monotonic() - max((e.t for e in earlier), default=0.0)
        self._retry_at = 0.0

    def seen(self, after: int) -> list[tuple[int, Event]]:
        """Return the events above number `after` that may be seen."""
        with self._guard:
            return list(enumerate(self._events[after : self._shown], after + 1))

    def wait(self, after: int, timeout_s: float) -> None:
        """Return once there are events above number `after` to see, nothing more will come, or the time is up."""
        with self._news:
            self._news.wait_for(lambda: self._shown > after or self.kept.is_set(), timeout_s)

    def over(self) -> bool:
        """Return whether no further event will be seen."""
        with self._guard:
            ended = self._shown > self._earlier and self._events[self._shown - 1].event in ENDS
            return self.kept.is_set() or ended

    def hurry(self) -> None:
        """Try a failed save again now."""
        self._retry_at = 0.0
        self._wake.set()

    def take_lock(self, give_up: Cancel) -> bool:
        """Return whether the work, which alone may ask, has the machine's model lock until its end.

        False where it was given up while it waited. Asked again, it is there at once.

        Raises:
            Busy: the lock file cannot be used.
        """
        doing = told = ""
        place = self._place
        try:
            while not place.held and not give_up() and not place.take():
                doing = doing if told else self._doing()
                if (now := waiting_words(place)) != told:
                    self._add(Status(text=now))
                    told = now
                self.stop.wait(LOCK_POLL_S)
            if place.held and doing:
                self._add(Status(text=doing))
            return place.held
        except OSError as error:
            name = repr(str(place.lock.lock_file))
            raise Busy(f"The lock file {name} cannot be used ({error.strerror}); set TMPDIR elsewhere.") from error
        finally:
            if not place.held:
                place.leave()

    def _doing(self) -> str:
        """Return what the work said last that it is busy with."""
        with self._guard:
            mine = self._events[self._earlier :]
        return next((e.text for e in reversed(mine) if isinstance(e, Status)), "")

    def keep(self) -> None:
        """Run the worker and save what it adds, until the end is saved."""
        worker = threading.Thread(target=self._run, name=f"worker {self.id}", daemon=True)
        worker.start()
        asked_at = 0.0
        try:
            while worker.is_alive() or self._saved < len(self._events):
                self._wake.wait(TICK_S)
                self._wake.clear()
                self._save()
                if time.monotonic() - asked_at >= STOP_POLL_S and not self.stop.is_set():
                    asked_at = time.monotonic()
                    self._hear_stop()
        finally:
            self.stop.set()  # a worker that nobody saves for must not go on
            with self._news:
                self.kept.set()
                self._news.notify_all()

    def _save(self) -> None:
        now = time.monotonic()
        with self._guard:
            if now - self._held_since >= DELTA_S:
                self._let_go()
            batch = self._events[self._saved :]
            if self.trouble:
                self._show(len(self._events))
        if not batch or (self.trouble and now < self._retry_at):
            return
        try:
            self._store.append(self.id, batch)
        except StoreError as error:
            self._retry_at = now + RETRY_S
            self._report(f"{error} {KEPT}")
        except Exception as error:  # a keeper that died of it would leave a run that nobody writes, nor can end
            if not self.trouble:
                log.error("Run %s cannot be stored, %s:\n%s", self.id, type(error).__name__, traced(error))
            self._retry_at = now + RETRY_S
            self._report(f"What is written cannot be stored, for a bug or because its run is gone. {KEPT}")
        else:
            with self._guard:
                self._saved += len(batch)
                self._show(max(self._shown, self._saved))
                self.trouble = None

    def _report(self, sentence: str) -> None:
        with self._guard:
            if not self.trouble:
                status = Status(t=self._events[self._saved].t, text=sentence)
                self._events.insert(self._saved, status)  # nobody has seen what comes after
                self._show(len(self._events))
            self.trouble = sentence
        self.stop.set()

    def _show(self, count: int) -> None:
        """Let readers see that many events; the guard is held."""
        if count > self._shown:
            self._shown = count
            self._news.notify_all()

    def _hear_stop(self) -> None:
        try:
            if self._store.stop_asked(self.id):
                self.stop.set()
        except StoreError:
            return  # the same fault meets the next save, which reports it

    def _add(self, event: Event) -> None:
        event = whole(event.model_copy(update={"t": round(time.monotonic() - self._began, 3)}))
        with self._guard:
            held = self._held
            if not isinstance(event, DraftDelta | ThoughtDelta):
                self._let_go()
                self._events.append(event)
            elif held and _appended_to(held) == _appended_to(event):
                self._held = held.model_copy(update={"text": held.text + event.text})
            else:
                self._let_go()
                self._held, self._held_since = event, time.monotonic()
            if self._held is None or len(self._held.text) >= DELTA_CHARS:
                self._let_go()
                self._wake.set()

    def _let_go(self) -> None:
        if self._held:
            self._events.append(self._held)
            self._held = None

    def _run(self) -> None:
        try:
            if self._write():
                return
        except WriterError as error:
            self._add(Failed(message=str(error)))
            return
        except BaseException as error:  # the one place a bug is caught: it must reach whoever waits for the text
            # Not logging.exception: the message of an exception may quote the draft.
            log.error(
                "Run %s stopped by a bug, %s (message left out, it may quote the text):\n%s",
                self.id,
                type(error).__name__,
                traced(error),
            )
            self._add(Failed(message=BUG))
            return
        self._finish()

    def _write(self) -> bool:
        """Run the work, in the end without the machine's lock, and return whether it said how it ended."""
        try:
            if not self._at_once and not self.take_lock(self.stop.is_set):
                return False
            for event in self._work(self.stop.is_set):
                self._add(event)
                if event.event in ENDS:
                    return True
            return False
        finally:
            self._place.leave()

    def _finish(self) -> None:
        with self._guard:
            self._let_go()
            now = fold(self._events, Trajectory(id=self.id, prompt=""))
        if self.stop.is_set() and now.stopped is None:
            self._add(Stopped(why=BY_USER))
        self._add(Finished(trajectory_id=self.id, best_attempt=now.best, rounds=len(now.attempts)))


def _appended_to(delta: DraftDelta | ThoughtDelta) -> tuple[str, int]:
    """Return what the words of a delta belong to."""
    return delta.event, delta.attempt if isinstance(delta, DraftDelta) else delta.part


def waiting_words(place: Place) -> str:
    """Return what a job says while it waits; how many are ahead of it only where a line has several writers."""
    ahead = place.ahead() if place.writer else 0
    return AHEAD.format(ahead) if ahead else WAITING
