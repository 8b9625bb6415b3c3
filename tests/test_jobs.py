"""Jobs with real threads, processes and faults: nothing written is lost, and stop, kill and lock do as told."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import criterion, rubric_of

from writer_r1.errors import Busy, ModelError, StoreError
from writer_r1.events import (
    Accepted,
    DraftDelta,
    Drafted,
    Edited,
    Event,
    Failed,
    Finished,
    Status,
    Stopped,
    ThoughtDelta,
)
from writer_r1.job import BUG, DELTA_CHARS, KEPT, WAITING
from writer_r1.jobs import Jobs
from writer_r1.store import Store, this_process

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent
Stop = Callable[[], bool]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


@pytest.fixture
def jobs(store: Store, tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(store, tmp_path / "model.lock")
    yield jobs
    jobs.close(5)


def events(jobs: Jobs, run_id: str, after: int = 0) -> list[Event]:
    return [e for _, e in jobs.follow(run_id, after)]


def until(true: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def settled(jobs: Jobs) -> None:
    until(lambda: not jobs._jobs)


def end(best: int | None = None, rounds: int = 0) -> Finished:
    return Finished(trajectory_id="x", best_attempt=best, rounds=rounds)


def endless(stop: Stop) -> Iterator[Event]:
    while not stop():
        yield DraftDelta(attempt=1, text="wave ")
        time.sleep(0.01)


# What is written is what is followed and stored


def test_every_event_is_followed_and_stored_in_order_with_its_time(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield Status(text="one")
        time.sleep(0.3)
        yield Drafted(attempt=1, text="The sea.")
        yield Accepted(attempt=1, why="first")
        yield end(1, 1)
        raise AssertionError("nothing is asked of the work after its end")

    run_id = jobs.start("prompt", "fake", work)
    rows = list(jobs.follow(run_id))
    assert [(n, e.event) for n, e in rows] == [(1, "status"), (2, "draft"), (3, "accepted"), (4, "finished")]
    settled(jobs)
    assert store.events(run_id) == rows == list(jobs.follow(run_id))
    assert [n for n, _ in jobs.follow(run_id, after=2)] == [3, 4] and events(jobs, run_id, after=4) == []
    times = [e.t for _, e in rows]
    assert times == sorted(times) and times[0] < 0.3 <= times[1] < 2
    assert store.run(run_id).state == "finished" and jobs.trouble(run_id) is None  # type: ignore[union-attr]


def test_a_flood_of_tokens_becomes_few_rows_and_the_same_text(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        for i in range(1000):
            yield DraftDelta(attempt=1 + i // 500, parent=i // 500 or None, text=f"{i} ")
        yield Status(text="between")
        yield DraftDelta(attempt=2, parent=1, text="last")
        yield end()

    run_id = jobs.start("prompt", "fake", work)
    events(jobs, run_id)
    one, two = store.trajectory(run_id).attempts
    assert one.text == "".join(f"{i} " for i in range(500))
    assert two.text == "".join(f"{i} " for i in range(500, 1000)) + "last" and two.parent == 1
    deltas = [e for _, e in store.events(run_id) if isinstance(e, DraftDelta)]
    assert len(deltas) <= 2 + (len(one.text) + len(two.text)) / DELTA_CHARS + 1
    assert all(len(d.text) < DELTA_CHARS + 10 for d in deltas)


def test_a_thought_becomes_few_rows_too_and_its_parts_stay_apart(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        for i in range(300):
            yield ThoughtDelta(part=1, name="plan", text=f"{i} ")
        yield DraftDelta(attempt=1, text="draft ")
        for i in range(300):
            yield ThoughtDelta(part=3 + i // 200, name="reflection", text=f"{i} ")
        yield end()

    run_id = jobs.start("prompt", "fake", work)
    events(jobs, run_id)
    deltas = [e for _, e in store.events(run_id) if isinstance(e, ThoughtDelta)]
    of_parts = {part: "".join(d.text for d in deltas if d.part == part) for part in (1, 3, 4)}
    assert of_parts[1] == "".join(f"{i} " for i in range(300))
    assert [of_parts[k].split()[0] for k in (3, 4)] == ["0", "200"] and of_parts[4].endswith("299 ")
    assert len(deltas) <= 3 + sum(map(len, of_parts.values())) / DELTA_CHARS + 1


def test_text_is_saved_within_a_second_even_when_the_model_falls_silent(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield DraftDelta(attempt=1, text="The sea")
        while not stop():
            time.sleep(0.01)

    run_id = jobs.start("prompt", "fake", work)
    until(lambda: store.run(run_id).best_text == "The sea", within_s=1.5)  # type: ignore[union-attr]
    assert store.running() == [run_id]


def test_lone_surrogates_reach_no_follower(jobs: Jobs) -> None:
    run_id = jobs.start("p\ud800", "fake", lambda stop: iter([Status(text="a\ud800b"), end()]))
    assert events(jobs, run_id)[0].text == "a\ufffdb"  # type: ignore[union-attr]


def test_an_idle_run_ticks(jobs: Jobs) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield Status(text="loading")
        stop_at = time.monotonic() + 1.2
        while time.monotonic() < stop_at:
            time.sleep(0.01)
        yield end()

    batches = list(jobs.follow_batches(jobs.start("p", "fake", work), tick_s=0.2))
    assert [[e.event for _, e in b] for b in batches if b] == [["status"], ["finished"]]
    assert 3 <= batches.count([]) <= 7


def test_following_an_unknown_run_is_a_sentence(jobs: Jobs) -> None:
    with pytest.raises(StoreError, match="No run has an id that starts with 'nope'"):
        next(jobs.follow("nope"))


# How runs end


def test_work_that_just_returns_is_finished_with_its_best_attempt(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield Drafted(attempt=1, text="a")
        yield Accepted(attempt=1, why="first")
        yield DraftDelta(attempt=2, text="b")

    run_id = jobs.start("p", "fake", work, trajectory_id="chosen")
    last = events(jobs, run_id)[-1]
    assert run_id == "chosen"
    assert isinstance(last, Finished) and (last.trajectory_id, last.best_attempt, last.rounds) == ("chosen", 1, 2)
    assert store.run(run_id).state == "finished"  # type: ignore[union-attr]


def test_stop_ends_the_run_as_stopped_and_keeps_its_text(jobs: Jobs, store: Store) -> None:
    run_id = jobs.start("p", "fake", endless)
    until(lambda: store.run(run_id).best_text)  # type: ignore[union-attr]
    jobs.stop(run_id)
    kinds = [e.event for e in events(jobs, run_id)]
    assert kinds[-2:] == ["stopped", "finished"] and kinds.count("stopped") == 1
    run = store.run(run_id)
    assert run is not None and run.state == "stopped" and run.best_text.startswith("wave wave")


def test_a_stop_that_the_work_reports_itself_is_not_reported_twice(jobs: Jobs) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        while not stop():
            time.sleep(0.01)
        yield Stopped(why="user")

    run_id = jobs.start("p", "fake", work)
    jobs.stop(run_id)
    assert [e.event for e in events(jobs, run_id)] == ["stopped", "finished"]


def test_a_failure_of_the_user_kind_ends_the_run_with_its_sentence(jobs: Jobs, store: Store) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield DraftDelta(attempt=1, text="half")
        raise ModelError("The model 'x' is broken; pull it again.")

    run_id = jobs.start("p", "fake", work)
    last = events(jobs, run_id)[-1]
    assert isinstance(last, Failed) and last.message == "The model 'x' is broken; pull it again."
    assert store.run(run_id)[2:3] + store.run(run_id)[6:7] == ("failed", "half")  # type: ignore[index]


@pytest.mark.parametrize("bug", [KeyError, SystemExit])
def test_a_bug_keeps_the_text_and_logs_where_but_not_what(
    jobs: Jobs, store: Store, caplog: pytest.LogCaptureFixture, bug: type[BaseException]
) -> None:
    def work(stop: Stop) -> Iterator[Event]:
        yield DraftDelta(attempt=1, text="secret draft")
        raise bug("secret" + " draft")

    caplog.set_level(logging.DEBUG)
    run_id = jobs.start("secret prompt", "fake", work)
    last = events(jobs, run_id)[-1]
    assert isinstance(last, Failed) and last.message == BUG
    assert store.run(run_id).best_text == "secret draft"  # type: ignore[union-attr]
    assert bug.__name__ in caplog.text and run_id in caplog.text and "in work" in caplog.text
    assert "secret draft" not in caplog.text and "secret prompt" not in caplog.text


def test_a_lock_file_that_cannot_be_made_is_a_sentence(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    jobs = Jobs(store, tmp_path / "file" / "model.lock")
    last = events(jobs, jobs.start("p", "fake", endless))[-1]
    assert isinstance(last, Failed) and "cannot be used" in last.message and "model.lock" in last.message


def test_close_stops_every_job_and_names_those_that_would_not(jobs: Jobs, store: Store) -> None:
    gate = threading.Event()

    def deaf(stop: Stop) -> Iterator[Event]:
        yield Status(text="deaf")
        gate.wait(20)

    first = jobs.start("p", "fake", deaf)
    until(lambda: store.events(first))  # it has the model, so that the second waits for it
    second = jobs.start("p", "fake", endless)
    until(lambda: store.events(second))
    assert jobs.close(1) == [first]
    assert store.run(second).state == "stopped"  # type: ignore[union-attr]
    gate.set()
    assert jobs.close(5) == [] and store.run(first).state == "stopped"  # type: ignore[union-attr]


# One heavy job at a time


def test_jobs_of_one_process_run_one_after_another(jobs: Jobs) -> None:
    """Acceptance 5, that no two jobs overlap, of the page's design."""
    busy: list[str] = []

    def work(stop: Stop) -> Iterator[Event]:
        busy.append("in")
        yield Status(text="working")
        time.sleep(0.3)
        busy.append("out")

    ids = [jobs.start("p", "fake", work) for _ in range(3)]
    seen = [[e.text for e in events(jobs, i) if isinstance(e, Status)] for i in ids]
    assert busy == ["in", "out"] * 3
    assert sorted(seen) == [[WAITING, "working"], [WAITING, "working"], ["working"]]


