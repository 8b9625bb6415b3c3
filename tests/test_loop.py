"""The loop: what is accepted, when and why it stops and what it learns."""

from collections.abc import Callable

import pytest
from scripted import FIRST, PROMPT, criterion, evaluation, model, of, revision, rubric_of, station, task, team

from writer_r1.acceptance import accept, judge_range
from writer_r1.errors import RequestTooLong
from writer_r1.events import (
    BY_USER,
    CRITERIA_READY,
    JUDGED,
    NOT_SCORED,
    Accepted,
    DraftDelta,
    Drafted,
    Evaluated,
    Event,
    Finished,
    Recalled,
    Reflected,
    Rejected,
    RubricReady,
    Scored,
    Started,
    Stopped,
)
from writer_r1.folding import fold
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task, reached, write
from writer_r1.trajectory import Attempt, Check, Fault, Rubric, Trajectory

A, B = criterion("Warmth"), criterion("Salt", weight=3)
PAIR = rubric_of(A, B)
LOCKED = rubric_of(A.model_copy(update={"locked": True}), B)
POINT = 1 / 9


def attempt(rubric: Rubric, *values: float | None, width: float = 0.0, number: int = 1) -> Attempt:
    return Attempt(number=number, text="x", evaluation=evaluation(rubric, *values, width=width))


# Weights 1 and 3: the reward is (a + 3 b) / 4. The least gain is 0.1 / 9 = 0.0111, one point is 1 / 9 = 0.1111.
ACCEPT: dict[str, tuple[Rubric, tuple[float | None, ...], tuple[float | None, ...], float, bool, str]] = {
    "better": (PAIR, (0.5, 0.5), (0.5, 0.6), 0.0, True, "better by 0.7 of 10"),
    "just enough": (PAIR, (0.5, 0.5), (0.5, 0.515), 0.0, True, "better by 0.1 of 10"),  # + 0.01125
    "not quite": (PAIR, (0.5, 0.5), (0.5, 0.514), 0.0, False, "no clear difference (+0.1 of 10)"),  # + 0.0105
    "the same": (PAIR, (0.5, 0.5), (0.5, 0.5), 0.0, False, "no clear difference (+0.0 of 10)"),
    "worse": (PAIR, (0.5, 0.5), (0.5, 0.45), 0.0, False, "no clear difference (-0.3 of 10)"),
    "beyond half the range": (PAIR, (0.5, 0.5), (0.5, 0.6), 0.14, True, "better by 0.7 of 10"),  # 0.075 > 0.07
    "within half the range": (PAIR, (0.5, 0.5), (0.5, 0.6), 0.16, False, "no clear difference (+0.7 of 10)"),
    "one falls by less than a point": (PAIR, (0.5, 0.5), (0.5 - POINT + 0.001, 0.7), 0.0, True, "better by 1.1 of 10"),
    "one falls by a point": (PAIR, (0.5, 0.5), (0.5 - POINT, 0.7), 0.0, True, "better by 1.1 of 10"),
    "one falls by more than a point": (PAIR, (0.5, 0.5), (0.5 - POINT - 0.001, 0.9), 0.0, False, "Warmth fell by 1.0"),
    "a locked one falls": (LOCKED, (0.5, 0.5), (0.49, 0.9), 0.0, False, "Warmth is locked and fell by 0.1"),
    "a locked one stays": (LOCKED, (0.5, 0.5), (0.5, 0.9), 0.0, True, "better by 2.7 of 10"),
    "one is no longer scored": (PAIR, (0.5, 0.5), (None, 0.9), 0.0, False, "Warmth could not be scored"),
    "one is newly scored": (PAIR, (None, 0.5), (0.1, 0.6), 0.0, True, "better by 0.9 of 10"),  # over Salt alone
    "none is scored": (PAIR, (0.5, 0.5), (None, None), 0.0, False, "not judged: not scored"),
}


@pytest.mark.parametrize(("rubric", "old", "new", "width", "accepted", "why"), ACCEPT.values(), ids=ACCEPT)
def test_when_a_revision_takes_the_place_of_the_best(
    rubric: Rubric,
    old: tuple[float | None, ...],
    new: tuple[float | None, ...],
    width: float,
    accepted: bool,
    why: str,
) -> None:
    verdict = accept(rubric, attempt(rubric, *old), attempt(rubric, *new, width=width, number=2))
    assert (verdict.accepted, verdict.why) == (accepted, why)


