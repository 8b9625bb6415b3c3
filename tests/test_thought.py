"""The timeline of a thought: folded, in order, with the score before and after, and every word of the model escaped."""

import re
import xml.etree.ElementTree as xml

from scripted import FIRST, PROMPT, model, task, team

from writer_r1.events import Thought
from writer_r1.loop import write
from writer_r1.traces import Change, Segment, Trace, written
from writer_r1.trajectory import Trajectory
from writer_r1.ui.round_board import round_board
from writer_r1.ui.thought import timeline
from writer_r1.ui.view import View, advance
from writer_r1.ui.write_tab import task_of, wished

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
    assert re.search(r"The thought: 3 reflections, \d+ tokens", "".join(drawn.itertext()))


def test_a_thought_that_broke_off_says_so_and_what_is_kept() -> None:
    cut = thought().partition("<reflection>")[0] + "<reflection>\nHm."
    assert "The thought broke off (the thought is cut in a reflection); what was whole of it is kept." in timeline(
        view_of(cut)
    )
    none = view_of("Just a piece.")
    assert "nothing of it could be kept" in timeline(none) and "No text" not in timeline(none)


def test_a_run_in_rounds_has_no_timeline_and_the_board_shows_one_where_there_is_one() -> None:
    view = view_of(thought())
    assert timeline(view._replace(thought=None)) == "" and 'class="thought"' not in round_board(
        view._replace(thought=None), busy=False
    )
    assert timeline(view) in round_board(view, busy=False) and "<script>alert" not in round_board(view, busy=False)


def test_before_it_is_judged_a_dash_stands_for_the_score() -> None:
    view = view_of(thought())
    bare = view.now.model_copy(
        update={
            "attempts": tuple(a.model_copy(update={"evaluation": None, "accepted": None}) for a in view.now.attempts)
        }
    )
    assert "—" in timeline(view._replace(now=bare)) and "it helped" not in timeline(view._replace(now=bare))
    assert timeline(View(Trajectory(id="r", prompt=""), thought=Thought(tokens=3))).count("<li>") == 0


def test_the_switch_beside_the_rounds_reaches_the_run() -> None:
    assert task_of(None, PROMPT, wished(3, False, False, True, "", 1.0)).one_go
    assert not task_of(None, PROMPT, wished(3, False, False, False, "", 1.0)).one_go