def test_stop_works_while_waiting_for_the_lock(jobs: Jobs, store: Store) -> None:
    first = jobs.start("p", "fake", endless)
    until(lambda: store.events(first))
    second = jobs.start("p", "fake", lambda stop: pytest.fail("it must not begin"))
    until(lambda: store.events(second))
    jobs.stop(second)
    assert [e.event for e in events(jobs, second)] == ["status", "stopped", "finished"]
    assert store.running() == [first]


def test_whether_a_job_waits_for_the_model_is_told(jobs: Jobs, store: Store) -> None:
    first = jobs.start("p", "fake", endless)
    until(lambda: store.events(first))
    assert not jobs.waiting()
    second = jobs.start("p", "fake", lambda stop: iter([end()]))
    until(jobs.waiting)
    jobs.stop(first)
    events(jobs, second)
    assert not jobs.waiting()


def over_run(store: Store, run_id: str) -> None:
    store.begin(run_id, "p", "fake", "999999999:1.00")
    store.append(run_id, [Status(text="of old"), end()])


def test_work_that_needs_no_model_does_not_wait_for_another(jobs: Jobs, store: Store) -> None:
    over_run(store, "r")
    first = jobs.start("p", "fake", endless)
    until(lambda: store.events(first))
    jobs.resume("r", telling("counted"), at_once=True)
    assert told(list(jobs.follow("r", after=2))) == [(3, "counted"), (4, "finished")]
    assert store.running() == [first]


