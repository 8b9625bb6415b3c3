"""Following a run: whenever a page comes, leaves and comes again, it ends up showing the same, to the letter."""

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from writer_r1.events import Edited, Event
from writer_r1.store import this_process
from writer_r1.trajectory import Trajectory
from writer_r1.ui import following
from writer_r1.ui.drawn import MOST, PART, SAME, Drawn, Sent
from writer_r1.ui.following import Page, follow, screen
from writer_r1.ui.round_board import round_board
from writer_r1.ui.view import View, advance, over
from writer_r1.workspace import Workspace

SHOWN = ("phase", "announce", "trouble", "sheet", "criteria", "rounds", "since")
RUN = example.whole_run("run1")
# The same run gone on with after the user changed its criteria.
CHANGED = example.RUBRIC.model_copy(update={"criteria": example.CRITERIA[:-1]})
NUMBERED: list[tuple[int, Event]] = list(enumerate([*RUN, Edited(rubric=CHANGED, t=80.0), *RUN[-2:]], 1))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


def blank() -> View:
    return View(Trajectory(id="run1", prompt=example.PROMPT))


def merged(pages: Iterator[Page]) -> dict[str, Any]:
    """Return what a browser holds in the end: of each part the last that was sent."""
    held: dict[str, Any] = {}
    for page in pages:
        held |= {name: part for name in SHOWN if isinstance(part := getattr(page, name), str)}
    return held


def laid(whole: str, since: str) -> str:
    """Return the board that a browser draws of these two, as its script does."""
    name, *parts = whole.split(PART)
    of, *changes = since.split(PART)
    if since and of == name:
        last = len(changes) - 1
        parts = [p if p != SAME else parts[-1 if i == last else i] for i, p in enumerate(changes)]
    return PART.join(parts)


