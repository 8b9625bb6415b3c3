"""Jobs that want this machine's one model -> who is next, and how many are ahead of each: the writers take turns.

Whoever was served longest ago comes first, and of each writer the job that came first; so the tenth job of one writer
comes after the first of every other. Only who is next asks for the lock that the operating system keeps between
processes, so the order here holds among the jobs of this process, and another process may come between them.
"""

import threading
from collections import defaultdict
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout


class Turns:
    """The line before the lock at `lock_path`."""

    def __init__(self, lock_path: Path) -> None:
        self.lock_path = lock_path
        self._guard = threading.Lock()
        self._line: list[Place] = []  # in the order of arrival
        self._running: Place | None = None
        self._served: dict[str, int] = {}  # the number of each writer's last turn
        self._numbers = count(1)

    def place(self, writer: str = "") -> "Place":
        """Return a place that is not in the line yet."""
        return Place(self, writer)

    def waiting(self) -> bool:
        """Return whether a job waits for the model."""
        return bool(self._line)

    def ahead(self, place: "Place") -> int:
        """Return how many jobs have the model, or get it, before this one."""
        with self._guard:
            order = self._order()
            before = order.index(place) if place in order else 0
            return before + (self._running not in (None, place))

    def take(self, place: "Place") -> bool:
        """Return whether it is the turn of this place and it has the lock now; else it stands in the line."""
        with self._guard:
            if place not in self._line:
                self._line.append(place)
            if self._running or self._order()[0] is not place:
                return False
            try:
                place.lock.acquire(timeout=0)
            except Timeout:
                return False  # another process has it, or what is done between two jobs
            self._line.remove(place)
            self._running = place
            self._served[place.writer] = next(self._numbers)
            return True

    def leave(self, place: "Place") -> None:
        """Give the lock back, or leave the line."""
        with self._guard:
            place.lock.release()
            if place in self._line:
                self._line.remove(place)
            if self._running is place:
                self._running = None

    def _order(self) -> list["Place"]:
        """Return the line as it will be served; the guard is held."""
        earlier: dict[str, int] = defaultdict(int)
        keys: dict[Place, tuple[int, int]] = {}
        for place in self._line:
            keys[place] = (earlier[place.writer], self._served.get(place.writer, 0))
            earlier[place.writer] += 1
        return sorted(keys, key=keys.__getitem__)  # where both are equal the one that came first


class Place:
    """One job's: in the line from its first `take` on until its turn comes, and with the lock from then to `leave`."""

    def __init__(self, turns: Turns, writer: str) -> None:
        self.writer = writer
        self.lock = FileLock(turns.lock_path)
        self._turns = turns

    @property
    def held(self) -> bool:
        """Whether it has the model."""
        return self.lock.is_locked

    def take(self) -> bool:
        """Return whether it has the model now.

        Raises:
            OSError: the lock file cannot be used.
        """
        return self.held or self._turns.take(self)

    def ahead(self) -> int:
        """Return how many jobs have the model, or get it, before this one."""
        return self._turns.ahead(self)

    def leave(self) -> None:
        """Let the next one have its turn."""
        self._turns.leave(self)
