"""The cards of what is made to train on: every state in plain words, nothing unescaped, and the way into the form."""

import re
from pathlib import Path
from typing import Any

import pytest
from live import eventually
from test_preparing import TRACES, TRYING, over, samples, trying, workspace
from training_runs import Begin

from writer_r1 import difficulty, synthesis, thinking
from writer_r1.background import Progress
from writer_r1.material import Bounds, Made, chosen_at, keep_bounds, read_bounds, thoughts_at
from writer_r1.preparing import Asked
from writer_r1.room import WAITING
from writer_r1.training import job, run_folder
from writer_r1.training.data import read
from writer_r1.training.plan import begin, keep_plan, read_plan
from writer_r1.ui.material_board import REASONS, Offer, difficulty_result, thoughts_result, work_card
from writer_r1.ui.material_page import NONE_SENT, look, on_act, on_bounds
from writer_r1.ui.train_form import sources
from writer_r1.workspace import Workspace

__all__ = ["samples", "trying", "workspace"]
HOSTILE = '</div><script>alert(1)</script><img src=x onerror="a">'
OFFERS = (
    Offer("library", "Your own rounds", "Here.", "Take"),
    Offer("sample", "The sample requests", "There.", "Make traces", 60, 48),
)
RUNNING = Progress(12, 60, 1500.0, "running", doing="drafting")


def card(progress: Progress | None = None, busy: Asked | None = None, offers: tuple[Offer, ...] = OFFERS) -> str:
    return work_card("thoughts", offers, progress, 9, busy)


def test_before_anything_is_made_each_source_can_be_chosen() -> None:
    html = card(offers=(OFFERS[0], OFFERS[1]._replace(left=60)))
    assert html.count('data-act="prepare"') == 2 and "aria-disabled" not in html and "progressbar" not in html
    assert 'data-source="sample"' in html and ">Make traces<" in html and "0 of 60 done." in html
    assert thoughts_result(Made()).count("No traces yet.") == 1 and "data-act" not in thoughts_result(Made())


def test_what_was_begun_goes_on_and_what_is_whole_is_not_made_again() -> None:
    assert ">Go on with 48<" in card() and "12 of 60 done." in card()
    whole = card(offers=(OFFERS[1]._replace(left=0),))
    assert re.search(r'data-act="prepare"[^>]*aria-disabled="true">All done<', whole)


def test_while_it_runs_it_says_how_far_how_many_and_how_long() -> None:
    html = card(RUNNING, TRACES)
    assert 'aria-valuenow="20"' in html
    assert "12 of 60 requests · 9 kept so far · about 25 minutes left · drafting" in html
    assert html.count('data-act="halt"') == 1 and 'aria-disabled="true">Take<' in html
    assert "time left: after the first one" in card(RUNNING._replace(left_s=None), TRACES)
    assert "waiting for the model: it is loading, or somebody is writing" in card(
        RUNNING._replace(doing=WAITING), TRACES
    )
    stopping = card(RUNNING._replace(stopping=True), TRACES)
    assert "stopping; what is made is kept" in stopping and 'aria-disabled="true">Stopping …<' in stopping


def test_of_the_library_runs_are_counted() -> None:
    own = Asked("thoughts", "library")
    for progress in (RUNNING, RUNNING._replace(state="stopped")):
        html = work_card("thoughts", OFFERS, progress, 9, own if progress is RUNNING else None, own)
        assert "12 of 60 runs of your library" in html and "requests" not in html.split("</ul>")[1]


def test_how_it_ended_is_told() -> None:
    assert "Stopped at 12 of 60 requests. What was made is kept" in card(RUNNING._replace(state="stopped"))
    failed = card(RUNNING._replace(state="failed", message="It does not fit."))
    assert '<p class="wrong" role="alert">It does not fit.</p>' in failed and ">Go on with 48<" in failed
    assert "progressbar" not in card(RUNNING._replace(state="done"))