def test_the_first_judged_draft_is_taken_and_a_faulty_one_never() -> None:
    first = attempt(PAIR, 0.1, 0.1)
    assert accept(PAIR, None, first) == (True, "first draft", 0.0)
    assert accept(PAIR, None, first.model_copy(update={"faults": ("truncated",)})).why == "first draft (truncated)"
    for faults, why in ((("empty",), "empty"), (("truncated", "looping"), "looping"), ((), "not scored")):
        broken = Attempt(number=2, faults=faults)
        assert accept(PAIR, None, broken) == (False, f"not judged: {why}", 0.0) == accept(PAIR, first, broken)


def test_the_judges_range_is_weighted_as_the_reward_is() -> None:
    assert judge_range(PAIR, evaluation(PAIR, 0.5, 0.5, width=0.2)) == pytest.approx(0.2)
    assert judge_range(PAIR, evaluation(PAIR, None, 0.5, width=0.2)) == pytest.approx(0.2)
    assert judge_range(PAIR, evaluation(PAIR, None, None)) == 0.0


@pytest.mark.parametrize(
    ("values", "enough"),
    [((0.6, 0.9), True), ((0.54, 0.95), False), ((0.77, 0.77), False), ((0.78, 0.78), True), ((None, 0.9), False),
     ((None, None), False)],
)  # fmt: skip
def test_good_enough_is_overall_and_in_each(values: tuple[float | None, ...], enough: bool) -> None:
    assert reached(PAIR, attempt(PAIR, *values), Task("t", PROMPT)) is enough


@pytest.mark.parametrize(("judged", "enough"), [(0.7, False), (0.8, True)])
def test_full_marks_for_a_length_do_not_make_middling_prose_good_enough(judged: float, enough: bool) -> None:
    rubric = rubric_of(A, criterion("Length", check=Check(type="length", low=100, high=120), weight=3.0))
    best = attempt(rubric, judged, 1.0)
    assert best.evaluation and (best.evaluation.reward or 0) > 0.9
    assert reached(rubric, best, Task("t", PROMPT)) is enough


@pytest.mark.parametrize(("value", "enough"), [(None, True), (0.5, False), (0.9, True)])
def test_a_check_that_cannot_be_made_does_not_keep_a_run_going(value: float | None, enough: bool) -> None:
    rubric = rubric_of(A, criterion("On topic", check=Check(type="relevance"), weight=0.1))
    assert reached(rubric, attempt(rubric, 0.9, value), Task("t", PROMPT)) is enough


# Whole runs


def played(llm: FakeLLM, **changes: object) -> tuple[list[Event], Trajectory]:
    events = list(write(task(**changes), team(llm)))
    return events, fold(events, Trajectory(id="t-1", prompt=""))


def why(events: list[Event]) -> str:
    return of(Stopped, events)[0].why


def test_the_best_is_kept_and_revised_and_not_the_last() -> None:
    llm = model({"alpha": 6.0, "beta": 4.0, "gamma": 5.0}, "alpha", "beta", "gamma")
    events, run = played(llm, patience=2)
    assert [(a.number, a.parent, a.accepted) for a in run.attempts] == [
        (1, None, True), (2, 1, True), (3, 2, False), (4, 2, False),
    ]  # fmt: skip
    assert of(Finished, events) == [Finished(trajectory_id="t-1", best_attempt=2, rounds=3)]
    assert [a.why for a in run.attempts][1:] == ["better by 3.4 of 10", "Warmth fell by 2.2", "Warmth fell by 1.1"]
    asked = [r.messages[-1].content for r in llm.seen if station(r) == "reflect"]
    assert "alpha" not in asked[0] and "alpha" in asked[1] and "alpha" in asked[2]
    best = run.attempt(2)
    assert best and best.text == FIRST.replace(FIRST.split("\n\n")[1], revision("alpha"))