def test_work_that_comes_to_need_the_model_waits_then_and_says_again_what_it_does(jobs: Jobs, store: Store) -> None:
    over_run(store, "r")
    first = jobs.start("p", "fake", endless)
    until(lambda: store.events(first))
    busy: list[bool] = []

    def work(stop: Stop) -> Iterator[Event]:
        yield Status(text="judging")
        assert jobs.take_lock("r", stop) and jobs.take_lock("r", stop)
        busy.append(store.running() != ["r"])
        yield end()

    jobs.resume("r", work, at_once=True)
    until(jobs.waiting)
    jobs.stop(first)
    assert told(list(jobs.follow("r", after=2))) == [(3, "judging"), (4, WAITING), (5, "judging"), (6, "finished")]
    assert busy == [False] and not jobs.waiting()
    again = jobs.start("p", "fake", telling("free"))  # the lock was given back
    assert told(list(jobs.follow(again))) == [(1, "free"), (2, "finished")]


def test_waiting_for_the_model_is_given_up_when_it_is_not_wanted_any_more(jobs: Jobs, store: Store) -> None:
    over_run(store, "r")
    first = jobs.start("p", "fake", endless)
    until(lambda: store.events(first))
    unwanted, got = threading.Event(), list[bool]()

    def work(stop: Stop) -> Iterator[Event]:
        got.append(jobs.take_lock("r", unwanted.is_set))
        yield end()

    jobs.resume("r", work, at_once=True)
    until(jobs.waiting)
    unwanted.set()
    assert told(list(jobs.follow("r", after=2))) == [(3, WAITING), (4, "finished")]
    assert got == [False] and not jobs.waiting() and store.running() == [first]


