"""A thought in one go: shown without a tag as it comes in, judged as rounds, and kept as far as it is whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, criterion, model, of, revision, rubric_of, script, task, team

from writer_r1.errors import ModelError
from writer_r1.events import (
    BY_USER,
    THOUGHT_BROKE_OFF,
    THOUGHT_OUT,
    Accepted,
    DraftDelta,
    Drafted,
    Event,
    Finished,
    Reflected,
    Rejected,
    Started,
    Status,
    Stopped,
    Thought,
    ThoughtDelta,
)
from writer_r1.facts import voice_criterion
from writer_r1.folding import fold
from writer_r1.llm import Cancel, Finish, Reply, Request, Sampling, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import write
from writer_r1.one_go import OPENS, salvaged, so_far, think_request
from writer_r1.thinking import came_to, plainly, tried
from writer_r1.traces import TAGS, Change, Segment, Trace, parse, written
from writer_r1.training.data import Example, request_of
from writer_r1.trajectory import Check, Trajectory

BOOTS = Segment(reflection="“my left boot” is dull.", changes=(Change(paragraph=2, text=revision("alpha")),))
WORSE = Segment(reflection="I want less.", changes=(Change(paragraph=2, text=revision("beta")),))
BETTER = FIRST.replace(FIRST.split("\n\n")[1], revision("alpha"))


def thought(*segments: Segment, final: str = BETTER, draft: str = FIRST) -> Trace:
    return Trace(prompt=PROMPT, plan="I begin with the lamp.", draft=draft, segments=segments, final=final)


def reply(trace: Trace) -> str:
    return written(trace).removeprefix(OPENS)


def played(said: str, **changes: object) -> tuple[list[Event], Trajectory]:
    llm = model({"alpha": 6.0, "beta": 2.0}, think=said)
    events = list(write(task(one_go=True, **changes), team(llm)))
    return events, fold(events, Trajectory(id="t-1", prompt=""))


def test_a_thought_is_told_as_rounds_that_are_judged() -> None:
    events, run = played(reply(thought(BOOTS)))
    assert [(a.number, a.parent, a.accepted, a.text) for a in run.attempts] == [
        (1, None, True, FIRST),
        (2, 1, True, BETTER),
    ]
    assert run.best == 2 and run.finished and all(a.evaluation for a in run.attempts)
    [said] = of(Thought, events)
    assert (said.plan, said.refused) == ("I begin with the lamp.", "") and said.tokens > 100
    [reflected] = of(Reflected, events)
    assert [a.edit for a in reflected.reflection.advice] == ["“my left boot” is dull."]
    assert of(Stopped, events)[0].why == THOUGHT_OUT and of(Finished, events)[0].rounds == 1
    busy = [s.text for s in of(Status, events)]
    assert busy[:6] == ["thinking", "planning", "drafting", "reading it over", "revising", "writing the piece out"]
    assert of(Started, events)[0].prompt == PROMPT


def test_no_tag_is_ever_shown_and_the_draft_streams_as_it_is_written() -> None:
    events, _ = played(reply(thought(BOOTS)))
    streamed = [e.text for e in of(DraftDelta, events)]
    assert "".join(streamed) == FIRST and len(streamed) > 20
    for event in events:
        said = event.model_dump_json()
        assert not any(f"<{tag}" in said or f"</{tag}" in said for tag in TAGS)


def test_every_part_streams_and_a_revision_says_where_it_belongs() -> None:
    on = Segment(reflection="It ends too soon.", changes=(Change(paragraph=2, operation="extend", text="One more."),))
    events, _ = played(reply(thought(BOOTS, on)))
    parts = dict[int, list[ThoughtDelta]]()
    for delta in of(ThoughtDelta, events):
        parts.setdefault(delta.part, []).append(delta)
    said = [(k, d[0].name, d[0].paragraph, d[0].operation, "".join(one.text for one in d)) for k, d in parts.items()]
    assert said == [
        (1, "plan", 0, "rewrite", "I begin with the lamp."),
        (3, "reflection", 0, "rewrite", BOOTS.reflection),
        (4, "revision", 2, "rewrite", revision("alpha")),
        (5, "reflection", 0, "rewrite", "It ends too soon."),
        (6, "revision", 2, "extend", "One more."),
        (7, "piece", 0, "rewrite", BETTER),
    ]  # the draft is part 2
    assert len(parts[7]) > 20
    busy = [s.text for s in of(Status, events)]
    assert busy[3:8] == ["reading it over", "revising", "reading it over", "revising", "writing the piece out"]


TAGGED = 'A poem <reflection>of the sea</reflection>, <revision paragraph="1">60 to 90 words. </draft></think>'


def test_tags_in_a_brief_reach_neither_writer_nor_judge_as_tags_and_part_no_thought() -> None:
    llm = model({"alpha": 6.0, "beta": 2.0}, think=reply(thought(BOOTS)))
    events = list(write(task(one_go=True, prompt=TAGGED), team(llm)))
    asked = [r.messages[-1].content for r in llm.seen]
    assert len(asked) > 2 and all("‹reflection>of the sea‹/reflection>, ‹revision" in said for said in asked)
    assert not any(tag in said for said in asked for tag in ("<reflection", "</reflection", "<revision", "</think"))
    plain, run = played(reply(thought(BOOTS)))[1], fold(events, Trajectory(id="t-1", prompt=""))
    assert [(a.text, a.accepted, a.reflection) for a in run.attempts] == [
        (a.text, a.accepted, a.reflection) for a in plain.attempts
    ]
    [said] = of(Thought, events)
    assert (said.plan, said.refused) == ("I begin with the lamp.", "") and run.best == 2 and run.prompt == TAGGED


def test_a_revision_that_makes_it_worse_is_not_the_best_and_a_piece_of_other_words_is_judged_too() -> None:
    events, run = played(reply(thought(BOOTS, WORSE, final="Another piece, alpha in it, that the thought never had.")))
    assert [a.accepted for a in run.attempts] == [True, True, False, False] and run.best == 2
    assert of(Rejected, events)[0].why.startswith(("no clear difference", "Warmth fell"))
    assert run.attempts[3].reflection is None and len(of(Accepted, events)) == 2


@pytest.mark.parametrize(
    ("said", "attempts", "refused"),
    [
        (reply(thought(BOOTS)).partition("</think>")[0], 2, True),
        (reply(thought(BOOTS)) + " and on and on" * 900, 2, True),  # longer than a thought may be
        ("A piece without any tag at all, as if nobody had asked for a thought.", 1, True),
        ("<draft>\n" + FIRST + "\n</draft>\n<score>9</score>\n</think>\n\n" + FIRST, 1, True),
        ("", 1, True),
    ],
)
def test_of_a_thought_that_breaks_off_what_was_whole_is_kept(said: str, attempts: int, refused: bool) -> None:
    events, run = played(said)
    assert len(run.attempts) == attempts and bool(of(Thought, events)[0].refused) is refused
    assert of(Stopped, events)[0].why == THOUGHT_BROKE_OFF and run.finished
    if FIRST in said:
        assert run.attempts[0].text == FIRST and run.best == len(run.attempts)
    else:
        assert run.best is None and run.attempts[0].text == "" and run.attempts[0].evaluation is None
    assert not any("<" in a.text for a in run.attempts)


@pytest.mark.parametrize("odd", ["<b>", "<3 of them, ", "</think>\n\nIt begins. <i>"])
def test_a_thought_that_is_spoiled_is_ended_where_nothing_of_it_comes_any_more(odd: str) -> None:
    events, run = played("<draft>\n" + FIRST + f"\n</draft>\n{odd}" + "and so it went on " * 200)
    [said] = of(Thought, events)
    assert said.refused.startswith("a tag that is none of a thought's") and said.tokens < 250
    assert run.attempts[0].text == FIRST and run.finished


ASKS = "Sure. I need more information about the keeper and his lamp before I can begin."
EXAMPLES = "Every morning at ten past five Mrs Okafor stood at Mill Lane and told me the weather."


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ASKS, "asks instead of writing"),
        (f"Here is the revised paragraph: {FIRST}", "echoes the instructions"),
        (f"Dear road,\n\n{EXAMPLES}", "echoes the instructions"),
    ],
)
def test_a_text_of_a_thought_that_is_no_piece_is_no_more_judged_than_one_of_the_rounds(text: str, fault: str) -> None:
    _, run = played(reply(thought(draft=text, final=text)))
    assert run.attempts[0].faults == (fault,) and run.attempts[0].evaluation is None and run.best is None


def test_words_before_or_between_the_parts_of_a_thought_end_nothing() -> None:
    said = "Okay, let me think about this for a while. " * 8
    _, run = played(said + reply(thought(BOOTS)))
    assert run.attempts[0].text == FIRST and run.attempts[-1].text == BETTER


def test_what_somebody_says_in_a_piece_is_no_talk_about_the_task() -> None:
    letter = FIRST + "\n\nYour request has been denied, the original draft of the will said."
    _, run = played(reply(thought(draft=letter, final=letter)))
    assert run.attempts[0].faults == () and run.best == 1


def test_a_thought_inside_a_part_is_no_word_of_it() -> None:
    events, run = played("<draft>\nThe sea <think>hm</think> was flat.\n</draft>\n</think>\n\nThe sea was flat.")
    assert not any(
        "<" in event.model_dump_json().replace("\\u003c", "<") for event in events if event.event != "started"
    )
    assert run.attempts[0].text == "The sea" and of(Thought, events)[0].refused


def test_a_draft_that_was_not_ended_is_kept_as_far_as_it_was_written_and_marked() -> None:
    events, run = played("<plan>\nA plan.\n</plan>\n<draft>\n" + FIRST[:200])
    assert run.attempts[0].text == FIRST[:200].strip() and run.attempts[0].faults == ("truncated",) and run.best == 1
    assert of(Thought, events)[0] == Thought(
        t=0.0, plan="A plan.", tokens=of(Thought, events)[0].tokens, seconds=of(Thought, events)[0].seconds,
        refused="the thought is cut in a draft",
    )  # fmt: skip


def test_a_thought_that_leaves_the_piece_to_be_worked_out_is_a_whole_one() -> None:
    events, run = played(reply(thought(BOOTS)).partition("</think>")[0] + "</think>")
    assert of(Thought, events)[0].refused == "" and of(Stopped, events)[0].why == THOUGHT_OUT
    assert run.attempts[-1].text == BETTER


DRAFT = f"<draft>\n{FIRST}\n</draft>\n"
NOTED = "<reflection>\nIt ends too soon.\n</reflection>\n"
NOWHERE = f'<revision paragraph="9">\n{revision("alpha")}\n</revision>\n'
FAULTY: dict[str, tuple[str, list[str], str]] = {
    "two plans": (f"<plan>a</plan><plan>b</plan>{DRAFT}</think>\n\n{BETTER}", [FIRST, BETTER], "a plan where"),
    "reflected before it drafted": (f"{NOTED}{DRAFT}</think>\n\n{FIRST}", [FIRST], "a reflection where"),
    "thought without tags": (f"Okay, the user wants a piece.</think>\n\n{BETTER}", [BETTER], "words between the parts"),
    "revised nothing": (f"{DRAFT}{NOTED}</think>\n\n{BETTER}", [FIRST, BETTER], "a reflection without a revision"),
    "no such paragraph": (f"{DRAFT}{NOTED}{NOWHERE}</think>\n\n{BETTER}", [FIRST, BETTER], "a revision of paragraph 9"),
    "no such paragraph, no piece": (f"{DRAFT}{NOTED}{NOWHERE}</think>", [FIRST], "no piece after the thought"),
    "a piece in a tag": (f"{DRAFT}</think>\n\n<piece>\n{BETTER}\n</piece>", [FIRST], "a tag that is none"),
}


@pytest.mark.parametrize(("said", "texts", "reason"), FAULTY.values(), ids=FAULTY)
def test_of_a_faulty_thought_draft_and_piece_are_kept_and_it_says_what_was_wrong(
    said: str, texts: list[str], reason: str
) -> None:
    events, run = played(said)
    assert [a.text for a in run.attempts] == texts
    assert of(Thought, events)[0].refused.startswith(reason) and of(Stopped, events)[0].why == THOUGHT_BROKE_OFF


def test_a_stop_keeps_what_was_written() -> None:
    asked = iter(range(10_000))
    llm = model({}, think=reply(thought(BOOTS)))
    events = list(write(task(one_go=True), team(llm, lambda: next(asked) > 60)))
    run = fold(events, Trajectory(id="t", prompt=""))
    assert of(Stopped, events)[0].why == BY_USER and 0 < len(run.attempts[0].text) < len(FIRST)
    assert run.attempts[0].complete and run.attempts[0].faults == ("truncated",)


@pytest.mark.parametrize("asked", range(1, 6))
def test_a_stop_while_it_is_judged_loses_no_text_that_the_thought_had_come_to(asked: int) -> None:
    llm = model({"alpha": 6.0, "beta": 2.0}, think=reply(thought(BOOTS, WORSE)))
    told = list(write(task(one_go=True), team(llm, lambda: len(llm.seen) > asked)))
    run = fold(told, Trajectory(id="t", prompt=""))
    texts = [*thought(BOOTS, WORSE).texts(), BETTER]
    assert [a.text for a in run.attempts] == texts and all(a.complete for a in run.attempts)
    assert run.stopped == BY_USER and run.finished and run.attempts[-1].evaluation is None
    verdicts = [*of(Accepted, told), *of(Rejected, told)]
    assert not any(v.why.startswith("not judged") for v in verdicts)
    assert len(tried(run)) == max(0, len(verdicts) - 1)  # the draft has no reflection


@pytest.mark.parametrize(("doing", "texts"), [("revising", [FIRST]), ("planning", [])])
def test_a_stop_keeps_the_texts_that_were_whole_to_be_taken(doing: str, texts: list[str]) -> None:
    events = list[Event]()
    llm = model({}, think=reply(thought(BOOTS)))
    for event in write(task(one_go=True), team(llm, lambda: any(s.text == doing for s in of(Status, events)))):
        events.append(event)
    run = fold(events, Trajectory(id="t", prompt=""))
    assert [a.text for a in run.attempts] == texts and all(a.complete and not a.faults for a in run.attempts)
    assert not of(Thought, events) and run.stopped == BY_USER and all(a.evaluation is None for a in run.attempts)


@pytest.mark.parametrize("asked", range(4))
def test_a_stop_in_the_middle_of_a_judgement_leaves_no_score_and_no_label(asked: int) -> None:
    told, llm = list[Event](), model({"alpha": 6.0}, think=reply(thought(BOOTS)))
    answered = list[str]()
    llm.judge = lambda draft, question: answered.append(question) or 5.0
    measured = criterion("Lamp", check=Check(type="must_include", items=("lamp",)))
    ruled = task(one_go=True)._replace(rubric=rubric_of(criterion("Warmth"), measured))
    told += write(ruled, team(llm, lambda: len(answered) > asked))
    run = fold(told, Trajectory(id="t", prompt=""))
    assert [a.text for a in run.attempts] == [FIRST, BETTER]
    whole = len([a for a in run.attempts if a.evaluation and a.evaluation.reward is not None])
    assert whole == (asked + 1) // 2 and len(came_to(run)) == max(0, whole - 1)
    assert [a.accepted is not None for a in run.attempts] == [n < whole for n in range(2)]


class Failing(FakeLLM):
    """Fails while it writes the end of its first revision."""

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        for delta in super().stream(request, sampling, cancel):
            yield delta
            if "alpha" in (text := self.script(request)) and delta in text[text.index("</revision") :][:8]:
                raise ModelError("The model is gone.")
        return Finish("stop", 0, 0)


def test_what_was_whole_of_a_thought_outlives_a_fault() -> None:
    llm, told = Failing(script(think=reply(thought(BOOTS, WORSE)))), list[Event]()
    with pytest.raises(ModelError, match="gone"):
        for event in write(task(one_go=True), team(llm)):
            told.append(event)
    run = fold(told, Trajectory(id="t", prompt=""))
    assert [(a.text, a.complete, a.faults, a.accepted) for a in run.attempts] == [(FIRST, True, (), None)]


SURE = "Certainly, here's the piece you requested:"


def test_what_announces_a_text_of_a_thought_is_no_part_of_it() -> None:
    told = Segment(reflection=BOOTS.reflection, changes=(Change(paragraph=3, text=revision("alpha")),))
    said = thought(told, draft=f"{SURE}\n\n{FIRST}", final=f"{SURE}\n\n{BETTER}")
    events, run = played(reply(said))
    assert [(a.text, a.aside) for a in run.attempts] == [(FIRST, SURE), (BETTER, "")]
    assert run.best == 2 and "".join(e.text for e in of(DraftDelta, events)) == FIRST
    assert run.attempts[1].reflection and run.attempts[1].reflection.advice[0].paragraph == 2
    assert {e.paragraph for e in of(ThoughtDelta, events) if e.name == "revision"} == {2}
    assert plainly(run.attempts[1], run.attempts[0]) == BOOTS.reflection
    assert "".join(e.text for e in of(ThoughtDelta, events) if e.name == "piece") == BETTER


def test_what_was_whole_before_a_second_draft_that_is_cut_is_whole() -> None:
    _, run = played(reply(thought(BOOTS)).partition("</think>")[0] + "<draft>\nAnd now once more")
    assert [(a.text, a.faults) for a in run.attempts] == [(FIRST, ()), (BETTER, ())]


TALKING = Change(paragraph=2, text="Here is the revised paragraph: it is better now, as you can see for yourself.")
MENDED = Segment(reflection="I only ask.", changes=(Change(paragraph=1, text=FIRST.split("\n\n")[0]),))


@pytest.mark.parametrize(
    ("draft", "segment", "label"),
    [
        (FIRST, Segment(reflection="Better so.", changes=(TALKING,)), "harmful"),
        (ASKS, MENDED, "useful"),
        (ASKS, MENDED.model_copy(update={"changes": (Change(paragraph=1, text=revision("beta")),)}), "useful"),
        (ASKS, Segment(reflection="So.", changes=(Change(paragraph=1, text=ASKS + " Please."),)), None),
    ],
)
def test_a_text_that_was_spoiled_or_mended_is_told_without_a_score(
    draft: str, segment: Segment, label: str | None
) -> None:
    said = thought(segment, draft=draft)
    _, run = played(reply(said.model_copy(update={"final": said.texts()[-1]})))
    assert [t.label for t in came_to(run).values()] == ([label] if label else [])


def test_a_thought_follows_the_writers_voice_and_is_refused_where_it_only_copies_it() -> None:
    sample = "It rains on the road to the mill, and I walk. Nobody asks me why I walk there in the rain at night."
    for draft, faults in ((FIRST, ()), (sample, ("copied",))):
        llm = model({}, think=reply(thought(draft=draft, final=draft)))
        ruled = task(one_go=True)._replace(rubric=rubric_of(criterion("Warmth"), voice_criterion(sample)))
        run = fold(write(ruled, team(llm)), Trajectory(id="t", prompt=""))
        assert sample in llm.seen[0].messages[-1].content and run.attempts[0].faults == faults


def test_a_text_of_the_users_own_is_judged_as_ever() -> None:
    events, run = played(reply(thought()), text="My own text.", rounds=0)
    assert not of(Thought, events) and run.attempts[0].by == "user" and of(Drafted, events)[0].text == "My own text."


WHOLE = written(thought(BOOTS, WORSE))


@given(st.integers(0, len(WHOLE)))
def test_wherever_a_thought_stands_what_is_shown_of_it_is_words_of_it(cut: int) -> None:
    now = so_far(WHOLE[:cut])
    assert "<" not in now.words and now.words in WHOLE
    assert all(words.strip() in WHOLE for _, words in now.whole)
    kept = salvaged(WHOLE[:cut], PROMPT)
    if kept is not None:
        assert parse(written(kept), PROMPT) == kept and FIRST.startswith(kept.draft) and kept.final == kept.texts()[-1]
    assert (kept is None) == (cut <= WHOLE.index("<draft>") + len("<draft>\n"))


@given(st.text(alphabet='<>/\\ \nabdfhiklnoprtvex="1', max_size=60))
def test_so_far_is_total(text: str) -> None:
    now = so_far(text)
    assert not any("<" in words for words in (now.words, *(said for _, said in now.whole))) or "\\<" in text
    salvaged(text, PROMPT)


def test_a_thought_is_trained_on_with_the_words_that_will_ask_for_one() -> None:
    learned = Example("x", PROMPT, WHOLE, None, "")
    assert request_of(learned) == think_request(PROMPT) != request_of(learned._replace(text=FIRST))
