"""The timeline of a thought: folded, in order, with the score before and after, and every word of the model escaped."""

import json
import re
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest
from scripted import FIRST, PROMPT, model, task, team

from writer_r1.events import DraftDelta, Event, RubricReady, Started, Status, Thought, ThoughtDelta
from writer_r1.loop import write
from writer_r1.store import this_process
from writer_r1.traces import Change, Segment, Trace, written
from writer_r1.trajectory import Trajectory
from writer_r1.ui import write_tab
from writer_r1.ui.following import THOUGHTS, follow
from writer_r1.ui.render import manuscript
from writer_r1.ui.round_board import round_board
from writer_r1.ui.thought import TOGETHER, timeline
from writer_r1.ui.view import Earlier, View, advance
from writer_r1.ui.write_tab import NOT_A_SCENE, NOT_YOURS, Wishes, on_judge, on_start, task_of, wished
from writer_r1.usefulness import Label, Tried
from writer_r1.workspace import Workspace

HOSTILE = "“left boot” <script>alert(1)</script> & stairs"
ROUNDS = (("alpha", HOSTILE), ("beta", "The boots & stairs are loud."), ("gamma", "Less of it."))


def view_of(said: str) -> View:
    llm = model({"gamma": 6.05, "beta": 2.0, "alpha": 6.0}, think=said)
    return advance(View(Trajectory(id="run", prompt=PROMPT)), list(enumerate(write(task(one_go=True), team(llm)), 1)))


def thought(plan: str = "First the <b>lamp</b>.") -> str:
    segments = tuple(
        Segment(reflection=words, changes=(Change(paragraph=2, text=f"The boots went {mark} down the stairs."),))
        for mark, words in ROUNDS
    )
    trace = Trace(prompt=PROMPT, plan=plan, draft=FIRST, segments=segments, final=FIRST)
    return written(trace).removeprefix("<think>\n")


def parsed(html: str) -> xml.Element:
    return xml.fromstring(html)


def test_each_step_stands_in_order_with_its_scores_and_what_came_of_it() -> None:
    drawn = parsed(timeline(view_of(thought())))
    assert [h.text for h in drawn.iter("h4")] == [
        "Plan", "Draft", "Reflection 1", "Reflection 2", "Reflection 3", "The piece, in other words",
    ]  # fmt: skip
    said = ["".join(step.itertext()) for step in drawn.iter("li")]
    assert said[0] == "PlanFirst the <b>lamp</b>." and HOSTILE in said[2]
    scores = [re.findall(r"\d+\.\d", step) for step in said[1:5]]
    assert [len(s) for s in scores] == [1, 2, 2, 2] and scores[0][0] == scores[1][0] and scores[1][1] == scores[2][0]
    assert [next(w for w in ("it helped", "it did harm", "no clear difference") if w in s) for s in said[2:5]] == [
        "it helped", "it did harm", "it helped",
    ]  # fmt: skip
    assert drawn.find("details") is not None and "open" not in drawn.find("details").attrib  # type: ignore[union-attr]
    summary = r"The thought: 3 reflections, \d+ tokens · 2 of 3 helped, 1 harmed$"
    assert re.fullmatch(summary, next(drawn.iter("summary")).text or "")
    assert drawn.find(".//span[@class='trust']") is not None


def test_each_step_shows_folded_what_it_changed_and_leads_to_its_text() -> None:
    html = timeline(view_of(thought()))
    drawn = parsed(html)
    steps = list(drawn.iter("li"))
    assert [[b.get("data-go") for b in step.iter("button")] for step in steps] == [
        [],
        ["1"],
        ["2"],
        ["3"],
        ["4"],
        ["5"],
    ]
    assert "Go to First draft" in html and "Go to Round 3" in html and "Its text is" not in html
    folds = [step.find("details") for step in steps]
    assert [fold is not None for fold in folds] == [False, False, True, True, True, True]
    assert not any("open" in fold.attrib for fold in folds if fold is not None)
    second = "".join(folds[3].itertext())  # type: ignore[union-attr]
    assert "Paragraph 2" in second and "alpha" in second and "beta" in second and "kept your lamp" not in second
    assert {"".join(e.itertext()) for e in steps[3].iter("ins")} >= {"beta"} and "<script" not in html