def test_while_the_other_thing_is_made_it_says_so_and_nothing_can_be_begun() -> None:
    html = card(None, TRYING)
    assert "Requests are being tried; one thing is made at a time" in html
    assert html.count('aria-disabled="true"') == 2 and 'data-act="halt"' not in html


def test_every_drop_is_counted_with_its_reason_in_plain_words() -> None:
    dropped = [{"id": str(n), "reason": why} for n, why in enumerate([thinking.WEAK, thinking.WEAK, "new <reason>"])]
    kept = [{"id": "k", "text": "a b c"}]
    html = thoughts_result(Made(kept, dropped))
    assert "<b>1 trace</b> kept" in html and "3 left out, and why" in html
    assert "<b>2</b><span" in html and "scores too low to be learned from" in html and "new &lt;reason&gt;" in html
    assert 'data-act="learn"' in html
    assert 'data-act="learn"' not in thoughts_result(Made((), dropped))


def test_no_reason_is_without_its_words() -> None:
    told = {v for m in (thinking, synthesis, difficulty) for k, v in vars(m).items() if k in NAMES}
    assert len(told) == len(NAMES) and told == set(REASONS)


NAMES = (
    *(
        "NO_TEXT",
        "FAULTY",
        "WEAK",
        "NONE_USEFUL",
        "UNPROVEN",
        "UNTOLD",
        "JUDGED",
        "TASK",
        "VAGUE",
        "TWICE",
        "LONG",
        "SAME",
    ),
    *("A_SCENE", "TOO_LONG", "EASY", "HARD", "FLAT", "UNSCORED"),
)


def test_words_are_shown_as_words() -> None:
    rows = [{"id": "1", "prompt": HOSTILE, "reason": HOSTILE, "text": HOSTILE}]
    offers = (Offer("sample", HOSTILE, HOSTILE, "Make"),)
    html = work_card("thoughts", offers, RUNNING._replace(doing=HOSTILE), 1, TRACES)
    html += work_card("difficulty", offers, RUNNING._replace(state="failed", message=HOSTILE), 1, None)
    html += thoughts_result(Made(rows, rows)) + difficulty_result(Made(rows, rows), Bounds(), HOSTILE)
    html += difficulty_result(Made(), Bounds(), HOSTILE)
    assert not re.search(r"<script|<img", html)


def row(mean: float, spread: float = 0.2) -> dict[str, Any]:
    return {"id": f"d-{mean}", "rewards": [mean - spread, mean + spread], "mean": mean, "noise": 0.05}


def test_the_histogram_shows_every_mean_once_and_the_limits() -> None:
    found = Made([row(0.5), row(0.55), row(0.05, 0.1)], [row(0.95, 0.01), {"id": "x", "reason": difficulty.TOO_LONG}])
    html = difficulty_result(found, Bounds(), "A model, judged by another")
    assert "<b>2 of 5 requests</b> stay." in html and "own noise is about 0.05" in html
    assert html.count('<rect class="in" x="50.8"') == 1 and html.count('<rect class="out" x="') == 3  # one is a key
    assert '<line x1="30" x2="30"' in html and '<line x1="85" x2="85"' in html
    assert "0.0 to 0.1: 1, of which 0 stay; 0.5 to 0.6: 2, of which 2 stay; 0.9 to 1.0: 1, of which 0 stay." in html
    wider = difficulty_result(found, Bounds(low=0.0, high=1.0), "")
    assert "<b>3 of 5 requests</b> stay." in wider and "<line" not in wider
    assert "make the first limit the smaller one" in difficulty_result(found, Bounds(low=0.9, high=0.1), "")
    none = difficulty_result(found, Bounds(low=0.96, high=0.97), "")
    assert "<b>0 of 5 requests</b> stay." in none and 'data-act="practise"' not in none


# the handlers, on a real workspace