# A run that goes on


def telling(*texts: str) -> Callable[[Stop], Iterator[Event]]:
    def work(stop: Stop) -> Iterator[Event]:
        yield from (Status(text=text) for text in texts)
        yield end()

    return work


def told(rows: list[tuple[int, Event]]) -> list[tuple[int, str]]:
    return [(n, e.text if isinstance(e, Status) else e.event) for n, e in rows]


def test_a_run_that_goes_on_is_numbered_and_timed_on_and_nothing_of_it_is_told_twice(jobs: Jobs, store: Store) -> None:
    store.begin("r", "p", "fake", "999999999:1.00")  # killed in the middle of it
    store.append("r", [Status(t=400.0, text="a"), DraftDelta(t=500.25, attempt=1, text="half")])
    old = store.events("r")
    jobs.resume("r", telling("b", "c"))
    assert store.run("r").state == "running"  # type: ignore[union-attr]
    new = list(jobs.follow("r", after=2))
    assert told(new) == [(3, "b"), (4, "c"), (5, "finished")]
    assert [e.t for _, e in new] == sorted(e.t for _, e in new) and 500.25 <= new[0][1].t < 505
    settled(jobs)
    assert store.events("r") == [*old, *new] == list(jobs.follow("r"))
    assert store.run("r").state == "finished"  # type: ignore[union-attr]


def test_a_run_may_go_on_again_and_again_at_once_after_its_end(jobs: Jobs, store: Store) -> None:
    def lingering(text: str) -> Callable[[Stop], Iterator[Event]]:
        def work(stop: Stop) -> Iterator[Event]:
            try:
                yield from telling(text)(stop)
            finally:
                time.sleep(0.4)  # its end is seen before it is gone

        return work

    run_id = jobs.start("p", "fake", lingering("0"))
    for i in range(1, 5):
        events(jobs, run_id)
        jobs.resume(run_id, lingering(str(i)))
    texts = [e.text if isinstance(e, Status) else "end" for e in events(jobs, run_id)]
    assert texts == ["0", "end", "1", "end", "2", "end", "3", "end", "4", "end"]
    settled(jobs)
    assert len(store.events(run_id)) == 10


def test_a_run_that_is_being_written_cannot_go_on_yet(jobs: Jobs, store: Store, tmp_path: Path) -> None:
    gate = threading.Event()

    def slow_to_stop(stop: Stop) -> Iterator[Event]:
        yield from endless(stop)
        gate.wait(20)

    here = jobs.start("p", "fake", slow_to_stop)
    process = child(tmp_path, "there")
    until(lambda: store.run("there") and store.events(here))
    for run_id in (here, "there"):
        assert jobs.writes(run_id)
        with pytest.raises(Busy, match="This session is still being written; wait until it ends"):
            jobs.resume(run_id, telling("too soon"))
        jobs.stop(run_id)
    assert jobs.stopping(here) and not jobs.stopping("there") and not jobs.wait(here, 0.1)
    gate.set()
    assert jobs.wait(here) and not jobs.writes(here) and process.wait(60) == 0
    jobs.resume(here, telling("now"))
    jobs.resume("there", telling("now"))
    assert events(jobs, here)[-2].text == "now" == events(jobs, "there")[-2].text  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="No run has an id that starts with 'nope'"):
        jobs.resume("nope", telling())