def test_a_paragraph_that_was_added_is_told_and_one_that_stayed_as_it_was_too() -> None:
    more = Segment(reflection="More.", changes=(Change(paragraph=2, operation="extend", text="A <gull>."),))
    none = Segment(reflection="Well.", changes=(Change(paragraph=1, text=FIRST.split("\n\n")[0]),))
    trace = Trace(prompt=PROMPT, draft=FIRST, segments=(more, none), final=FIRST)
    html = timeline(view_of(written(trace).removeprefix("<think>\n")))
    assert "After paragraph 2" in html and "<ins>A &lt;gull&gt;.</ins>" in html
    assert html.count("The two texts are the same.") == 1


# A thought as it comes


def coming(said: str, count: int) -> View:
    """Return what a page has after so many pieces of a thought, which was stopped then."""
    asked = iter(range(10_000))
    llm = model({}, think=said)
    events = list(write(task(one_go=True), team(llm, lambda: next(asked) > count)))
    told = [e for e in events if isinstance(e, Started | Status | RubricReady | ThoughtDelta | DraftDelta)]
    return advance(View(Trajectory(id="run", prompt=PROMPT)), list(enumerate(told, 1)))


def test_a_thought_is_followed_part_by_part_while_it_comes() -> None:
    summaries, steps = list[str](), list[list[str | None]]()
    for count in range(0, 700, 10):
        html = timeline(coming(thought(), count)._replace(thought=None))
        assert not re.search(r"</?(?:think|plan|draft|reflection|revision)", html) and "<script" not in html
        if html:
            drawn = parsed(html)
            steps.append([h.text for h in drawn.iter("h4")])
            summaries.append("".join(drawn.find("details/summary").itertext()))  # type: ignore[union-attr]
    named = list(dict.fromkeys(tuple(s) for s in steps))
    last = ("Plan", "Draft", "Reflection 1", "Reflection 2", "Reflection 3", "The piece")
    assert named == [last[:k] for k in range(1, 1 + len(last))]
    assert summaries[0].startswith("The thought so far: ") and summaries[-1].endswith(", 3 reflections")
    grown = [int(re.findall(r"\d+", s)[0]) for s in summaries]
    assert grown == sorted(grown)
    whole = "".join(drawn.itertext())
    assert HOSTILE in whole and "Paragraph 2The boots went alpha" in whole and "words, on the sheet" in whole


def test_a_thought_of_which_no_text_came_can_be_read_and_says_why() -> None:
    planned = view_of("<plan>\nFirst the lamp.\n\nThen the stairs.\n</plan>\n<reflection>\nHm.")
    html = timeline(planned)
    assert "First the lamp.</p>" in html and "Then the stairs.</p>" in html and "Reflection 1" in html
    assert "The thought broke off (" in html and "no text came of it; start again, or use rounds." in html
    assert "Its plan" in manuscript(planned)
    bare = view_of("</think>\n\n")
    assert "Its plan" not in manuscript(bare) and "Nothing was" in manuscript(bare)


def test_a_piece_that_comes_without_a_thought_is_the_text_and_what_was_wrong_is_said() -> None:
    bare = view_of("</think>\n\nA piece without a thought.")
    assert "A piece without a thought." in manuscript(bare)
    assert "(a thought without a draft); what was whole of it is kept." in timeline(bare)


def test_a_revision_without_a_reflection_says_so_itself() -> None:
    html = timeline(view_of('<draft>\n</draft>\n<revision after="2">\nMore.\n</revision>\n<reflection>\nHm.'))
    names = [h.text for h in parsed(html).iter("h4")]
    assert names == ["Revision", "Reflection 1"] and "After paragraph 2" in html