def test_a_page_begins_it_is_told_of_the_end_and_trains_on_a_copy(workspace: Workspace, begin_run: Begin) -> None:
    assert not on_act(workspace, {"act": "prepare", "kind": "thoughts", "source": "sample"})
    page = look(workspace)
    assert "progressbar" in page[0] or "All done" in page[0]
    over(workspace.preparing)
    page = look(workspace, page[4])
    assert "All done" in page[0] and "<b>5 traces</b> kept" in page[1] and page[4][4] == ""
    same = look(workspace, page[4])
    assert all(isinstance(part, dict) for part in same[:4])  # skipped
    assert on_act(workspace, {"act": "learn"})
    plan = read_plan(workspace.home)
    assert (plan.goal, plan.source, plan.path, plan.base) == ("sft", "file", str(thoughts_at(workspace.home)), "fake")
    assert plan.numbers["text_tokens"] >= 320 and plan.numbers["text_tokens"] % 64 == 0
    keep_plan(workspace.home, plan.model_copy(update={"base": "starter", "name": "sea"}))
    folder = begin(read_plan(workspace.home), workspace.home, workspace.store)
    try:
        data = Path(run_folder.config_of(folder).data)
        assert data != thoughts_at(workspace.home)  # which may grow while the run goes on
        assert [e.text for e in read(data).examples] == [e.text for e in read(thoughts_at(workspace.home)).examples]
    finally:
        job._end_process(folder, 1.0)


def test_limits_part_at_once_and_what_stays_is_practised_on(trying: Workspace) -> None:
    on_act(trying, {"act": "prepare", "kind": "difficulty", "source": "sample"})
    over(trying.preparing, TRYING)
    page = look(trying)
    assert "<b>1 of 4 requests</b> stays." in page[3] and "All done" in page[2]
    trying._loaded.clear()  # nothing is written anew
    page = on_bounds(trying, (0.0, 0.7, None, 4), page[4])
    assert "<b>3 of 4 requests</b> stay." in page[3]
    for odd in (None, "x", 7, float("nan")):
        on_bounds(trying, (odd, 0.7, None, 4), NONE_SENT)
    assert read_bounds(trying.home) == Bounds(drafts=4, low=0.0, high=0.7)
    page = on_bounds(trying, (0.0, 0.7, 0.9, 4), page[4])
    assert "<b>0 of 4 requests</b> stay." in page[3] and "or the spread you set" in page[3]
    page = on_bounds(trying, (0.0, 0.7, None, 4), page[4])
    assert "<b>3 of 4 requests</b> stay." in page[3] and read_bounds(trying.home).noise is None
    assert on_act(trying, {"act": "practise"})
    plan = read_plan(trying.home)
    assert (plan.goal, plan.path, plan.base) == ("mrpo", str(chosen_at(trying.home)), trying.preparing.wish().policy)
    keep_bounds(trying.home, Bounds(drafts=4, low=0.95, high=0.96))
    with pytest.warns(UserWarning, match="No request stays"):
        assert not on_act(trying, {"act": "practise"})


def test_what_a_browser_makes_up_begins_nothing(workspace: Workspace) -> None:
    for wish in ({"act": "prepare"}, {"act": "prepare", "kind": "x", "source": "sample"}, {"act": "fly"},
                 {"act": "prepare", "kind": "thoughts", "source": "../x"}, {"act": "halt"}):  # fmt: skip
        assert not on_act(workspace, wish)
    assert workspace.preparing.running() is None and not thoughts_at(workspace.home).exists()


def test_a_failure_is_told_when_it_ends(workspace: Workspace) -> None:
    with pytest.warns(UserWarning, match="holds no piece"):
        on_act(workspace, {"act": "prepare", "kind": "difficulty", "source": "library"})
        eventually(lambda: not workspace.preparing.running())
        page = look(workspace, ("", "", "", "", "difficulty"))
    assert 'role="alert">Your library holds no piece' in page[2]


def test_in_a_shared_studio_the_form_offers_a_file_where_it_is_ones_own_material(workspace: Workspace) -> None:
    on_act(workspace, {"act": "learn"})
    assert ("A file or folder", "file") in sources(read_plan(workspace.home), shared=True)