def test_an_old_wish_to_stop_does_not_stop_what_goes_on(jobs: Jobs, store: Store) -> None:
    run_id = jobs.start("p", "fake", endless)
    until(lambda: store.events(run_id))
    store.ask_stop(run_id)
    assert events(jobs, run_id)[-1].event == "finished"
    store.ask_stop(run_id)
    heard: list[bool] = []

    def work(stop: Stop) -> Iterator[Event]:
        time.sleep(1.2)  # more than the keeper's next look
        heard.append(stop())
        yield end()

    jobs.resume(run_id, work)
    events(jobs, run_id)
    assert heard == [False]


def test_a_stop_ends_what_goes_on_and_the_state_says_so(jobs: Jobs, store: Store) -> None:
    run_id = jobs.start("p", "fake", telling("a"))
    events(jobs, run_id)
    jobs.resume(run_id, lambda stop: (e for e in [Edited(rubric=rubric_of(criterion("Salt"))), *endless(stop)]))
    jobs.stop(run_id)
    settled(jobs)
    assert [e.event for e in events(jobs, run_id)][-2:] == ["stopped", "finished"]
    assert store.run(run_id).state == "stopped"  # type: ignore[union-attr]


def test_a_follower_in_another_process_sees_what_a_run_went_on_with(jobs: Jobs, store: Store, tmp_path: Path) -> None:
    run_id = jobs.start("p", "fake", telling("a"))
    events(jobs, run_id)
    gate = threading.Event()

    def work(stop: Stop) -> Iterator[Event]:
        yield Status(text="b")
        gate.wait(20)
        yield end()

    jobs.resume(run_id, work)
    until(lambda: len(store.events(run_id)) == 3)
    follow = f"""
from pathlib import Path
from writer_r1.jobs import Jobs
from writer_r1.store import Store
jobs = Jobs(Store(Path({str(tmp_path)!r}) / "library.db"))
for n, e in jobs.follow({run_id!r}, after=2):
    print(n, e.event, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", follow], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "3 status\n"
    gate.set()
    assert process.communicate(timeout=60)[0] == "4 finished\n"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=4), min_size=2, max_size=3),
    attach=st.integers(0, 12),
    pause_s=st.sampled_from([0.0, 0.02]),
)
def test_a_follower_sees_every_event_once_and_in_order_wherever_a_run_was_parted(
    tmp_path: Path, parts: list[list[int]], attach: int, pause_s: float
) -> None:
    """A run of several parts, each saved in batches of these sizes; followers come before, between and after."""
    store = Store(tmp_path / "library.db")
    here, elsewhere = Jobs(store, tmp_path / "model.lock"), Jobs(Store(tmp_path / "library.db"))
    number = iter(range(1000))

    def work(stop: Stop, sizes: list[int]) -> Iterator[Event]:
        for size in sizes:
            yield from [Status(text=str(next(number))) for _ in range(size)]
            time.sleep(pause_s)
        yield end()

    def watch(jobs: Jobs, after: int, rows: list[tuple[int, Event]]) -> None:
        while len([e for _, e in rows if e.event == "finished"]) < len(parts) - ends_before(after):
            for row in jobs.follow(run_id, rows[-1][0] if rows else after, poll_s=0.005):
                rows.append(row)
            time.sleep(0.005)

    def ends_before(after: int) -> int:
        ends = [sum(map(sum, parts[: i + 1])) + i + 1 for i in range(len(parts))]
        return len([e for e in ends if e <= after])

    total = sum(map(sum, parts)) + len(parts)
    run_id = here.start("p", "fake", lambda stop: work(stop, parts[0]))
    after = min(attach, total - 1)
    seen = [(jobs, start, list[tuple[int, Event]]()) for jobs in (here, elsewhere) for start in (0, after)]
    watchers = [threading.Thread(target=watch, args=row) for row in seen]
    for thread in watchers:
        thread.start()
    for part in parts[1:]:
        list(here.follow(run_id, poll_s=0.005))
        here.resume(run_id, lambda stop, sizes=part: work(stop, sizes))  # type: ignore[misc]
    for thread in watchers:
        thread.join(30)
        assert not thread.is_alive()
    assert here.wait(run_id)
    stored = store.events(run_id)
    assert [n for n, _ in stored] == list(range(1, total + 1))
    assert [e.text for _, e in stored if isinstance(e, Status)] == [str(i) for i in range(total - len(parts))]
    assert [e.t for _, e in stored] == sorted(e.t for _, e in stored)
    for _, start, rows in seen:
        assert rows == stored[start:]
    assert list(here.follow(run_id, after)) == stored[after:]


# Other processes

CHILD = """
import sys, time
from pathlib import Path
from writer_r1.events import *
from writer_r1.jobs import Jobs
from writer_r1.store import Store
home, run_id, count, pause = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
def work(stop):
    yield Status(text=f"in {time.time()}")
    for i in range(count):
        if stop():
            return
        yield DraftDelta(attempt=1, text=f"{i} ")
        (home / "part").write_text(str(i))
        (home / "part").replace(home / f"{run_id}.count")
        time.sleep(pause)
    yield Status(text=f"out {time.time()}")
