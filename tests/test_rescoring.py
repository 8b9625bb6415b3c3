"""Changed criteria: what is judged anew and what is not, the best chosen anew, and edits that come while it works."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, criterion, model, of, revision, rubric_of, script, station, task, team

from writer_r1.errors import ModelError
from writer_r1.events import (
    BY_USER,
    CRITERIA_CHANGED,
    Accepted,
    DraftDelta,
    Drafted,
    Edited,
    Evaluated,
    Event,
    Finished,
    Rejected,
    Scored,
    Started,
    Status,
    Stopped,
)
from writer_r1.folding import fold
from writer_r1.judge import Judge
from writer_r1.llm import Cancel, Request, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import write
from writer_r1.rescoring import Wanted, rescore
from writer_r1.trajectory import Check, Rubric, Trajectory

WARMTH, SALT, VOICE = criterion("Warmth"), criterion("Salt"), criterion("Voice")
LENGTH = criterion("Length", check=Check(type="length", low=60, high=90))
BEFORE = rubric_of(WARMTH, SALT)
ADDED = rubric_of(WARMTH, SALT, VOICE)
EMPTY = Trajectory(id="t-1", prompt=PROMPT)


def likes(**marks: dict[str, float]) -> Callable[[str, str], float]:
    """Return a judge whose digit depends on the criterion asked about and on a word of the draft."""

    def digit(draft: str, question: str) -> float:
        row = next((row for name, row in marks.items() if name in question), {})
        return next((value for word, value in row.items() if word in draft), 3.0)

    return digit


def written() -> Trajectory:
    """Return a run of a first draft and two revisions, "alpha" and "beta", of which alpha was best."""
    llm = model({"alpha": 6.0, "beta": 4.0}, "alpha", "beta")
    run = fold(write(task(rubric=BEFORE, rounds=2), team(llm)), EMPTY)
    assert run.best == 2 and [a.accepted for a in run.attempts] == [True, True, False]
    return run


RUN = written()


class Played(NamedTuple):
    events: list[Event]
    run: Trajectory
    llm: FakeLLM


def played(
    wanted: Rubric | Wanted,
    run: Trajectory = RUN,
    llm: FakeLLM | None = None,
    watch: Callable[[Event], None] = lambda event: None,
    cancel: Callable[[], bool] = never,
) -> Played:
    llm = llm or FakeLLM(script())
    wish = wanted if isinstance(wanted, Wanted) else Wanted(wanted)
    seen: list[Event] = []
    for event in rescore(run, lambda halted: Judge(llm, None, cancel), wish, cancel):
        seen.append(event)
        watch(event)
    assert not wish.ask(BEFORE), "what is wanted after the end is not taken"
    return Played(seen, fold(seen, run), llm)


def refuse(halted: Callable[[], bool]) -> Judge:
    raise AssertionError("no model is needed")


def verdicts(llm: FakeLLM) -> list[str]:
    return [r.messages[-1].content for r in llm.seen if r.answer == "Score: "]


# What is asked


def test_a_new_criterion_is_judged_on_every_text_and_the_others_stay_as_they_were() -> None:
    events, run, llm = played(ADDED)
    assert events[0] == Edited(rubric=ADDED) and run.rubric == ADDED
    assert len(verdicts(llm)) == 3 * 2 and all("Voice" in asked for asked in verdicts(llm))
    for old, new in zip(RUN.attempts, run.attempts, strict=True):
        assert old.evaluation and new.evaluation and new.evaluation.rubric_id == ADDED.id
        assert new.evaluation.scores[:2] == old.evaluation.scores and new.evaluation.scores[2].value is not None
        assert new.text == old.text and new.scores == new.evaluation.scores
    assert {s.score.criterion_id for s in of(Scored, events)} == {VOICE.id}
    assert [e.attempt for e in of(Evaluated, events)] == [1, 2, 3]


SAME = {
    "weights": rubric_of(WARMTH.model_copy(update={"weight": 50.0}), SALT),
    "locks": rubric_of(WARMTH, SALT.model_copy(update={"locked": True})),
    "order": rubric_of(SALT, WARMTH),
    "one less": rubric_of(SALT),
}


@pytest.mark.parametrize("rubric", SAME.values(), ids=SAME)
def test_what_is_known_already_needs_no_model(rubric: Rubric) -> None:
    events = list(rescore(RUN, refuse, Wanted(rubric), never))
    run = fold(events, RUN)
    assert not of(Scored, events) and not of(Status, events) and len(of(Evaluated, events)) == 3
    for attempt in run.attempts:
        assert attempt.evaluation and attempt.evaluation.rubric_id == rubric.id
        assert [s.criterion_id for s in attempt.evaluation.scores] == [c.id for c in rubric.criteria]


def test_new_weights_make_a_new_mean() -> None:
    uneven = fold(rescore(RUN, lambda halted: judged_by(likes(Voice={"alpha": 9.0})), Wanted(ADDED), never), RUN)
    heavy = rubric_of(WARMTH, SALT, VOICE.model_copy(update={"weight": 8.0}))
    run = fold(rescore(uneven, refuse, Wanted(heavy), never), uneven)
    for before, after in zip(uneven.attempts, run.attempts, strict=True):
        assert before.evaluation and after.evaluation
        a, b, c = (s.value for s in before.evaluation.scores)
        assert a is not None and b is not None and c is not None
        assert before.evaluation.reward == pytest.approx((a + b + c) / 3)
        assert after.evaluation.reward == pytest.approx((a + b + 8 * c) / 10)


def judged_by(digit: Callable[[str, str], float], name: str = "fake") -> Judge:
    llm = FakeLLM(script(), name=name)
    llm.judge = digit
    return Judge(llm, None, never)


def test_a_criterion_that_comes_back_is_remembered() -> None:
    first = played(ADDED)
    without = list(rescore(first.run, refuse, Wanted(BEFORE), never))
    back = list(rescore(fold(without, first.run), refuse, Wanted(ADDED), never, [*first.events, *without]))
    assert [e.evaluation for e in of(Evaluated, back)] == [e.evaluation for e in of(Evaluated, first.events)]
    edited = fold([Edited(rubric=rubric_of(WARMTH))], RUN)  # taken out, and the studio was closed before it was done
    again = played(BEFORE, edited)
    assert not again.llm.seen and [a.evaluation for a in again.run.attempts] == [a.evaluation for a in RUN.attempts]


def test_verdicts_of_another_judge_do_not_mix_with_new_ones() -> None:
    other = FakeLLM(script(), name="other")
    events, run, _ = played(ADDED, llm=other)
    assert {s.score.criterion_id for s in of(Scored, events)} == {WARMTH.id, SALT.id, VOICE.id}
    assert {a.evaluation.judge.model for a in run.attempts if a.evaluation} == {"other"}
    kept = fold(rescore(RUN, refuse, Wanted(SAME["weights"]), never), RUN)
    assert {a.evaluation.judge.model for a in kept.attempts if a.evaluation} == {"fake"}


def test_a_measured_criterion_is_measured_and_asks_no_questions() -> None:
    _, run, llm = played(rubric_of(WARMTH, LENGTH))
    assert not llm.seen
    first = run.attempts[0].evaluation
    assert first and first.scores[1].value == 1.0 and first.scores[1].parts == {"length": 1.0}


def test_texts_that_cannot_be_judged_are_passed_over() -> None:
    looping = RUN.attempts[0].model_copy(update={"number": 4, "faults": ("looping",), "evaluation": None})
    half = RUN.attempts[0].model_copy(update={"number": 5, "complete": False, "evaluation": None, "accepted": None})
    events, run, llm = played(ADDED, RUN.model_copy(update={"attempts": (*RUN.attempts, looping, half)}))
    assert {e.attempt for e in of(Evaluated, events)} == {1, 2, 3} and len(verdicts(llm)) == 6
    assert [(e.attempt, e.why) for e in of(Rejected, events) if e.attempt > 3] == [(4, "not judged: looping")]
    assert run.attempts[4].accepted is None and of(Finished, events)[0].rounds == 4


def test_a_text_that_a_stop_left_unjudged_is_judged_now() -> None:
    llm = model({})
    whole = write(task(rubric=BEFORE, rounds=0), team(llm))
    half = fold([e for e in whole if not isinstance(e, Scored | Evaluated | Accepted)], EMPTY)
    assert half.attempts[0].complete and half.attempts[0].evaluation is None
    _, run, _ = played(BEFORE, half)
    assert run.attempts[0].evaluation and run.best == 1 and run.attempts[0].why == "first draft"


# The best, chosen anew


def test_the_best_is_chosen_anew_by_the_new_criteria_and_every_why_is_new() -> None:
    llm = FakeLLM(script())
    llm.judge = likes(Voice={"beta": 9.0, "alpha": 2.0, "kept your lamp": 5.0})
    events, run, _ = played(rubric_of(VOICE), llm=llm)
    outcomes = [(type(e).__name__, e.attempt) for e in events if isinstance(e, Accepted | Rejected)]
    assert outcomes == [("Accepted", 1), ("Rejected", 2), ("Accepted", 3)] and run.best == 3
    assert [a.why for a in run.attempts] == ["first draft", "Voice fell by 3.4", "better by 4.5 of 10"]
    assert events[-2:] == [Stopped(why=CRITERIA_CHANGED), Finished(trajectory_id="t-1", best_attempt=3, rounds=2)]


def test_a_lock_alone_can_change_what_is_best() -> None:
    run = fold(rescore(RUN, lambda halted: judged_by(likes(Voice={"alpha": 2.5})), Wanted(ADDED), never), RUN)
    assert run.best == 2  # Voice fell, by less than a point
    locked = rubric_of(WARMTH, SALT, VOICE.model_copy(update={"locked": True}))
    after = fold(rescore(run, refuse, Wanted(locked), never), run)
    assert after.best == 3 and after.attempts[1].why.startswith("Voice is locked and fell")


def test_every_event_comes_in_its_turn_and_verdicts_before_reasons() -> None:
    events = played(ADDED).events
    one = ["status", "score", "score", "evaluation"]
    assert [e.event for e in events] == ["edited", *one * 3, "accepted", "accepted", "rejected", "stopped", "finished"]
    first, second = [e.score for e in of(Scored, events)][:2]
    assert first.value == second.value and not first.reason and second.reason
    assert [e.text for e in of(Status, events)] == [f"judging again, text {k} of 3" for k in (1, 2, 3)]


# While it works


def test_another_wish_begins_again_and_keeps_every_verdict() -> None:
    more, wanted = rubric_of(WARMTH, SALT, VOICE, criterion("Rope")), Wanted(ADDED)

    def watch(event: Event) -> None:
        if isinstance(event, Evaluated) and event.attempt == 1 and event.evaluation.rubric_id == ADDED.id:
            assert wanted.ask(more)

    events, run, llm = played(wanted, watch=watch)
    assert [e.rubric.id for e in of(Edited, events)] == [ADDED.id, more.id] and run.rubric == more
    assert {a.evaluation.rubric_id for a in run.attempts if a.evaluation} == {more.id}
    assert len(verdicts(llm)) == 2 + 3 * 4 - 2  # Voice on the first text was asked once only
    assert len(of(Finished, events)) == 1 and events[-1] == of(Finished, events)[0]


def test_a_wish_between_verdict_and_reason_does_not_lose_the_reason() -> None:
    wanted, shorter = Wanted(ADDED), rubric_of(SALT, VOICE)
    fed: list[bool] = []

    def watch(event: Event) -> None:
        if isinstance(event, Scored) and not fed:
            fed.append(wanted.ask(shorter))

    events, run, llm = played(wanted, watch=watch)
    assert fed == [True] and run.rubric == shorter
    for attempt in run.attempts:
        assert attempt.evaluation and attempt.evaluation.scores[1].value is not None
        assert attempt.evaluation.scores[1].reason
    assert len(verdicts(llm)) == 3 * 2
    assert not [s for s in of(Scored, events) if s.score.value is None]


def test_there_and_back_again_inside_one_question_is_judged_to_the_end() -> None:
    wanted, heard = Wanted(ADDED), list[bool]()

    class Interrupted(FakeLLM):
        def choice_logprobs(
            self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
        ) -> list[dict[str, float]] | None:
            if heard:
                return super().choice_logprobs(request, suffixes, choices, cancel)
            assert wanted.ask(BEFORE)
            heard.append(cancel())
            assert wanted.ask(ADDED)
            return []

    _, run, _ = played(wanted, llm=Interrupted(script()))
    assert heard == [True] and run.rubric == ADDED
    assert all(a.evaluation and a.evaluation.rubric_id == ADDED.id for a in run.attempts)
    assert all(s.value is not None for a in run.attempts for s in a.scores)


RUBRICS = st.lists(st.sampled_from([WARMTH, SALT, VOICE, LENGTH]), min_size=1, unique_by=lambda c: c.id).map(
    lambda rows: rubric_of(*rows)
)


@given(wishes=st.lists(st.tuples(st.integers(0, 12), RUBRICS), min_size=1, max_size=4))
def test_whatever_is_wished_and_when_the_last_wish_is_what_all_texts_are_judged_by(
    wishes: list[tuple[int, Rubric]],
) -> None:
    wanted, last, taken = Wanted(wishes[0][1]), wishes[0][1], iter(wishes[1:])
    after, rubric = next(taken, (-1, last))
    count = 0

    def watch(event: Event) -> None:
        nonlocal last, after, rubric, count
        count += 1
        if after >= 0 and count > after:
            last = rubric if wanted.ask(rubric) else last
            count, (after, rubric) = 0, next(taken, (-1, last))

    events, run, _ = played(wanted, watch=watch)
    plain = played(last)
    assert run.rubric == last and run.best == plain.run.best
    assert [a.evaluation for a in run.attempts] == [a.evaluation for a in plain.run.attempts]
    assert [a.why for a in run.attempts] == [a.why for a in plain.run.attempts]
    assert isinstance(events[-1], Finished) and [e.event for e in events].count("finished") == 1


STOPS: dict[str, Callable[[Event], bool]] = {
    "at once": lambda e: isinstance(e, Edited),
    "before the first verdict": lambda e: isinstance(e, Status),
    "before the reason": lambda e: isinstance(e, Scored),
    "after the first text": lambda e: isinstance(e, Evaluated),
}


@pytest.mark.parametrize("at", STOPS.values(), ids=STOPS)
def test_a_stop_keeps_the_best_and_the_evaluations_not_reached(at: Callable[[Event], bool]) -> None:
    seen: list[Event] = []
    events, run, llm = played(ADDED, watch=seen.append, cancel=lambda: any(map(at, seen)))
    assert events[-2:] == [Stopped(why=BY_USER), Finished(trajectory_id="t-1", best_attempt=RUN.best, rounds=2)]
    assert run.best == RUN.best and not of(Accepted, events) and run.finished
    assert [a.evaluation for a in run.attempts][1:] == [a.evaluation for a in RUN.attempts][1:]
    assert not [s for s in of(Scored, events) if s.score.value is None]
    later = played(ADDED, run)
    assert all(a.evaluation and a.evaluation.rubric_id == ADDED.id for a in later.run.attempts)
    both = verdicts(llm) + verdicts(later.llm)
    assert len(both) <= 3 * 2 + 2 and all(s.reason for a in later.run.attempts for s in a.scores)


def test_a_judge_that_cannot_be_loaded_ends_it_with_its_sentence_and_takes_no_more_wishes() -> None:
    def broken(halted: Callable[[], bool]) -> Judge:
        raise ModelError("The model 'x' is broken; pull it again.")

    wanted, seen = Wanted(ADDED), list[Event]()
    with pytest.raises(ModelError, match="pull it again"):
        for event in rescore(RUN, broken, wanted, never):
            seen.append(event)
    assert [e.event for e in seen] == ["edited", "status"] and not wanted.ask(BEFORE)


def test_a_run_without_a_judged_text_takes_the_criteria_and_ends() -> None:
    empty = fold([Started(prompt=PROMPT, model="m", judge="m", seed=0), DraftDelta(attempt=1, text="The s")], EMPTY)
    events = list(rescore(empty, refuse, Wanted(BEFORE), never))
    assert [e.event for e in events] == ["edited", "stopped", "finished"]
    assert of(Finished, events)[0] == Finished(trajectory_id="t-1", best_attempt=None, rounds=0)


def test_the_texts_of_a_run_are_never_touched() -> None:
    assert not [e for e in played(ADDED).events if isinstance(e, DraftDelta | Drafted)]
    assert RUN.attempts[0].text == FIRST and revision("alpha") in RUN.attempts[1].text


def test_reasons_come_from_the_reason_prompt_alone() -> None:
    _, _, llm = played(ADDED)
    assert {station(r) for r in llm.seen if r.answer != "Score: "} == {"reason"}


def test_it_says_first_what_the_criteria_are_before_any_model_is_loaded() -> None:
    assert next(rescore(RUN, refuse, Wanted(ADDED), never)) == Edited(rubric=ADDED)
