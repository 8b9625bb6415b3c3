import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.events import Event, Finished, Status
from writer_r1.job import AHEAD, WAITING
from writer_r1.jobs import Jobs
from writer_r1.store import Store
from writer_r1.turns import Place, Turns


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    return Turns(tmp_path / "model.lock")


def stand(turns: Turns, *writers: str) -> list[Place]:
    places = [turns.place(writer) for writer in writers]
    for place in places:
        place.take()
    return places


def served(turns: Turns, line: list[Place]) -> list[int]:
    """Return in which order a line is served, and that every place was told the number ahead of it as it was."""
    order = []
    while line_left := [place for place in line if place not in order]:
        told = sorted(place.ahead() for place in line_left)
        assert told == list(range(len(line_left)))
        now = next(place for place in line_left if place.take())
        assert now.ahead() == 0
        order.append(now)
        now.leave()
    return [line.index(place) for place in order]


def test_the_tenth_job_of_one_writer_comes_after_the_first_of_each_other(turns: Turns) -> None:
    first, *rest = stand(turns, *["anna"] * 10, "ben", "cleo", "ben")
    assert first.held and [place.ahead() for place in rest[-3:]] == [1, 2, 4]
    first.leave()
    names = [rest[n].writer for n in served(turns, rest)]
    assert names[:5] == ["ben", "cleo", "anna", "ben", "anna"] and set(names[5:]) == {"anna"}


def test_jobs_of_one_writer_are_served_as_they_came(turns: Turns) -> None:
    first, *rest = stand(turns, *[""] * 5)
    first.leave()
    assert served(turns, rest) == [0, 1, 2, 3]


def test_whoever_leaves_the_line_is_waited_for_no_more(turns: Turns) -> None:
    first, second, third = stand(turns, "anna", "ben", "cleo")
    assert third.ahead() == 2
    second.leave()
    assert third.ahead() == 1 and not third.take()
    first.leave()
    assert third.take() and not turns.waiting()


def test_another_process_that_has_the_model_is_waited_for(turns: Turns) -> None:
    with FileLock(turns.lock_path):
        (only,) = stand(turns, "anna")
        assert not only.held and only.ahead() == 0 and turns.waiting()
    assert only.take()


@settings(deadline=None)  # other work may have the cores
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.lists(st.sampled_from("abc"), max_size=6))
def test_nobody_is_served_twice_while_another_waits(early: list[str], late: list[str]) -> None:
    """And who comes late waits for no more than one job of each other writer, whatever they have in the line."""
    with tempfile.TemporaryDirectory() as folder:
        turns = Turns(Path(folder) / "model.lock")
        first, *line = stand(turns, *early, *late)
        first.leave()
        order = [line[n].writer for n in served(turns, line)]
    for writer in set(order):
        at = [n for n, name in enumerate(order) if name == writer]
        for one, two in zip([-1, *at], at, strict=False):
            assert max(Counter(order[one + 1 : two]).values(), default=0) <= 1


def end() -> Finished:
    return Finished(trajectory_id="x", best_attempt=None, rounds=0)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_waiting_run_tells_how_many_are_ahead_and_a_stopped_one_leaves_the_line(tmp_path: Path, turns: Turns) -> None:
    stores = {name: Store(tmp_path / name / "library.db") for name in ("anna", "ben")}
    jobs = {name: Jobs(store, turns=turns, writer=name) for name, store in stores.items()}
    gates = [threading.Event() for _ in range(3)]

    def work(gate: threading.Event) -> Callable[[Callable[[], bool]], Iterator[Event]]:
        def run(stop: Callable[[], bool]) -> Iterator[Event]:
            yield Status(text="working")
            while not gate.is_set() and not stop():
                time.sleep(0.01)
            yield end()

        return run

    def said(name: str, run: str) -> list[str]:
        return [e.text for _, e in stores[name].events(run) if isinstance(e, Status)]

    first = jobs["anna"].start("p", "fake", work(gates[0]))
    until(lambda: said("anna", first))
    second = jobs["anna"].start("p", "fake", work(gates[1]))
    until(lambda: said("anna", second) == [AHEAD.format(1)])
    third = jobs["ben"].start("p", "fake", work(gates[2]))  # came last, is next
    until(lambda: said("ben", third) == [AHEAD.format(1)] and said("anna", second)[-1] == AHEAD.format(2))
    assert jobs["anna"].waiting() and jobs["ben"].waiting()  # whoever's: what goes on beside gives way
    gates[0].set()
    until(lambda: said("ben", third)[-1] == "working")
    until(lambda: said("anna", second)[-1] == AHEAD.format(1))
    jobs["anna"].stop(second)
    until(lambda: stores["anna"].run(second).state == "stopped")  # type: ignore[union-attr]
    assert not turns.waiting()
    gates[2].set()
    until(lambda: stores["ben"].running() == [])
    assert WAITING not in said("anna", second)
    for each in jobs.values():
        each.close()