jobs = Jobs(Store(home / "library.db"), home / "model.lock")
jobs.start("a prompt", "fake", work, run_id)
list(jobs.follow(run_id))
sys.exit(bool(jobs.close(10)))
"""


def child(home: Path, run_id: str, count: int = 3000, pause: float = 0.01) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, home, run_id, str(count), str(pause)], cwd=ROOT)


def numbers(jobs: Jobs, run_id: str) -> str:
    return "".join(e.text for e in events(jobs, run_id) if isinstance(e, DraftDelta))


def test_a_run_of_another_process_is_followed_while_it_is_written(jobs: Jobs, store: Store, tmp_path: Path) -> None:
    process = child(tmp_path, "r1", count=200)
    until(lambda: store.run("r1"))
    came: list[float] = []
    text = ""
    for _, event in jobs.follow("r1"):
        if isinstance(event, DraftDelta):
            came.append(time.monotonic())
            text += event.text
    assert text == "".join(f"{i} " for i in range(200))
    assert came[-1] - came[0] > 1  # it came bit by bit
    assert process.wait(60) == 0 and store.run("r1").state == "finished"  # type: ignore[union-attr]


def test_a_killed_process_loses_at_most_the_last_second_and_reads_as_interrupted(
    jobs: Jobs, store: Store, tmp_path: Path
) -> None:
    """Acceptance 2, for writing, of the page's design."""
    process = child(tmp_path, "r1")
    until(lambda: (tmp_path / "r1.count").exists())
    time.sleep(2)
    written_before = int((tmp_path / "r1.count").read_text())
    time.sleep(1.2)  # a second, and slack for a busy machine
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    text = numbers(jobs, "r1")  # the follower ends by itself
    run = store.run("r1")
    assert run is not None and run.state == "interrupted" and store.running() == []
    assert run.best_text == text == "".join(f"{i} " for i in range(len(text.split())))
    assert len(text.split()) > written_before > 50
    later = jobs.start("p", "fake", lambda stop: iter([end()]))  # the lock died with the process
    assert [e.event for e in events(jobs, later)] == ["finished"]


def test_stop_reaches_a_run_of_another_process(jobs: Jobs, store: Store, tmp_path: Path) -> None:
    process = child(tmp_path, "r1")
    until(lambda: store.run("r1") and store.run("r1").best_text)  # type: ignore[union-attr]
    asked = time.monotonic()
    jobs.stop("r1")
    assert [e.event for e in events(jobs, "r1")][-2:] == ["stopped", "finished"]
    assert time.monotonic() - asked < 10
    assert process.wait(60) == 0 and store.run("r1").state == "stopped"  # type: ignore[union-attr]


