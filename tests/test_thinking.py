"""A run told as a thought: which reflections are in it, in whose words, and for what it is refused."""

import pytest
from scripted import FIRST, PROMPT, criterion, model, overlap, revision, script, task, team

from writer_r1.folding import fold
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import write
from writer_r1.thinking import (
    FAULTY,
    JUDGED,
    LONG,
    NO_TEXT,
    NONE_USEFUL,
    SAME,
    TASK,
    UNPROVEN,
    UNTOLD,
    VAGUE,
    WEAK,
    Limits,
    NoThought,
    Voice,
    plain_plan,
    plainly,
    refuse_twins,
    speaks_of_judging,
    steps,
    thought,
    tried,
)
from writer_r1.traces import Change, Segment, Trace, parse, written
from writer_r1.trajectory import Attempt, Trajectory
from writer_r1.usefulness import ALIKE, Tried, is_applied, is_specific, labelled, repeats, shares

LIMITS = Limits(least=0.1, words=600)
SECOND = FIRST.replace(FIRST.split("\n\n")[1], revision("alpha"))


def played(llm: FakeLLM, **changes: object) -> Trajectory:
    return fold(write(task(**changes), team(llm)), Trajectory(id="t-1", prompt=""))


def better() -> Trajectory:
    """Three rounds: 3 of 9 at first, alpha takes it to 6, and gamma falls back."""
    return played(model({"alpha": 6.0, "gamma": 5.0}, "alpha", "gamma", "gamma"))


def plain(before: Attempt, after: Attempt, segment: object) -> str:
    return plainly(after)


def told(run: Trajectory, limits: Limits = LIMITS) -> Trace:
    return thought(run, "I begin with the lamp.", plain, limits, overlap)


def refused(run: Trajectory, limits: Limits = LIMITS) -> str:
    with pytest.raises(NoThought) as why:
        told(run, limits)
    return str(why.value)


def test_a_run_is_told_as_a_thought_of_what_made_it_better() -> None:
    run = better()
    trace = told(run)
    assert (trace.prompt, trace.draft, trace.final) == (PROMPT, FIRST, SECOND)
    [segment] = trace.segments  # gamma was tried and is not in it
    assert segment.reflection == (
        "Let me look at “worn where my left boot” again. Too tidy. Better: Name the tin of polish."
    )
    assert [(c.paragraph, c.text) for c in segment.changes] == [(2, revision("alpha"))]
    assert segment.before and segment.after and segment.least
    assert segment.after - segment.before >= segment.least
    assert parse(written(trace), PROMPT) == trace.unjudged() and trace.texts()[-1] == trace.final
    assert [a.number for a in steps(run)] == [1, 2]


def test_every_reflection_that_was_tried_is_counted_with_what_came_of_it() -> None:
    found = tried(better())
    assert [(t.label, t.kept, t.round) for t in found] == [
        ("useful", True, 1),
        ("harmful", False, 2),
        ("harmful", False, 3),
    ]
    assert found[0].gain and found[0].least and found[0].gain > found[0].least > 0
    assert tried(Trajectory(id="t", prompt="x")) == []


def test_a_revision_that_could_not_be_judged_is_redundant() -> None:
    old = FIRST.split("\n\n")[1]
    run = played(model({}, revise=lambda request: old))  # the model copies the paragraph
    assert [(t.label, t.gain) for t in tried(run)] == [("redundant", None), ("redundant", None)]
    assert refused(run) == NONE_USEFUL