def test_the_pace_of_the_draft_is_told_only_while_it_is_written() -> None:
    views = [coming(thought(), count)._replace(thought=None) for count in range(20, 600, 20)]
    last = [v.thinking[-1].name for v in views]
    assert {v.writing_since is None for v, name in zip(views, last, strict=True) if name == "reflection"} == {True}
    assert any(v.writing_since is not None for v in views)


def test_a_stopped_thought_can_be_read_as_far_as_it_came_before_any_text_is_whole() -> None:
    view = coming(thought(plan="A long plan."), 8)._replace(ended=True)
    board = round_board(view, busy=False)
    assert "The thought, as far as it came: 3 words" in board and "A long plan." in board
    assert round_board(view._replace(thinking=()), busy=False) == ""


@pytest.mark.parametrize(("in_revision", "rounds"), [(1, 1), (2, 2)])
def test_what_a_stopped_thought_had_come_to_can_be_read_and_taken(in_revision: int, rounds: int) -> None:
    def asked_to_stop() -> bool:
        return sum(isinstance(e, Status) and e.text == "revising" for e in events) == in_revision

    events = list[Event]()
    for event in write(task(one_go=True), team(model({}, think=thought()), asked_to_stop)):
        events.append(event)
    view = advance(View(Trajectory(id="run", prompt=PROMPT)), list(enumerate(events, 1)))
    board, sheet = round_board(view, busy=False), manuscript(view)
    assert board.count("Use this round") == rounds and "The thought, as far as it came" in board
    assert f'data-use="{rounds}"' in sheet and ("words, on the sheet" in timeline(view)) is (rounds == 1)
    assert "unfinished" not in sheet and "broke off" not in board


def test_the_sheet_shows_the_plan_until_the_draft_comes_and_says_when_that_is_read_over() -> None:
    view = coming(thought(), 8)
    assert "Its plan" in manuscript(view) and "First the &lt;b&gt;lamp" in manuscript(view)
    said = [manuscript(coming(thought(), count)._replace(thought=None)) for count in range(20, 600, 20)]
    labels = dict.fromkeys(next(re.finditer(r"First draft · ([a-z ]+)", html))[1] for html in said if "First" in html)
    assert list(labels)[:3] == ["being written", "being read over", "being revised"]


# All thoughts so far


def earlier(*labels: Label, tokens: int = 100) -> Earlier:
    return Earlier(tokens, tuple(Tried(reflection="…", label=label) for label in labels))


def test_below_it_stand_the_shares_of_the_last_thoughts_beside_the_papers() -> None:
    view = view_of(thought())
    assert "Your last" not in timeline(view._replace(lately=(earlier("useful"),)))
    assert "Your last" not in timeline(view._replace(lately=(earlier(), earlier())))
    two = (earlier("useful", "harmful", tokens=200), earlier("useful", "redundant"))
    html = timeline(view._replace(lately=two))
    assert "<summary>Your last 2 thoughts: 50% of 4 reflections helped, 25% harmed</summary>" in html
    assert "known to us at second hand: over 55% helped, about 10% harmed" in html and "150 tokens on average" in html
    assert "process reward is said to save about 20%" in html and "<figure" not in html
    assert "open" not in parsed(html).findall("details")[1].attrib


def test_from_three_thoughts_on_a_line_shows_the_shares_over_time() -> None:
    past = (earlier("harmful"), *[earlier("useful")] * (TOGETHER + 2), earlier())
    html = timeline(view_of(thought())._replace(lately=past))
    assert f"<span>thought 1</span><span>{len(past)}</span>" in html and "(the faint lines)" in html
    assert "helped: 0 at first, 100 now; harmed: 100 at first, 0 now." in html  # the first has left the window
    assert html.count('class="faint"') == 2 and "<figure" in timeline(view_of(thought())._replace(lately=past[:3]))


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


