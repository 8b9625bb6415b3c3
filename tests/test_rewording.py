"""Other texts for a passage: asked for with what stands around it, fitted to its place, refused where they are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, criterion, of, rubric_of, run, script, team

from writer_r1.alternatives import BEFORE, MOST_WORDS, Wish, check, part_of, placed, usable, write_alternatives
from writer_r1.drafting import Writer
from writer_r1.errors import WriterError
from writer_r1.events import DraftDelta, Drafted, Evaluated, Finished, Marked, RubricReady, Status, Stopped
from writer_r1.facts import read_facts
from writer_r1.folding import fold
from writer_r1.llm import never
from writer_r1.llm.fake import FakeLLM
from writer_r1.passage import Passage, located
from writer_r1.rewording import WAYS, Asked, ended, fitted, passage_request, write_passage
from writer_r1.trajectory import Check, Trajectory

STAIRS = "The stairs are worn where my left boot falls."


def marked(words: str, text: str = FIRST) -> Passage:
    at = text.index(words)
    return Passage(text=words, before=text[:at], after=text[at + len(words) :])


def caret(before: str, text: str = FIRST) -> Passage:
    at = text.index(before) + len(before)
    return Passage(before=text[:at], after=text[at:])


def writer(llm: FakeLLM) -> Writer:
    return Writer(llm, never, read_facts(PROMPT))


def faults_of(reply: str, passage: Passage, *others: str, way: str = "in fewer and plainer words.") -> tuple[str, ...]:
    llm = FakeLLM(script(reword=reply, rephrase=reply, extend=reply))
    _, written = run(write_passage(2, Asked(PROMPT, passage, way, others), writer(llm)))
    return written.faults


# What the model is told


def test_the_model_sees_the_brief_the_voice_and_what_stands_around() -> None:
    told = passage_request(PROMPT, marked(STAIRS), WAYS[0][1], "I walk. It rains.").messages[-1].content
    assert f"<request>\n{PROMPT}" in told and "<sample>\nI walk. It rains.\n" in told
    assert "<before>\nI have kept your lamp" in told and "<after>\nThe brass remembers" in told
    assert f"<paragraph>\n{STAIRS}\n" in told and told.endswith("Say it another way, in fewer and plainer words.")


def test_a_part_of_a_sentence_is_asked_for_as_a_gap_in_it() -> None:
    told = passage_request(PROMPT, marked("worn where my left boot falls"), WAYS[0][1]).messages[-1].content
    assert "<draft>\nThe stairs are […].\n" in told and "<paragraph>\nworn where my left boot falls\n" in told


def test_a_text_goes_on_as_an_answer_that_is_begun() -> None:
    request = passage_request(PROMPT, caret(STAIRS), "He trims the lamp.")
    assert request.answer == FIRST[: FIRST.index(STAIRS) + len(STAIRS)]
    assert (
        "He trims the lamp." in request.messages[-1].content and "The brass remembers" in request.messages[-1].content
    )
    assert passage_request("", caret("of mine.\n\n"), "").answer.endswith("of mine.\n\n")


# How a reply is fitted to its place


@pytest.mark.parametrize(
    ("words", "reply", "fits"),
    [
        (STAIRS, "  My left boot has worn the stairs. ", "My left boot has worn the stairs."),
        (STAIRS, '"My left boot wore them."', "My left boot wore them."),
        (STAIRS, "my left boot wore them", "My left boot wore them."),
        (f"{STAIRS} ", "My left boot wore them.", "My left boot wore them. "),
        ("worn where my left boot falls", "Hollow under my left boot.", "hollow under my left boot"),
        ("worn where my left boot falls", "hollow under my left boot. The brass", "hollow under my left boot"),
        ("worn where my left boot falls", "The stairs are hollow underfoot.", "hollow underfoot"),
        (STAIRS, "They dip. The brass remembers my thumb, the rope", "They dip."),
        ("The brass remembers my thumb,", "My thumb is in the brass.", "My thumb is in the brass,"),
        ("my thumb", "the thumb I had, the rope my temper, and the window", "the thumb I had"),
        ("my temper", "I lose my temper and", "I lose my temper and"),
    ],
)
def test_a_reply_gets_the_white_space_the_first_letter_and_the_last_mark_of_its_place(
    words: str, reply: str, fits: str
) -> None:
    passage = marked(words)
    assert fitted(ended(reply, passage, cut=False), passage) == fits


@pytest.mark.parametrize(
    ("before", "raw", "fits"),
    [
        (STAIRS, " They creak. They al", " They creak."),
        (STAIRS, " They creak.\n\nAnd so on.", " They creak."),
        (STAIRS, "\n\nThey creak.", "\n\nThey creak."),
        ("The stairs", ", all ninety of them.", ", all ninety of them."),
        ("of mine.\n\n", "They creak.", "They creak.\n\n"),
        ("of mine.", "They creak.", " They creak."),
    ],
)
def test_what_goes_on_is_kept_apart_from_what_stands_before_and_after(before: str, raw: str, fits: str) -> None:
    passage = caret(before)
    text = fitted(ended(raw, passage, cut=True), passage)
    assert text.rstrip(" ") == fits.rstrip(" ")
    whole = passage.before + text + passage.after
    assert "  " not in whole and ".They" not in whole and ".The" not in whole


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_any_reply_to_any_passage_is_fitted_or_empty_and_keeps_the_white_space_around(
    text: str, reply: str, one: int, other: int
) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    passage = Passage(text=text[start:end], before=text[:start], after=text[end:])
    whole = ended(reply, passage, cut=True)
    if not whole.strip() or (passage.text and not passage.text.strip()):
        return
    new = fitted(whole, passage)
    assert new.strip()
    if passage.text:
        core = passage.text.strip()
        assert new.startswith(passage.text[: passage.text.index(core)])


# What is no text for it


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("", "empty"),
        ("THE STAIRS are worn, where my left boot falls!", "copied"),
        ("My left boot wore the stairs.", "copied"),  # another way said just that
        ("Tomorrow a man with a laptop will come.", "copied"),  # stands in the text already
        ("Here is the rewritten passage: the stairs are worn.", "echoes the instructions"),
        ("Say it another way, in fewer and plainer words.", "echoes the instructions"),
        ("The man had no ticket.", "echoes the instructions"),
        ("Could you please provide more details of the text?", "asks instead of writing"),
        ("boots and boots and boots and boots " * 30, "truncated"),
        ("Die Treppe ist dort ausgetreten, wo mein linker Stiefel auf sie fällt, und das ist so.", "off-language"),
    ],
)
def test_a_reply_that_is_no_text_for_the_passage_is_marked_after_three_tries(reply: str, fault: str) -> None:
    llm = FakeLLM(script(reword=reply, rephrase=reply))
    _, written = run(
        write_passage(2, Asked(PROMPT, marked(STAIRS), WAYS[0][1], ("My left boot wore the stairs.",)), writer(llm))
    )
    assert fault in written.faults and not usable(written) and len(llm.seen) == 3


def test_an_unfit_text_is_written_once_more_and_the_second_one_stands() -> None:
    replies = iter([STAIRS, "My left boot wore them."])
    llm = FakeLLM(script(reword=lambda request: next(replies)))
    seen, written = run(write_passage(2, Asked(PROMPT, marked(STAIRS), WAYS[0][1]), writer(llm)))
    assert written.text == "My left boot wore them." and written.faults == ()
    attempt = fold(seen, Trajectory(id="t", prompt="")).attempt(2)
    assert attempt and (attempt.text, attempt.faults) == (written.text, ())
    assert faults_of("My left boot wore them.", marked(STAIRS)) == ()


# The whole story


REPLIES = [
    "My left boot wore the stairs.",
    "The stairs dip where my boot goes.",
    "Where my left boot falls they are worn.",
]

ONWARD = ["They creak.", "Nobody else climbs them.", "He trims the lamp at four."]


def story(**changes: object) -> tuple[list[object], FakeLLM]:
    texts = iter(REPLIES if changes.get("direction") is None else ONWARD)
    llm = FakeLLM(script(reword=lambda request: next(texts), extend=lambda request: f" {next(texts)}"))
    llm.judge = lambda draft, question: 8.0 if "dip" in draft else 4.0
    rubric = rubric_of(criterion("Warmth"), criterion("Length", check=Check(type="length", low=60, high=90)))
    wish = Wish("t-1", PROMPT, marked(STAIRS), rubric)._replace(**changes)
    return list(write_alternatives(wish, team(llm))), llm


def test_three_texts_are_written_then_judged_beside_what_stands_each_where_it_would_stand() -> None:
    events, llm = story()
    assert isinstance(events[0], Marked) and events[0].ways == tuple(name for name, _ in WAYS)
    assert isinstance(events[-1], Finished) and not of(Stopped, events)
    assert [d.text for d in of(Drafted, events)] == [STAIRS, *REPLIES]
    assert of(Drafted, events)[0].by == "user" and {d.attempt for d in of(DraftDelta, events)} == {2, 3, 4}
    evaluations = of(Evaluated, events)
    assert [e.attempt for e in evaluations] == [1, 2, 3, 4]
    warm = [e.evaluation.scores[0].value for e in evaluations]
    assert warm[2] > warm[0] == warm[1] == warm[3]
    judged = [r.messages[-1].content for r in llm.seen if "<draft>" in r.messages[-1].content]
    assert any(FIRST.replace(STAIRS, REPLIES[1]) in content for content in judged)
    assert events.index(of(Drafted, events)[-1]) < events.index(evaluations[0])


def test_without_criteria_nothing_is_scored_and_a_stop_keeps_what_is_written() -> None:
    events, _ = story(rubric=None)
    assert not of(RubricReady, events) and not of(Evaluated, events) and len(of(Drafted, events)) == 4
    texts = iter(REPLIES)
    llm = FakeLLM(script(reword=lambda request: next(texts)))
    seen: list[object] = []
    stop = team(llm, lambda: len(of(Drafted, seen)) > 2)
    for event in write_alternatives(Wish("t-1", PROMPT, marked(STAIRS), rubric_of(criterion("Warmth"))), stop):
        seen.append(event)
    assert [e.why for e in of(Stopped, seen)] == ["user"] and not of(Evaluated, seen)
    assert [d.text for d in of(Drafted, seen)][:3] == [STAIRS, *REPLIES[:2]]


def test_ways_on_follow_the_direction_and_are_judged_in_the_piece() -> None:
    events, llm = story(passage=caret(STAIRS), direction="Up the stairs.")
    assert [d.text for d in of(Drafted, events)] == ["", *(f" {one}" for one in ONWARD)]
    assert "Up the stairs." in llm.seen[0].messages[-1].content
    judged = [r.messages[-1].content for r in llm.seen if "<draft>" in r.messages[-1].content]
    assert any(f"{STAIRS} {ONWARD[0]} The brass" in content for content in judged)
    assert [s.text for s in of(Status, events)][0] == "writing text 1 of 3"


def test_in_a_long_piece_the_sentences_around_are_judged_without_what_only_a_whole_piece_can_meet() -> None:
    before = "".join(f"He counted {n} gulls on the wall. " for n in range(100))
    passage = Passage(text="They flew.", before=before, after=" It was cold." * 100)
    rubric = rubric_of(criterion("Warmth"), criterion("Length", check=Check(type="length", low=60, high=90)))
    part = part_of(rubric, passage)
    assert part and [c.name for c in part.criteria] == ["Warmth"] and part_of(rubric, marked(STAIRS)) == rubric
    around = placed(passage, "They rose.")
    assert "They rose." in around and around.startswith("He counted") and around.endswith("cold.")
    assert len(around) < BEFORE + 600


@pytest.mark.parametrize(
    ("passage", "why"),
    [
        (Passage(), "nothing before the caret"),
        (Passage(before=" \n"), "nothing before the caret"),
        (Passage(text=" … "), "Mark some words"),
        (Passage(text="word " * (MOST_WORDS + 1)), "301 words"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_before_anything_begins(passage: Passage, why: str) -> None:
    with pytest.raises(WriterError, match=why):
        check(Wish("t-1", PROMPT, passage))
    check(Wish("t-1", "", marked(STAIRS)))
    assert located(marked(STAIRS), FIRST)
