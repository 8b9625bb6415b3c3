"""Events: JSON and back, and a state that does not depend on how the list was cut up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted import criterion, evaluation, rubric_of

from writer_r1.events import (
    ENDS,
    EVENT,
    Accepted,
    Categorised,
    Coded,
    DraftDelta,
    Drafted,
    Edited,
    Evaluated,
    Event,
    Failed,
    Finished,
    Proposed,
    Recalled,
    Reflected,
    Rejected,
    RubricReady,
    Scored,
    Started,
    Status,
    Stopped,
    ThoughtDelta,
)
from writer_r1.folding import fold
from writer_r1.trajectory import Advice, Category, Code, Lesson, Reflection, Rubric, Score, Trajectory

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6),
              st.sampled_from(["name", "description", "criteria"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["name", "description", "weight", "check", "criteria"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip

RUBRIC = rubric_of(criterion("Warmth"), criterion("Salt", weight=2, locked=True))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER, UNIT = st.integers(1, 4), st.none() | st.floats(0, 1)
SCORE = st.builds(
    Score,
    criterion_id=st.sampled_from([c.id for c in RUBRIC.criteria]),
    value=UNIT,
    reason=TEXT,
    parts=st.just({"a": 0.5}),
)
LESSON = st.builds(
    Lesson, id=TEXT, kind=st.sampled_from(["success", "failure"]), criterion=TEXT, text=TEXT, prompt=TEXT,
    rubric_id=TEXT, trajectory_id=TEXT, delta=st.floats(-1, 1),
)  # fmt: skip
ADVICE = st.builds(Advice, criterion_id=TEXT, paragraph=NUMBER, fault=TEXT, edit=TEXT, quote=st.none() | TEXT)
REFLECTION = st.builds(Reflection, on_attempt=NUMBER, advice=st.lists(ADVICE, max_size=2).map(tuple))
EVALUATION = st.tuples(UNIT, UNIT).map(lambda values: evaluation(RUBRIC, *values))
FAULTS = st.sampled_from([(), ("empty",), ("truncated", "looping")])
T = st.floats(0, 1e6)
EVENTS = st.one_of(
    st.builds(Started, t=T, prompt=TEXT, model=TEXT, judge=TEXT, seed=st.integers(), settings=st.just({"rounds": 3})),
    st.builds(Status, t=T, text=TEXT),
    st.builds(Coded, t=T, code=st.builds(Code, label=TEXT.filter(bool), span=st.none() | TEXT)),
    st.builds(Categorised, category=st.builds(Category, name=TEXT, codes=st.lists(TEXT, max_size=2).map(tuple))),
    st.builds(Proposed, name=TEXT, description=TEXT),
    st.builds(RubricReady, rubric=st.just(RUBRIC), dropped=st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(Recalled, lesson=LESSON, origin=st.sampled_from(["recalled", "learned"])),
    st.builds(ThoughtDelta, part=NUMBER, name=st.sampled_from(["plan", "revision"]), text=TEXT, paragraph=NUMBER),
    st.builds(DraftDelta, attempt=NUMBER, text=TEXT, parent=st.none() | NUMBER),
    st.builds(Drafted, attempt=NUMBER, text=TEXT, parent=st.none() | NUMBER, faults=FAULTS, seconds=T),
    st.builds(Scored, attempt=NUMBER, score=SCORE),
    st.builds(Evaluated, attempt=NUMBER, evaluation=EVALUATION, seconds=T),
    st.builds(Reflected, attempt=NUMBER, reflection=REFLECTION),
    st.builds(Accepted, attempt=NUMBER, why=TEXT),
    st.builds(Rejected, attempt=NUMBER, why=TEXT),
    st.builds(Stopped, why=TEXT),
    st.builds(Finished, trajectory_id=TEXT, best_attempt=st.none() | NUMBER, rounds=st.integers(0, 9)),
    st.builds(Failed, message=TEXT),
    st.builds(Edited, t=T, rubric=st.sampled_from([RUBRIC, rubric_of(criterion("Salt"), criterion("Voice"))])),
)
MANY = st.lists(EVENTS, max_size=12)
EMPTY = Trajectory(id="t-1", prompt="p")


@given(MANY, MANY)
def test_the_state_does_not_depend_on_where_the_list_was_cut(first: list[Event], then: list[Event]) -> None:
    assert fold(then, fold(first, EMPTY)) == fold([*first, *then], EMPTY)


@given(MANY)
def test_stored_events_give_the_same_state_and_one_line_each(events: list[Event]) -> None:
    stored = [EVENT.dump_json(e) for e in events]
    assert all(b"\n" not in line for line in stored)
    read = [EVENT.validate_json(line) for line in stored]
    assert read == events and [type(e) for e in read] == [type(e) for e in events]
    assert fold(read, EMPTY) == fold(events, EMPTY)


@given(MANY)
def test_a_state_is_itself_valid_and_its_attempts_are_in_order(events: list[Event]) -> None:
    state = fold(events, EMPTY)
    assert Trajectory.model_validate_json(state.model_dump_json()) == state
    numbers = [a.number for a in state.attempts]
    assert numbers == sorted(set(numbers))


@given(JSON)
def test_any_json_is_an_event_or_a_validation_error(data: object) -> None:
    for shape in (data, {"event": data}, {"event": "code", "code": data}, {"event": "rubric", "rubric": data}):
        with_none = json.dumps(shape)
        try:
            EVENT.validate_json(with_none)
        except ValidationError:
            continue


def test_every_kind_of_event_keeps_the_name_that_scripts_rely_on() -> None:
    names = set(EVENT.json_schema()["discriminator"]["mapping"])
    contract = {"code", "category", "rubric", "lesson", "delta", "draft", "score", "evaluation", "reflection"}
    assert names == contract | {
        "accepted",
        "rejected",
        "stopped",
        "finished",
        "error",
        "started",
        "status",
        "criterion",
        "edited",
        "story",
        "thought",
        "thinking",
        "passage",
        "chosen",
    }
    assert set(ENDS) <= names


LEARNED = Lesson(
    id="l-2", kind="success", criterion="Salt", text="Name it.", prompt="p", rubric_id="r", trajectory_id="t", delta=0.1
)
SETTING_UP = 7  # events of the run below between its start and its first draft


def attempt_events() -> list[Event]:
    low, high = evaluation(RUBRIC, 0.2, 0.4), evaluation(RUBRIC, 0.6, 0.6)
    return [
        Started(prompt="A farewell", model="m", judge="m", seed=1),
        Coded(code=Code(label="salt in every object")),
        Coded(code=Code(label="worn stairs", span="lighthouse")),
        Categorised(category=Category(name="Holding back", codes=("worn stairs",))),
        Categorised(category=Category(name="Old company", codes=("salt in every object",))),
        RubricReady(rubric=RUBRIC),
        Recalled(lesson=LEARNED.model_copy(update={"id": "l-1"}), origin="recalled"),
        Recalled(lesson=LEARNED, origin="learned"),
        Status(text="drafting"),
        DraftDelta(attempt=1, text="The "),
        DraftDelta(attempt=1, text="sea"),
        Drafted(attempt=1, text="The sea.", tokens=3),
        Scored(attempt=1, score=low.scores[0]),
        Scored(attempt=1, score=low.scores[0].model_copy(update={"reason": "too cold"})),
        Evaluated(attempt=1, evaluation=low),
        Accepted(attempt=1, why="first draft"),
        Reflected(attempt=2, reflection=Reflection(on_attempt=1, advice=())),
        DraftDelta(attempt=2, text="The grey sea", parent=1),
        Drafted(attempt=2, parent=1, text="The grey sea."),
        Evaluated(attempt=2, evaluation=high),
        Accepted(attempt=2, why="better by 3.0 of 10"),
        DraftDelta(attempt=3, text="Sea", parent=2),
        Rejected(attempt=3, why="not judged: copied"),
        Stopped(why="no improvement"),
        Finished(trajectory_id="t-1", best_attempt=2, rounds=2),
    ]


def test_a_run_told_by_its_events() -> None:
    state = fold(attempt_events(), EMPTY)
    assert (state.prompt, state.best, state.stopped, state.finished) == ("A farewell", 2, "no improvement", True)
    assert [c.label for c in state.codes] == ["salt in every object", "worn stairs"] and state.rubric == RUBRIC
    assert [c.name for c in state.categories] == ["Holding back", "Old company"]
    assert [x.id for x in state.lessons] == ["l-1", "l-2"]
    first, second, third = state.attempts
    assert (first.text, first.complete, first.accepted, first.tokens) == ("The sea.", True, True, 3)
    assert first.evaluation and first.scores == first.evaluation.scores
    assert (second.parent, second.accepted, second.reflection) == (1, True, Reflection(on_attempt=1, advice=()))
    assert (third.text, third.complete, third.accepted) == ("Sea", False, False)


def test_whose_text_it_is_is_told_and_runs_stored_before_that_was_are_the_models() -> None:
    own, old = Drafted(attempt=1, text="Mine.", by="user"), '{"event": "draft", "attempt": 1, "text": "The sea."}'
    assert fold([EVENT.validate_json(own.model_dump_json())], EMPTY).attempts[0].by == "user"
    assert fold([EVENT.validate_json(old)], EMPTY).attempts[0].by == "model"


def test_text_that_a_crash_left_behind_is_kept_and_marked_unfinished() -> None:
    state = fold(attempt_events()[: SETTING_UP + 4], EMPTY)
    (left,) = state.attempts
    assert (left.text, left.complete, state.finished, state.status) == ("The sea", False, False, "drafting")


def test_a_score_that_comes_again_with_its_reason_takes_the_place_of_the_first() -> None:
    (only,) = fold(attempt_events()[: SETTING_UP + 7], EMPTY).attempts[0].scores
    assert only.reason == "too cold"


def test_a_failed_run_says_so_and_is_over() -> None:
    state = fold([Status(text="loading"), Failed(message="The model is gone.")], EMPTY)
    assert (state.error, state.finished, state.status) == ("The model is gone.", True, "")


def test_changed_criteria_keep_the_scores_they_still_ask_for_and_all_that_was_chosen() -> None:
    before = fold([*attempt_events(), Failed(message="The model is gone.")], EMPTY)
    warmth, salt = RUBRIC.criteria
    other = rubric_of(salt, criterion("Voice"))
    state = fold([Edited(rubric=other)], before)
    assert (state.rubric, state.finished, state.stopped, state.error) == (other, False, None, None)
    assert before.best is not None and state.best == before.best
    for old, new in zip(before.attempts, state.attempts, strict=True):
        assert new.scores == tuple(s for s in old.scores if s.criterion_id == salt.id)
        assert new == old.model_copy(update={"scores": new.scores})
    assert [bool(a.scores) for a in before.attempts] == [bool(a.scores) for a in state.attempts]
    judged = evaluation(other, 0.9, 0.1)
    anew = fold([Evaluated(attempt=1, evaluation=judged)], state).attempts[0]
    assert anew.evaluation == judged and anew.scores == judged.scores


@given(MANY, st.sampled_from([RUBRIC, rubric_of(criterion("Voice"))]))
def test_after_a_change_of_criteria_a_run_goes_on_and_holds_no_other_scores(
    events: list[Event], rubric: Rubric
) -> None:
    state = fold([*events, Edited(rubric=rubric)], EMPTY)
    assert not state.finished and state.rubric == rubric
    assert {s.criterion_id for a in state.attempts for s in a.scores} <= {c.id for c in rubric.criteria}


@pytest.mark.parametrize("line", ['{"event": "poem"}', '{"t": 1}', '{"event": "delta", "attempt": 1}', "[]", "{"])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_json(line)
