"""Who does what: the models that were chosen, those that stand in for them, and that each gets its own requests."""

import pytest
from scripted import CODES, of, revision, script, station, task

from writer_r1.events import Started
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Team, write
from writer_r1.roles import cast_of
from writer_r1.settings import Settings

READY = ("starter", "standard", "mine")


@pytest.mark.parametrize(
    ("chosen", "named", "cast"),
    [
        ({}, {}, ("standard", "standard", "standard", "standard")),
        ({"writer": "mine"}, {}, ("mine", "mine", "mine", "mine")),
        ({"judge": "mine"}, {}, ("standard", "mine", "mine", "mine")),
        ({"analyst": "mine", "critic": "starter"}, {}, ("standard", "standard", "mine", "starter")),
        ({"judge": "gone", "writer": "mine", "critic": "gone"}, {}, ("mine", "standard", "standard", "standard")),
        ({"judge": "mine"}, {"writer": "starter"}, ("starter", "mine", "mine", "mine")),
        ({"writer": "mine"}, {"writer": "starter"}, ("starter", "starter", "starter", "starter")),
        ({"critic": "mine"}, {"judge": "starter"}, ("standard", "starter", "starter", "mine")),
    ],
    ids=str,
)
def test_who_was_named_or_chosen_and_is_ready_does_it(chosen, named, cast):
    ready = {None: None, "gone": None} | {name: name for name in READY}
    assert cast_of(Settings(**chosen), ready.__getitem__, lambda: "standard", **named) == cast


def test_each_model_is_asked_only_what_is_its_part() -> None:
    writer, judge, analyst, critic = (
        FakeLLM(script(revise=revision("new"), open_coding=CODES), name=name)
        for name in ("writer", "judge", "analyst", "critic")
    )
    team = Team(writer, judge, None, lambda prompt, name: [], lambda: False, analyst=analyst, critic=critic)
    events = list(write(task(rubric=None, rounds=1, target=1.0), team))
    asked = {llm.name: {station(r) for r in llm.seen} for llm in (writer, analyst, critic)}
    assert asked["analyst"] >= {"open_coding", "selective_coding"} and "draft" in asked["writer"]
    assert asked["critic"] == {"reflect"}
    assert not asked["writer"] & {"open_coding", "axial_coding", "selective_coding", "reflect", "reason"}
    assert not {station(r) for r in judge.seen} & {"open_coding", "selective_coding", "reflect", "revise"}
    started = of(Started, events)[0]
    assert (started.model, started.judge, started.analyst, started.critic) == ("writer", "judge", "analyst", "critic")


def test_a_judge_that_does_all_three_is_named_once() -> None:
    llm = FakeLLM(script())
    team = Team(llm, llm, None, lambda prompt, name: [], lambda: False, analyst=llm, critic=llm)
    started = of(Started, list(write(task(rounds=0), team)))[0]
    assert (started.analyst, started.critic) == ("", "")
