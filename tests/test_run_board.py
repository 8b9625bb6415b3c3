"""A run on the page: its buttons follow from its state, its words are escaped, its curves can be told apart."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from writer_r1.training.config import configured
from writer_r1.training.report import Report
from writer_r1.training.status import Status
from writer_r1.ui.curves import MOST, Series, figure, plot, smoothed, spark, thinned
from writer_r1.ui.run_board import Shown, acts, run_board
from writer_r1.ui.run_curves import curves
from writer_r1.ui.run_list import run_list

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; DROP TABLE", "a\u202eb", "</pre><b>")
NUMBERS = st.floats(-1e6, 1e6)


def shown(status: Status, name: str = "sea", **more: object) -> Shown:
    config = configured("sft", name="sea", base="starter", data="d")
    found = Report(Path("/runs") / name, config=config, status=status, step=12, pace_s=2.0, left_s=96.0)
    return Shown(found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "adapter", "expected"),
    [
        (Status("starting"), False, ("stop", "discard", "note")),
        (Status("training", kept=10), True, ("stop", "discard", "note")),
        (Status("stopping", kept=10), False, ("discard", "note")),
        (Status("finished", kept=60), True, ("try", "blind", "onward", "again", "note", "delete")),
        (Status("stopped", kept=10), True, ("try", "blind", "resume", "onward", "again", "note", "delete")),
        (Status("stopped"), False, ("again", "note", "delete")),
        (Status("discarded"), False, ("again", "note", "delete")),
        (Status("failed", failure="killed", kept=10), False, ("resume", "smaller", "again", "note", "delete")),
        (Status("failed", failure="memory"), False, ("smaller", "again", "note", "delete")),
        (Status("failed", failure="data"), False, ("again", "note", "delete")),
    ],
)
def test_what_can_be_done_follows_from_the_state(status: Status, adapter: bool, expected: tuple[str, ...]) -> None:
    assert acts(status, adapter=adapter) == expected
    html = run_board(shown(status, adapter=adapter))
    named = re.findall(r'data-key="(\w+)-sea"', html)
    assert tuple(named) == expected


def test_the_time_left_is_told_once_it_is_known() -> None:
    assert "about 2 minutes left · 2 s a step" in run_board(shown(Status("training")))
    fresh = shown(Status("training"))
    assert "still estimating" in run_board(fresh._replace(report=fresh.report._replace(left_s=None)))
    assert "Not heard of for 3 minutes" in run_board(shown(Status("training", silent_s=200.0)))


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_files_are_shown_as_words(text: str) -> None:
    status = Status("failed", failure="bug", sentence=text, note=text)
    sample = {"step": 1, "prompt_id": text, "prompt": text, "text": text}
    row = {"step": 1, f"rewards/{text}/mean": 0.5, "loss": 2.0}
    html = run_board(shown(status, samples=[sample], warnings=[text], log=text, rows=[row]))
    html += curves("mrpo", [row]) + run_list([Report(Path("/runs/x"), fault=text)], "x", {})
    assert not re.search(r"<script|<img|</pre><b>", html)


def test_a_run_that_cannot_be_read_says_so_and_can_only_be_deleted() -> None:
    html = run_board(Shown(Report(Path("/runs/old"), fault="It was made by another version.")))
    assert "another version" in html and re.findall(r'data-key="(\w+)-old"', html) == ["delete"]


def test_samples_stand_newest_beside_first() -> None:
    rows = [{"step": n, "prompt_id": "a", "prompt": "A fable", "text": f"text {n}"} for n in (0, 10, 20, 30)]
    html = run_board(shown(Status("training"), samples=rows))
    assert re.findall(r"text (\d+)", html) == ["0", "30", "10", "20"]
    assert "2 between" in html


# Curves


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30))
def test_any_points_lie_within_the_picture(points: list[tuple[float, float]]) -> None:
    html = plot("Loss", [Series("a", sorted(points))])
    drawn = re.findall(r'<polyline class="s0" points="([^"]+)"/></svg></div>', html)
    assert len(drawn) == 1
    for x, y in (spot.split(",") for spot in drawn[0].split()):
        assert -0.1 <= float(x) <= 300.1 and -0.1 <= float(y) <= 100.1


def test_a_line_is_told_by_its_dashes_its_name_and_its_last_value() -> None:
    lines = [Series("in training", [(0, 3.0), (10, 2.0)]), Series("held out", [(0, 3.2), (10, 2.5)])]
    html = plot("Loss", lines, marks=[5.0])
    assert 'aria-label="Loss. in training: 3 at first, 2 now; held out: 3.2 at first, 2.5 now."' in html
    assert html.count('class="s0"') == html.count('class="s1"') == 2 and html.count('class="again"') == 1
    assert plot("Loss", [Series("none", [])]) == spark([(0, 1.0)]) == ""


def test_long_lines_are_thinned_and_keep_their_ends() -> None:
    points = [(float(n), float(n % 7)) for n in range(10_000)]
    few = thinned(points)
    assert len(few) == MOST and (few[0], few[-1]) == (points[0], points[-1])
    assert smoothed([(0, 4.0), (1, 4.0)]) == [(0, 4.0), (1, 4.0)]


def test_what_reflections_were_is_drawn_where_thoughts_are_practised() -> None:
    told = {"thoughts/useful": 0.5, "thoughts/redundant": 0.4, "thoughts/harmful": 0.1, "thoughts/well_formed": 0.75}
    rows = [{"step": step, "reward": 0.5, "thoughts/reflection_tokens": 40 + step, **told} for step in (1, 2)]
    html = curves("mrpo", rows)
    assert "useful: 0.5 at first, 0.5 now" in html and "replies that were no thought: 0.25 at first" in html
    assert "Tokens of reflections and revisions" in html
    assert "thought" not in curves("mrpo", [{"step": step, "reward": 0.5} for step in (1, 2)])


@pytest.mark.parametrize(("value", "text"), [(3.14159, "3.14"), (0.0001, "1e-04"), (1234.5, "1234"), (0, "0")])
def test_figures_have_three_digits_that_count(value: float, text: str) -> None:
    assert figure(value) == text.replace("e-04", "e-4")


def test_what_odd_texts_would_earn_and_what_lessons_gave_are_drawn() -> None:
    rows: list[dict[str, object]] = [{"step": s, "reward": 0.5, "memory/gain": 0.1 * s} for s in (1, 2, 3)]
    odd = {"watch/honest": 0.6, "watch/poetry": 0.7, "watch/looped": None}
    rows += [{"step": s, "split": "held_out", "reward": 0.5, **odd} for s in (0, 2)]
    told = curves("mrpo", rows)
    assert "What texts that are no piece would earn" in told and "own drafts" in told and "a poem" in told
    assert "one sentence over and over" not in told  # nothing known of it
    assert "What lessons in the request added to the reward" in told
    assert "no piece" not in curves("mrpo", [r for r in rows if "split" not in r])