def test_two_processes_that_share_the_lock_write_one_after_another(jobs: Jobs, store: Store, tmp_path: Path) -> None:
    processes = [child(tmp_path, run_id, count=60) for run_id in ("r1", "r2")]
    assert [p.wait(60) for p in processes] == [0, 0]
    marks = []
    for run_id in ("r1", "r2"):
        texts = [e.text for e in events(jobs, run_id) if isinstance(e, Status)]
        marks.append([float(t.split()[1]) for t in texts if t != WAITING])
        assert numbers(jobs, run_id) == "".join(f"{i} " for i in range(60))
    (_, first_out), (second_in, _) = sorted(marks)
    assert first_out <= second_in


# A full disk


def check_kept(jobs: Jobs, run_id: str, rows: list[tuple[int, Event]], sentence: str) -> None:
    assert [n for n, _ in rows] == list(range(1, len(rows) + 1))
    kinds = [e.event for _, e in rows]
    assert kinds == ["status", "status", "draft", "status", "stopped", "finished"]
    notice = rows[1][1]
    assert isinstance(notice, Status) and notice.text.startswith(sentence) and notice.text.endswith(KEPT)
    assert jobs.trouble(run_id) == notice.text


def flood(stop: Stop) -> Iterator[Event]:
    yield Status(text="before")
    while not flood_gate.is_set():
        time.sleep(0.01)
    yield Drafted(attempt=1, text="wave " * 100_000)
    while not stop():
        time.sleep(0.01)
    yield Status(text="stopping")


flood_gate = threading.Event()


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
def test_on_a_full_disk_nothing_is_lost_and_all_is_saved_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        store = Store(disk / "library.db")
        jobs = Jobs(store, tmp_path / "model.lock")
        flood_gate.clear()
        run_id = jobs.start("p", "fake", flood)
        until(lambda: store.events(run_id))
        with pytest.raises(OSError) as full, open(disk / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 1024)
        assert full.value.errno == errno.ENOSPC
        flood_gate.set()
        rows = list(jobs.follow(run_id))
        check_kept(jobs, run_id, rows, "The disk is full: ")
        assert jobs.close(0.5) == [run_id]  # and it is still being tried
        with pytest.raises(StoreError, match="The disk is full"):
            jobs.start("p", "fake", endless)
        (disk / "ballast").unlink()
        settled(jobs)
        assert store.events(run_id) == rows and store.run(run_id).state == "stopped"  # type: ignore[union-attr]
    finally:
        subprocess.run(["umount", disk], check=True)


LIMITED = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from test_jobs import check_kept, flood, flood_gate, settled, until
from writer_r1.jobs import Jobs
from writer_r1.store import Store
home = Path(sys.argv[1])
store = Store(home / "library.db")
jobs = Jobs(store, home / "model.lock")
run_id = jobs.start("p", "fake", flood)
until(lambda: store.events(run_id))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
flood_gate.set()
rows = list(jobs.follow(run_id))
check_kept(jobs, run_id, rows, "The disk refused the library")
assert jobs.close(0.3) == [run_id]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert jobs.close(1.5) == []  # closing tries at once
settled(jobs)
assert store.events(run_id) == rows and store.run(run_id).state == "stopped"
print("all kept")
"""


def test_when_the_system_refuses_writes_closing_saves_what_was_held(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("all kept\n", 0), done.stderr


def test_a_run_left_by_a_dead_process_can_be_followed_to_its_end(jobs: Jobs, store: Store) -> None:
    store.begin("gone", "p", "fake", "999999999:1.00")
    store.append("gone", [DraftDelta(attempt=1, text="half")])
    assert [e.event for e in events(jobs, "gone")] == ["delta"]
    store.begin("mine", "p", "fake", this_process())
    assert next(jobs.follow_batches("mine", tick_s=0.05)) == []