def test_every_event_comes_in_its_turn() -> None:
    events, run = played(model({"alpha": 8.5}, "alpha"))
    kinds = [e.event for e in events if not isinstance(e, DraftDelta)]
    assert kinds == [
        "started", "rubric",
        "status", "draft", "status", "score", "evaluation", "accepted",
        "status", "reflection", "status", "draft", "status", "score", "evaluation", "accepted", "lesson",
        "status", "score", "evaluation", "score", "evaluation",  # reasons: nothing waits for them
        "stopped", "finished",
    ]  # fmt: skip
    assert [(e.attempt, bool(e.score.reason)) for e in of(Scored, events)] == [
        (1, False),
        (2, False),
        (2, True),
        (1, True),
    ]
    assert all(score.reason for a in run.attempts if a.evaluation for score in a.evaluation.scores)
    begun = of(Started, events)[0]
    assert (begun.prompt, begun.model, begun.judge, begun.settings["rounds"]) == (PROMPT, "fake", "fake", 3)
    assert run.finished and run.best == 2 and not run.status


def test_it_stops_at_the_target() -> None:
    events, _ = played(model({"alpha": 8.5}, "alpha"))
    assert why(events) == "target reached" and of(Finished, events)[0].rounds == 1
    events, _ = played(model({"kept your lamp": 8.0}))
    assert why(events) == "target reached" and of(Finished, events)[0].rounds == 0


def test_it_stops_when_nothing_gets_better() -> None:
    marks = {"alpha": 3.0, "beta": 3.0, "gamma": 3.0}
    for patience, rounds in ((1, 2), (0, 1)):
        events, _ = played(model(marks, "alpha", "beta", "gamma"), patience=patience, rounds=5)
        assert why(events) == "no improvement" and of(Finished, events)[0].rounds == rounds


def test_a_gain_restores_patience() -> None:
    marks = {"beta": 4.0, "delta": 5.0, "alpha": 3.0, "gamma": 4.0}
    events, _ = played(model(marks, "alpha", "beta", "gamma", "delta"), rounds=4)
    assert [type(e).__name__ for e in events if isinstance(e, Accepted | Rejected)] == [
        "Accepted", "Rejected", "Accepted", "Rejected", "Accepted",
    ]  # fmt: skip
    assert why(events) == "round limit reached"


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_it_stops_at_the_limit(rounds: int) -> None:
    events, run = played(model({"alpha": 4.0, "beta": 5.0}, "alpha", "beta"), rounds=rounds)
    assert why(events) == "round limit reached"
    assert of(Finished, events)[0] == Finished(trajectory_id="t-1", best_attempt=rounds + 1, rounds=rounds)
    assert len(run.attempts) == rounds + 1


def stopped(at: Callable[[Event], bool], llm: FakeLLM) -> list[Event]:
    seen: list[Event] = []
    for event in write(task(), team(llm, stop=lambda: any(map(at, seen)))):
        seen.append(event)
    return seen


STOPS: dict[str, tuple[Callable[[Event], bool], int | None, int]] = {
    # when, the best attempt then, rounds begun
    "before the first word": (lambda e: isinstance(e, RubricReady), None, 0),
    "inside the first draft": (lambda e: isinstance(e, DraftDelta), None, 0),
    "inside the first judging": (lambda e: isinstance(e, Scored), None, 0),
    "after the first draft": (lambda e: isinstance(e, Accepted), 1, 1),
    "inside the reflection": (lambda e: isinstance(e, Reflected), 1, 1),
    "inside the revision": (lambda e: isinstance(e, DraftDelta) and e.attempt == 2 and "alp" in e.text, 1, 1),
    "inside the second judging": (lambda e: isinstance(e, Scored) and e.attempt == 2, 1, 1),
}


@pytest.mark.parametrize(("at", "best", "rounds"), STOPS.values(), ids=STOPS)
def test_the_user_stops_it_and_what_was_written_stays(
    at: Callable[[Event], bool], best: int | None, rounds: int
) -> None:
    events = stopped(at, model({"alpha": 6.0}, "alpha"))
    assert any(map(at, events)), "the moment to stop at has come"
    assert why(events) == BY_USER and of(Finished, events)[0].best_attempt == best
    assert of(Finished, events)[0].rounds == rounds
    state = fold(events, Trajectory(id="t-1", prompt=""))
    streamed = "".join(e.text for e in of(DraftDelta, events) if e.attempt == 1)
    assert not state.attempts or state.attempts[0].text == streamed.strip()
    assert len([e for e in events[events.index(next(filter(at, events))) :] if isinstance(e, DraftDelta)]) <= 4