def test_a_thought_is_refused_with_its_reason() -> None:
    run = better()
    assert refused(run, Limits(0.9, 600)) == WEAK
    assert refused(run, Limits(0.3, 20)) == LONG
    assert refused(played(model({}, "alpha", "beta"))) == NONE_USEFUL
    assert refused(Trajectory(id="t", prompt="x")) == NO_TEXT

    def edited(number: int, **more: object) -> Trajectory:
        rows = [a.model_copy(update=more) if a.number == number else a for a in run.attempts]
        return run.model_copy(update={"attempts": tuple(rows)})

    assert refused(edited(2, faults=("truncated",))) == FAULTY
    assert refused(edited(2, text=FIRST.split("\n\n")[0])) == UNTOLD
    first = run.attempts[0].evaluation
    assert refused(edited(2, evaluation=first)) == UNPROVEN  # as after the criteria were changed
    advice = run.attempts[1].reflection
    assert advice
    one = advice.advice[0]
    said = {"quote": None, "fault": "It is bare.", "edit": "Name boots and stairs for a higher score."}
    judging = advice.model_copy(update={"advice": (one.model_copy(update=said),)})
    assert refused(edited(2, reflection=judging)) == JUDGED
    empty = {"quote": None, "fault": "It lacks flow.", "edit": "Make everything more vivid and engaging."}
    vague = advice.model_copy(update={"advice": (one.model_copy(update=empty),)})
    assert refused(edited(2, reflection=vague)) == VAGUE
    for line in ("The scene is complete and all the words have been used.", "A scene of about 60 words at the sea."):
        assert refused(edited(2, text=f"{SECOND}\n\n{line}")) == TASK
    for line in (
        "He knew all the words and used them.",
        "“He spoke the following words,” I read; it ran to 200 words.",
    ):
        assert told(edited(2, text=f"{SECOND}\n\n{line}")).final.endswith(line)


def test_nearly_the_same_piece_is_one_thought() -> None:
    trace = told(better())
    refuse_twins(trace, ["Another piece altogether."], overlap)
    for twin in (trace.final, trace.final.upper(), trace.final + " And so on."):
        with pytest.raises(NoThought, match=SAME):
            refuse_twins(trace, ["Another.", twin], overlap)


@pytest.mark.parametrize(
    ("said", "prompt", "is_judging"),
    [
        ("I let the boots speak.", "x", False),
        ("It would get a higher score so.", "x", True),
        ("The criteria want more salt.", "x", True),
        ("The editor asks for polish.", "x", True),
        ("I let the judge take off his wig.", "A scene in which a judge loses his temper", False),
        ("I count the goals and the score.", "A report of a match, with its score", False),
    ],
)
def test_a_thought_knows_no_judge_but_one_in_the_request(said: str, prompt: str, is_judging: bool) -> None:
    assert speaks_of_judging(said, prompt) is is_judging


# The model's own words


def voice(**replies: object) -> Voice:
    return Voice(FakeLLM(script(**replies)), never, PROMPT)  # type: ignore[arg-type]


def worded(**replies: object) -> str:
    first, second = steps(better())
    [segment] = told(better()).segments
    return voice(**replies).reflection(first, second, segment)


def test_a_reflection_is_worded_by_the_model_and_plainly_where_its_words_will_not_do() -> None:
    assert worded() == "Wait, “my left boot” is all I show of the stairs. I let the boots remember."
    plain_words = "Let me look at “worn where my left boot” again. Too tidy. Better: Name the tin of polish."
    for poor in (
        "",
        "The editor is right, I should let the boots on the stairs speak.",  # speaks of an editor
        "The boots on the stairs should speak.",  # nobody thinks this
        "I should make it more vivid.",  # of no place
        "I want the boots and the stairs and",  # cut
        "I see boots on stairs. " * 30,
        "I read it: " + FIRST.split("\n\n")[1],  # only says the paragraph again
    ):
        assert worded(reconsider=poor) == plain_words, poor


