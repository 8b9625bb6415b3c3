"""Writing jobs -> runs in the store that go on by themselves, followed, stopped and gone on with from any process.

Each run is written by a `Job`; followers see an event once it is saved, or once saving has failed. A run that is over
may go on: its new events are numbered after the old ones, so a follower that knows how far it was misses none.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from writer_r1.errors import Busy
from writer_r1.events import Event
from writer_r1.job import Job, Work
from writer_r1.llm import Cancel
from writer_r1.places import machine_lock
from writer_r1.store import Store, this_process
from writer_r1.turns import Turns

CLOSING_S = 10.0  # how long a run that is ending may take until it can go on


class Jobs:
    """The writing jobs of this process, and the way to follow or stop those of others on the same store.

    Those of several writers are in the same `turns`, each in the name of its `writer`.
    """

    def __init__(
        self, store: Store, lock_path: Path | None = None, *, turns: Turns | None = None, writer: str = ""
    ) -> None:
        self._store, self._writer = store, writer
        self.turns = turns or Turns(lock_path or machine_lock())
        self._jobs: dict[str, Job] = {}
        self._resuming = threading.Lock()

    def start(
        self,
        prompt: str,
        model: str,
        work: Work,
        trajectory_id: str | None = None,
        piece_id: str | None = None,
        *,
        passage: bool = False,
    ) -> str:
        """Return the id of a run, about a `passage` of the piece or about all of it, that `work` now writes.

        `work(stop)` yields events and ends soon after `stop()` turns true. It ends with Finished or Failed; where it
        just returns, Finished is added for it.

        Raises:
            StoreError: the run cannot be recorded; nothing was started.
        """
        run_id = trajectory_id or secrets.token_hex(6)
        self._store.begin(run_id, prompt, model, this_process(), piece_id=piece_id, passage=passage)
        self._begin(Job(self._store, run_id, work, self.turns.place(self._writer)))
        return run_id

    def resume(self, run_id: str, work: Work, *, at_once: bool = False) -> None:
        """Go on with a run that is over: what `work` yields is added to its events, as `start` does it.

        Begun `at_once` it does not wait for the machine's model lock: `work` calls `take_lock` before it needs a model.

        Raises:
            Busy: it is still being written, here or in another process.
            StoreError: there is no such run, or it cannot be recorded; nothing was started.
        """
        run_id = self._store.resolve(run_id)
        with self._resuming:
            if not self.writes(run_id):
                self.wait(run_id)  # what is over may still be on its way to the disk
            if run_id in self._jobs or self.writes(run_id):
                raise Busy("This session is still being written; wait until it ends, or press Stop.")
            earlier = [event for _, event in self._store.events(run_id)]
            self._store.reopen(run_id, this_process())
            place = self.turns.place(self._writer)
            self._begin(Job(self._store, run_id, work, place, earlier, at_once=at_once))

    def take_lock(self, run_id: str, give_up: Cancel) -> bool:
        """Return whether the work of this run, which alone may ask, has the machine's model lock until its end.

        False where `give_up()` turned true while it waited.

        Raises:
            Busy: the lock file cannot be used.
        """
        return self._jobs[run_id].take_lock(give_up)

    def writes(self, run_id: str) -> bool:
        """Return whether a run is being written, here or in another process."""
        if job := self._jobs.get(run_id):
            return not job.over()
        run = self._store.run(run_id)
        return run is not None and run.state == "running"

    def wait(self, run_id: str, timeout_s: float = CLOSING_S) -> bool:
        """Return whether a run of this process has ended and is saved, waiting up to `timeout_s` for it."""
        job = self._jobs.get(run_id)
        return job is None or job.ended.wait(timeout_s)

    def stopping(self, run_id: str) -> bool:
        """Return whether a run of this process was asked to stop and has not ended yet."""
        job = self._jobs.get(run_id)
        return job is not None and job.stop.is_set()

    def waiting(self) -> bool:
        """Return whether a job of this process waits for the model, whoever's it is."""
        return self.turns.waiting()

    def stop(self, run_id: str) -> None:
        """Ask a run to stop, in whichever process it is written."""
        if job := self._jobs.get(run_id):
            job.stop.set()
        else:
            self._store.ask_stop(run_id)

    def trouble(self, run_id: str) -> str | None:
        """Return why the last events of this run are not on disk, or None where they are (or soon will be)."""
        job = self._jobs.get(run_id)
        return job.trouble if job else None

    def follow(self, run_id: str, after: int = 0, poll_s: float = 0.1) -> Iterator[tuple[int, Event]]:
        """Yield the run's events above number `after` as they come, until it ends or its process is dead."""
        for batch in self.follow_batches(run_id, after, poll_s):
            yield from batch

    def follow_batches(
        self, run_id: str, after: int = 0, poll_s: float = 0.1, tick_s: float = 1.0
    ) -> Iterator[list[tuple[int, Event]]]:
        """Yield what `follow` does in lists; an empty one whenever nothing has come for `tick_s` seconds.

        Lists are at least `poll_s` seconds apart; another process's run is looked at that often.

        Raises:
            StoreError: there is no such run, or it cannot be read.
        """
        run_id = self._store.resolve(run_id) if run_id not in self._jobs else run_id
        yielded = time.monotonic()
        while True:
            over, batch = self._look(run_id, after)
            if batch or time.monotonic() - yielded >= tick_s:
                after = batch[-1][0] if batch else after
                yield batch
                yielded = time.monotonic()
            if over:
                return
            job = self._jobs.get(run_id)
            if batch or not job:
                time.sleep(poll_s)
            if job:
                job.wait(after, yielded + tick_s - time.monotonic())

    def close(self, timeout: float = 10.0) -> list[str]:
        """Ask every job to stop, wait, and return the ids of the runs that have not ended or could not be saved."""
        jobs, deadline = list(self._jobs.values()), time.monotonic() + timeout
        for job in jobs:
            job.stop.set()
            job.hurry()
        return [job.id for job in jobs if not job.kept.wait(max(0.0, deadline - time.monotonic()))]

    def _begin(self, job: Job) -> None:
        self._jobs[job.id] = job
        threading.Thread(target=self._keep, args=(job,), name=f"keeper {job.id}", daemon=True).start()

    def _keep(self, job: Job) -> None:
        try:
            job.keep()
        finally:
            del self._jobs[job.id]
            job.ended.set()

    def _look(self, run_id: str, after: int) -> tuple[bool, list[tuple[int, Event]]]:
        """Return whether the run is over and its events above `after`; looked at in that order, so none is missed."""
        if job := self._jobs.get(run_id):
            return job.over(), job.seen(after)
        run = self._store.run(run_id)
        return run is None or run.state != "running", self._store.events(run_id, after)