@pytest.mark.parametrize(
    ("draft", "fault"), [("", "empty"), ("The sea is grey. " * 200, "looping")], ids=["empty", "looping"]
)
def test_a_faulty_draft_is_not_judged_and_is_drafted_again(draft: str, fault: Fault) -> None:
    drafts = iter([draft, FIRST])
    llm = model({"kept your lamp": 8.0}, draft=lambda request: next(drafts))
    events, run = played(llm)
    assert [(e.attempt, e.why) for e in of(Rejected, events)] == [(1, f"not judged: {fault}")]
    assert [(e.attempt, e.why) for e in of(Accepted, events)] == [(2, "first draft")]
    assert {e.attempt for e in events if isinstance(e, Scored | Evaluated)} == {2}
    first, second = run.attempts
    assert fault in first.faults and first.scores == () and second.parent is None and second.text == FIRST


def test_a_model_that_never_writes_ends_without_a_best_attempt_and_learns_nothing() -> None:
    events, run = played(model({}, draft=""), rounds=2)
    assert why(events) == "round limit reached" and of(Finished, events)[0].best_attempt is None
    assert len(run.attempts) == 3 and not of(Recalled, events) and not of(Evaluated, events)


def test_a_faulty_revision_is_rejected_and_the_best_stays() -> None:
    events, _ = played(model({}, revise=""), rounds=1)
    assert [e.why for e in of(Rejected, events)] == ["not judged: empty, copied"]
    assert of(Finished, events)[0].best_attempt == 1 and of(Drafted, events)[1].text == FIRST
    assert not of(Recalled, events)  # nothing was tried, so nothing is learned


def test_a_given_rubric_is_used_as_it_is() -> None:
    llm = model({"kept your lamp": 8.0})
    length = criterion("Length", check=Check(type="length", low=60, high=90))
    given = rubric_of(LOCKED.criteria[0], length)
    events, _ = played(llm, rubric=given)
    assert [e.rubric for e in of(RubricReady, events)] == [given]
    assert of(Evaluated, events)[0].evaluation.rubric_id == given.id
    assert {station(r) for r in llm.seen if r.answer != "Score: "} == {"draft", "reason"}


def test_without_a_rubric_one_is_derived_from_the_request() -> None:
    events, run = played(model({"kept your lamp": 8.5}), rubric=None)
    assert run.rubric and len([c for c in run.rubric.criteria if c.kind == "judged"]) == 5 and len(run.codes) > 5
    assert {s.criterion_id for s in of(Evaluated, events)[0].evaluation.scores} == {c.id for c in run.rubric.criteria}
    assert why(events) == "target reached"  # though "On topic" cannot be measured without a likeness


def test_a_lesson_names_the_criterion_it_served_and_whether_it_helped() -> None:
    events, _ = played(model({"alpha": 6.0, "beta": 4.0}, "alpha", "beta"), rounds=2)
    learned = [e.lesson for e in of(Recalled, events) if e.origin == "learned"]
    assert [(x.kind, x.criterion, x.text) for x in learned] == [
        ("success", "Warmth", "Name the tin of polish."),
        ("failure", "Warmth", "Name the tin of polish."),
    ]
    assert learned[0].delta == pytest.approx(3 / 8, abs=1e-3) and learned[1].delta == pytest.approx(-2 / 8, abs=1e-3)
    assert {(x.prompt, x.rubric_id, x.trajectory_id) for x in learned} == {(PROMPT, rubric_of(A).id, "t-1")}
    assert len({x.id for x in learned}) == 2


# The user's own text

OWN = "  My keeper says goodbye.\n\nThe stairs are worn where his left boot fell.\n\nThe lamp goes out.\n"


def test_ones_own_text_is_judged_to_the_letter_and_nothing_is_drafted() -> None:
    llm = model({"My keeper": 4.0})
    events, run = played(llm, text=OWN, rounds=0)
    (only,) = run.attempts
    assert (only.number, only.by, only.text, only.complete, only.parent) == (1, "user", OWN, True, None)
    assert only.evaluation and only.evaluation.scores[0].reason and only.why == "first draft (your own text)"
    assert why(events) == JUDGED and of(Finished, events)[0] == Finished(trajectory_id="t-1", best_attempt=1, rounds=0)
    assert not of(DraftDelta, events) and {station(r) for r in llm.seen if r.answer != "Score: "} == {"reason"}