def keep(workspace: Workspace, run_id: str, *, one_go: bool = True, end: int | None = None) -> None:
    llm = model({"gamma": 6.05, "beta": 2.0, "alpha": 6.0}, "alpha", "beta", think=thought())
    events = list(write(task(one_go=one_go, rounds=1), team(llm)))
    workspace.store.begin(run_id, PROMPT, "fake", this_process())
    workspace.store.append(run_id, events[:end])


def test_a_page_is_told_of_the_librarys_thoughts_once_its_own_has_ended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, real = list[int](), workspace.store.thoughts
    monkeypatch.setattr(workspace.store, "thoughts", lambda limit: looks.append(limit) or real(limit))
    keep(workspace, "rounds", one_go=False)
    assert "Your last" not in "".join(str(page.rounds) for page in follow(workspace, "/rounds#1")) and looks == []
    keep(workspace, "one")
    keep(workspace, "two")
    keep(workspace, "cut", end=-3)  # is still being written
    pages = [f"{page.rounds}{page.since}" for page in follow(workspace, "/one#1")]
    assert looks == [THOUGHTS]
    said = "Your last 2 thoughts: 67% of 6 reflections helped, 33% harmed"
    assert said in pages[-1] and not any(said in page for page in pages[:-1])


# Where it is wished for and cannot be


def test_who_wished_for_one_thought_is_told_where_it_goes_by_rounds(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, scene = list[str](), "The keeper counted the waves."
    monkeypatch.setattr(write_tab, "tell", told.append)
    monkeypatch.setattr(workspace, "start", lambda task, piece_id: "r1")
    piece = workspace.store.new_piece(PROMPT, f"# One\n\n{scene}\n\n# Two\n\nHe slept.")
    place = json.dumps({"piece": piece.id, "base": piece.revision})
    there = json.dumps({"piece": piece.id, "base": piece.revision, "part": scene})
    wish = Wishes(one_go=True)
    for ask, at, wishes, said in (
        (on_start, place, wish, []),
        (on_start, there, wish, [NOT_A_SCENE]),
        (on_start, there, wish._replace(look_first=True), []),
        (on_start, there, Wishes(), []),
        (on_judge, place, wish, [NOT_YOURS]),
        (on_judge, place, wish._replace(look_first=True), []),
        (on_judge, there, wish, [NOT_YOURS]),
        (on_judge, place, Wishes(), []),
    ):
        told.clear()
        assert ask(workspace, at, PROMPT, piece.text, wishes).trouble == "" and told == said


def test_a_thought_that_broke_off_says_so_and_what_is_kept() -> None:
    cut = thought().partition("<reflection>")[0] + "<reflection>\nHm."
    assert "The thought broke off (the thought is cut in a reflection); what was whole of it is kept." in timeline(
        view_of(cut)
    )
    none = view_of("Just a piece.")
    assert "nothing of it could be kept" in timeline(none) and "No text" not in timeline(none)


def test_a_run_in_rounds_has_no_timeline_and_the_board_shows_one_where_there_is_one() -> None:
    view = view_of(thought())
    rounds = view._replace(thought=None, thinking=())
    assert timeline(rounds) == "" and 'class="thought"' not in round_board(rounds, busy=False)
    assert timeline(view) in round_board(view, busy=False) and "<script>alert" not in round_board(view, busy=False)


def test_before_it_is_judged_a_dash_stands_for_the_score() -> None:
    view = view_of(thought())
    bare = view.now.model_copy(
        update={
            "attempts": tuple(a.model_copy(update={"evaluation": None, "accepted": None}) for a in view.now.attempts)
        }
    )
    html = timeline(view._replace(now=bare))
    assert "—" in html and not re.search("help|harm|no clear difference", html)
    assert timeline(View(Trajectory(id="r", prompt=""), thought=Thought(tokens=3))).count("<li>") == 0


def test_the_switch_beside_the_rounds_reaches_the_run() -> None:
    assert task_of(None, PROMPT, wished(3, False, False, True, "", 1.0)).one_go
    assert not task_of(None, PROMPT, wished(3, False, False, False, "", 1.0)).one_go