def test_a_place_without_a_quote_is_told_by_its_first_words() -> None:
    first, second = steps(better())
    assert second.reflection
    one = second.reflection.advice[0].model_copy(update={"quote": None, "fault": "It is short.", "edit": "Go on."})
    bare = second.model_copy(update={"reflection": second.reflection.model_copy(update={"advice": (one,)})})
    assert plainly(bare) == "Let me look at this paragraph again. It is short. Better: Go on."
    like = one.model_copy(update={"fault": "It keeps to the request (likeness 0.42)."})
    judged = bare.model_copy(
        update={"reflection": bare.reflection and bare.reflection.model_copy(update={"advice": (like,)})}
    )
    assert plainly(judged) == "Let me look at this paragraph again. Better: Go on."  # whose words those are is plain
    words = " ".join(FIRST.split("\n\n")[one.paragraph - 1].split()[:6])
    assert (
        plainly(bare, first) == f"Let me look at the paragraph that begins “{words}” again. It is short. Better: Go on."
    )


def test_what_was_advised_and_not_done_is_no_reflection() -> None:
    first, second = steps(better())
    assert second.reflection
    [one] = second.reflection.advice
    other = one.model_copy(update={"paragraph": 1, "quote": None, "fault": "It is long.", "edit": "Cut the lamp."})
    both = second.reflection.model_copy(update={"advice": (other, one)})
    told = plainly(second.model_copy(update={"reflection": both}), first)
    assert told == plainly(second, first) and "Cut the lamp" not in told


def test_a_segment_that_takes_a_criterion_down_is_none_to_learn_from() -> None:
    run = better()
    first, second = steps(run)
    assert run.rubric and first.evaluation and second.evaluation
    added = run.rubric.criteria[0].model_copy(update={"name": "Calm", "description": "It is calm.", "weight": 0.1})
    rubric = run.rubric.model_copy(update={"criteria": (*run.rubric.criteria, added)})

    def scored(attempt: Attempt, value: float) -> Attempt:
        assert attempt.evaluation
        more = attempt.evaluation.scores[0].model_copy(
            update={"criterion_id": added.id, "value": value, "low": value, "high": value}
        )
        scores = (*attempt.evaluation.scores, more)
        return attempt.model_copy(update={"evaluation": attempt.evaluation.model_copy(update={"scores": scores})})

    def told_with(after: float) -> Trace:
        rows = [scored(a, 0.9 if a is first else after) if a.evaluation else a for a in run.attempts]
        return told(run.model_copy(update={"attempts": tuple(rows), "rubric": rubric}))

    assert told_with(0.9).segments
    with pytest.raises(NoThought, match=UNPROVEN):
        told_with(0.5)


def test_a_reflection_without_spaces_between_its_words_can_be_specific() -> None:
    before = "灯塔的老人每天晚上点亮油灯。\n\n他从不说话。"
    segment = Segment(reflection="…", changes=(Change(paragraph=1, text="老人用颤抖的手点亮油灯。"),))
    assert is_specific("油灯点亮得太快，老人的手应该颤抖。", before, segment)
    assert not is_specific("这里写得不好，要更生动。", before, segment)
    lit = Segment(reflection="…", changes=(Change(paragraph=1, text="老人は震える手で灯をともしている。"),))
    assert is_specific("老人の手は震えるはずだ。", "老人は灯をともしている。", lit)
    assert not is_specific("もっと生き生きと書いている方がいい。", "老人は灯をともしている。", lit)
    assert repeats(["油灯点亮得太快。", "油灯点亮得太快！", "他为什么从不说话？"], None) == [False, True, False]


def test_a_plan_is_the_models_own_or_none() -> None:
    assert voice().plan() == "I begin with the lamp and end with the oil."
    assert voice(plan=" want a good score from the judge.").plan() == ""
    assert voice(plan=" write. " * 200).plan() == ""  # it runs in circles
    many = " ".join(f"lamp{first}{second}" for first in "abcdefgh" for second in "ijklmnopqrst")
    cut = voice(plan=f" begin with one. Then {many}.").plan()
    assert cut == "I begin with one."  # no half sentence