def drawn_of(held: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows of what it holds."""
    return held | {"rounds": laid(held["rounds"], held["since"]), "since": ""}


@given(st.lists(st.integers(1, 12), max_size=60))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_in_any_batches_give_the_same_page_at_every_moment(workspace: Workspace, sizes: list[int]) -> None:
    view, at, drawn = blank(), 0, Drawn()
    for size in [*sizes, len(NUMBERED)]:
        view = advance(view, NUMBERED[at : at + size])
        at = min(at + size, len(NUMBERED))
        page = screen(workspace, "", view, 5.0, drawn)
        assert page == screen(workspace, "", advance(blank(), NUMBERED[:at]), 5.0)


@given(st.lists(st.integers(0, len(RUN)), min_size=1, max_size=4).map(sorted))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_page_that_comes_again_at_any_moment_shows_what_one_that_stayed_shows(
    workspace: Workspace, moments: list[int]
) -> None:
    """The run is stored up to each moment in turn; at each one more page comes, and all stay until the end."""
    run_id, store, pages, at = f"r{time.monotonic_ns()}", workspace.store, list[Iterator[Page]](), 0
    store.begin(run_id, example.PROMPT, "fake", this_process())
    seen: list[dict[str, Any]] = []
    for moment in moments:
        store.append(run_id, RUN[at:moment])
        at = moment
        pages.append(follow(workspace, f"/{run_id}#{moment}"))
        seen.append(merged(iter([next(pages[-1])])))
    store.append(run_id, RUN[at:])
    ends = [before | merged(page) for before, page in zip(seen, pages, strict=True)]
    view = advance(View(Trajectory(id=run_id, prompt=example.PROMPT)), store.events(run_id))
    whole = screen(workspace, "", view, view.t)
    for end in ends:
        assert drawn_of(end) == {name: getattr(whole, name) for name in SHOWN}


def test_pages_that_come_while_a_job_writes_all_end_with_the_whole_run(workspace: Workspace) -> None:

    def work(stop: Callable[[], bool]) -> Iterator[Event]:
        for event in RUN:
            time.sleep(0.004)
            yield event

    run_id, ends = workspace.jobs.start(example.PROMPT, "fake", work), list[dict[str, Any]]()

    def look() -> None:
        ends.append(drawn_of(merged(follow(workspace, f"/{run_id}#1"))))

    lookers = [threading.Thread(target=look) for _ in range(6)]
    for looker in lookers:
        looker.start()
        time.sleep(0.1)
    for looker in lookers:
        looker.join(30)
    view = advance(View(Trajectory(id=run_id, prompt=example.PROMPT)), workspace.store.events(run_id))
    whole = screen(workspace, "", view, view.t)
    assert over(view) and ends == [{name: getattr(whole, name) for name in SHOWN}] * 6


COLUMN = st.sampled_from(["<i>a</i>", "<i>b</i>", "<i>" + "c" * (MOST // 3) + "</i>"])
BOARD = st.just([]) | st.tuples(st.sampled_from(["<p>", "<p n>"]), st.lists(COLUMN, max_size=5)).map(
    lambda board: [board[0], *board[1], "</p>"]
)


@given(st.lists(st.tuples(BOARD, st.booleans()), max_size=12))
@settings(deadline=None)
def test_a_browser_that_passes_over_updates_draws_the_last_board(boards: list[tuple[list[str], bool]]) -> None:
    sent = Sent()
    for board, passed_over in boards:
        whole, since = sent.of(PART.join(board))
        if not passed_over:
            assert laid(whole, since) == PART.join(board)


def test_what_did_not_change_is_not_sent_again() -> None:
    sent, rows = Sent(), ["<p>", *(f"<i>{n}{'x' * 999}</i>" for n in range(50)), "</p>"]
    whole, since = sent.of(PART.join(rows))
    assert len(whole) > 50_000 and since == ""
    again, since = sent.of(PART.join([*rows[:7], "<i>new</i>", *rows[8:]]))
    assert again == whole and len(since) < 1000


def test_an_event_is_on_its_way_at_once_and_not_at_the_next_look(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 1.5)
    go, asked_at = threading.Event(), 0.0

    def work(stop: Callable[[], bool]) -> Iterator[Event]:
        nonlocal asked_at
        for event in example.coding()[:3]:
            go.wait(10)
            go.clear()
            asked_at = time.monotonic()
            yield event

    delays, pages = list[float](), follow(workspace, f"/{workspace.jobs.start('p', 'fake', work)}#1")
    next(pages)
    for _ in range(3):
        threading.Timer(1.6, go.set).start()  # just after a look
        next(pages)
        delays.append(time.monotonic() - asked_at)
    assert sorted(delays)[1] < 0.7, delays


def test_a_run_that_goes_on_after_a_day_does_not_count_the_day(workspace: Workspace) -> None:
    store = workspace.store
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", RUN)
    with closing(sqlite3.connect(workspace.home / "library.db")) as db, db:
        db.execute("UPDATE runs SET created = created - 86400, updated = updated - 86000")
    store.reopen("run1", this_process())
    pages = follow(workspace, "/run1#1")
    clock = re.search(r">(\d+):(\d\d)<", next(pages).phase)
    assert clock and RUN[-1].t - 1 <= 60 * int(clock[1]) + int(clock[2]) <= RUN[-1].t + 10


def test_a_run_that_has_just_begun_is_shown_at_once_and_one_that_goes_on_is_never_blank(workspace: Workspace) -> None:
    workspace.store.begin("new", example.PROMPT, "fake", this_process())
    assert next(follow(workspace, "/new#1")).stop.interactive
    workspace.store.begin("old", example.PROMPT, "fake", this_process())
    workspace.store.append("old", RUN)
    workspace.store.reopen("old", this_process())
    assert example.CRITERIA[1].name in next(follow(workspace, "/old#1")).criteria


def test_a_card_that_did_not_change_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from writer_r1.ui import round_board as board

    drawn, view, made = Drawn(), blank(), list[int]()
    real = board.card

    def counting(seen: View, attempt: Any, *more: Any) -> str:
        made.append(attempt.number)
        return real(seen, attempt, *more)

    monkeypatch.setattr(board, "card", counting)
    third = [n for n, e in NUMBERED if getattr(e, "attempt", 0) == 3 and e.event == "delta"]
    view = advance(view, NUMBERED[: third[0]])
    round_board(view, busy=True, drawn=drawn)
    assert made == [1, 2, 3]
    for n in third[1:]:
        view = advance(view, [NUMBERED[n - 1]])
        round_board(view, busy=True, drawn=drawn)
    assert made == [1, 2, 3, *[3] * (len(third) - 1)]