def test_rounds_revise_ones_own_text_and_leave_every_other_paragraph_alone() -> None:
    events, run = played(model({"alpha": 6.0, "beta": 3.5, "My keeper": 4.0}, "alpha", "beta"), text=OWN, rounds=2)
    assert [(a.number, a.by, a.parent, a.accepted) for a in run.attempts] == [
        (1, "user", None, True), (2, "model", 1, True), (3, "model", 2, False),
    ]  # fmt: skip
    assert run.best == 2 and why(events) == "round limit reached"
    assert run.attempts[0].text == OWN
    assert run.attempts[1].text == OWN.replace("The stairs are worn where his left boot fell.", revision("alpha"))


def test_ones_own_text_has_criteria_found_for_its_brief_and_may_be_good_enough() -> None:
    events, run = played(model({"My keeper": 8.5}), text=OWN, rubric=None, rounds=0)
    assert run.rubric and len(run.codes) > 5 and why(events) == JUDGED
    assert {s.criterion_id for s in run.attempts[0].scores} == {c.id for c in run.rubric.criteria}
    events, run = played(model({"My keeper": 8.5}), text=OWN)
    assert why(events) == "target reached" and len(run.attempts) == 1


def test_whatever_is_wrong_with_ones_own_text_it_is_judged() -> None:
    for text in ("The sea is grey. " * 60, "x", "I am sorry, but I cannot."):
        _, run = played(model({text[:9]: 4.0}), text=text, rounds=0)
        assert run.best == 1 and run.attempts[0].faults == () and run.attempts[0].evaluation


def test_where_the_judge_makes_nothing_of_ones_own_text_the_model_does_not_write_another() -> None:
    llm = model({})
    llm.choice_logprobs = lambda request, suffixes, *more: [{"1": -30.0}] * len(suffixes)  # type: ignore[method-assign]
    events, run = played(llm, text=OWN, rounds=3)
    assert why(events) == NOT_SCORED and len(run.attempts) == 1 and run.best is None and not run.attempts[0].accepted
    assert of(Finished, events)[0].rounds == 0


def test_a_text_longer_than_the_judge_can_read_is_refused_before_anything_is_asked() -> None:
    llm = model({})
    long = "The sea is grey and old. " * 2000
    with pytest.raises(
        RequestTooLong, match=r"^Your text has 12,000 words, and fake can judge about [67],\d{3} at once"
    ):
        next(write(task(text=long), team(llm)))
    assert not llm.seen and next(write(task(text=long[: len(long) // 2]), team(llm))).event == "started"
    assert next(write(task(prompt="The sea. " * 9000, text=""), team(llm))).event == "started"


# Criteria first


def test_a_run_that_is_to_find_criteria_ends_with_them() -> None:
    llm = model({})
    events, run = played(llm, rubric=None, stop_after="criteria")
    assert [e.event for e in events[-3:]] == ["rubric", "stopped", "finished"] and why(events) == CRITERIA_READY
    assert of(Finished, events) == [Finished(trajectory_id="t-1", best_attempt=None, rounds=0)]
    assert run.rubric and run.finished and run.attempts == () and station(llm.seen[-1]) == "selective_coding"


def test_a_stop_while_criteria_are_found_is_the_users() -> None:
    llm = model({})
    events = list(write(task(rubric=None, stop_after="criteria"), team(llm, stop=lambda: bool(llm.seen))))
    assert why(events) == BY_USER and isinstance(events[-1], Finished) and of(RubricReady, events)


def test_kept_criteria_are_part_of_what_is_found_and_judged() -> None:
    mine = criterion("Rope burns", locked=True)
    events, _ = played(model({"kept your lamp": 8.5}), rubric=None, kept=(mine,))
    (ready,) = of(RubricReady, events)
    assert ready.rubric.criteria[0] == mine and len(ready.rubric.criteria) > 5
    assert of(Evaluated, events)[0].evaluation.score(mine.id) is not None