def test_a_plan_without_a_model_says_what_was_asked_and_wished() -> None:
    wishes = [criterion("Warmth", weight=2), criterion("Salt"), criterion("Judge")]
    said = plain_plan(PROMPT, wishes)
    assert said.startswith("Write 60 to 90 words") and "I want this of it: What Warmth asks of this piece." in said
    assert "Judge" not in said and plain_plan("Something about rain.", []) == ""


# What a reflection is worth


@pytest.mark.parametrize(
    ("gain", "least", "label"),
    [(0.2, 0.1, "useful"), (0.1, 0.1, "useful"), (0.09, 0.1, "redundant"), (0.0, 0.1, "redundant"),
     (-0.09, 0.1, "redundant"), (-0.1, 0.1, "harmful"), (None, 0.1, "redundant"), (0.5, None, "redundant")],
)  # fmt: skip
def test_only_what_is_beyond_the_judges_range_helps_or_harms(
    gain: float | None, least: float | None, label: str
) -> None:
    assert labelled(gain, least) == label


def test_a_reflection_is_about_its_place_and_its_revision_stands_in_the_piece() -> None:
    trace = told(better())
    [segment] = trace.segments
    assert is_specific(segment.reflection, trace.draft, segment) and is_applied(trace, 0)
    assert not is_specific("I should improve the flow of my language here.", trace.draft, segment)
    assert not is_applied(trace.model_copy(update={"final": FIRST}), 0)  # the piece is the draft after all
    copied = segment.model_copy(
        update={"changes": (segment.changes[0].model_copy(update={"text": FIRST.split("\n\n")[1]}),)}
    )
    assert not is_applied(trace.model_copy(update={"segments": (copied,), "final": FIRST}), 0)


def test_a_paragraph_that_was_added_and_then_written_anew_need_not_stand_in_the_piece() -> None:
    def segment(paragraph: int, operation: str, text: str) -> Segment:
        change = Change.model_validate({"paragraph": paragraph, "operation": operation, "text": text})
        return Segment(reflection="The boots are dull.", changes=(change,))

    added, anew = "The wind took the flag in March.", "Nobody came to mend the flag after the wind."
    segments = (segment(1, "extend", added), segment(2, "rewrite", anew))
    trace = Trace(prompt=PROMPT, draft="He lit the lamp.", segments=segments, final=f"He lit the lamp.\n\n{anew}")
    assert is_applied(trace, 0) and is_applied(trace, 1)
    lost = trace.model_copy(update={"segments": segments[:1], "final": "He lit the lamp."})
    assert not is_applied(lost, 0)
    shifted = (segment(2, "extend", added), segment(2, "rewrite", anew))  # what was added is the third by then
    gone = Trace(prompt=PROMPT, draft="He lit it.\n\nHe slept.", segments=shifted, final=f"He lit it.\n\n{anew}")
    assert not is_applied(gone, 0) and is_applied(gone, 1)


def test_a_reflection_that_says_the_same_as_an_earlier_one_is_found() -> None:
    said = ["The boots are dull.", "The lamp is dull.", "The boots are so dull."]
    assert repeats(said, overlap) == repeats(said, None) == [False, False, True]
    assert repeats(["x"], lambda text, others: [ALIKE]) == [False]
    assert repeats(["x", "y"], lambda text, others: [ALIKE]) == [False, True]


def test_shares_are_told_in_all_and_by_round() -> None:
    rows = [Tried(reflection="a", label=label, round=n, kept=n == 1) for label, n in
            (("useful", 1), ("useful", 1), ("harmful", 2), ("redundant", 2))]  # fmt: skip
    found = shares(rows)
    assert (found["reflections"], found["useful"], found["harmful"], found["kept"]) == (4, 0.5, 0.25, 2)
    assert found["rounds"]["1"] == {"reflections": 2, "useful": 1.0, "redundant": 0.0, "harmful": 0.0}
    assert shares([]) == {"reflections": 0, "useful": None, "redundant": None, "harmful": None, "kept": 0, "rounds": {}}
