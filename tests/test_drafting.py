"""Drafts and revisions: what was not to be changed stays byte for byte, and broken output is marked, never silent."""

import re
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, of, run, script, station

from writer_r1.checks import paragraphs
from writer_r1.drafting import (
    DEFAULT_WORDS,
    Writer,
    Written,
    draft_request,
    reply_tokens,
    write_draft,
)
from writer_r1.errors import ModelError
from writer_r1.events import DraftDelta, Drafted, Event, Status
from writer_r1.facts import read_facts
from writer_r1.llm import Cancel, Reply, Request, Sampling, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.revising import change_request, revise_draft, spaced
from writer_r1.trajectory import Advice, Fault, Lesson

ENGLISH = "Write a farewell in English."
NEW = "Grey boots wear a stair for thirty years, and the tin of polish is empty now."
LOOP = "The sea is grey. " * 400


def writer(llm: FakeLLM, prompt: str = PROMPT, cancel: Cancel = never, max_words: int | None = None) -> Writer:
    return Writer(llm, cancel, read_facts(prompt), max_words=max_words)


def change(paragraph: int, operation: str = "rewrite", edit: str = "Name the tin of polish.") -> Advice:
    return Advice(criterion_id="c-1", paragraph=paragraph, operation=operation, fault="Too tidy.", edit=edit)


def revised(text: str, *advice: Advice, reply: str | Callable[[Request], str] = NEW, cancel: Cancel = never) -> Written:
    llm = FakeLLM(script(revise=reply, extend=reply))
    events, written = run(revise_draft(2, 1, PROMPT, text, advice, writer(llm, cancel=cancel)))
    (drafted,) = of(Drafted, events)
    assert (drafted.text, drafted.faults, drafted.parent) == (written.text, written.faults, 1)
    assert {e.parent for e in of(DraftDelta, events)} <= {1}
    return written


# First drafts


def test_a_draft_is_streamed_and_told_whole() -> None:
    llm = FakeLLM(script(draft=f"\n{FIRST}  \n"))
    events, written = run(write_draft(1, PROMPT, writer(llm)))
    assert "".join(e.text for e in of(DraftDelta, events)).strip() == FIRST == written.text
    assert written.faults == () and not written.cancelled and isinstance(events[-1], Drafted)
    assert events[-1].tokens == written.tokens == len(of(DraftDelta, events)) > 50


IDEA = (
    "About 150 words on this idea: A soldier dies in the middle of writing a letter home, and it is finished and sent "
    "by the man who killed him."
)
BROKEN: dict[str, tuple[str, str, set[Fault]]] = {
    "empty": (PROMPT, "", {"empty"}),
    "blank": (PROMPT, " \n\n ", {"empty"}),
    "marks only": (PROMPT, "… — !", {"empty"}),
    "looping": (PROMPT, LOOP, {"truncated", "looping"}),
    "too long": (PROMPT, " ".join(map("".join, product("bdfgklmnprst", "aeiou", "bdglmnrst"))), {"truncated"}),
    "another language": (ENGLISH, "灯塔看守人向大海告别，他的手记得每一级台阶。" * 2, {"off-language"}),
    "a question back": (
        ENGLISH,
        "While I'm sure you have a story idea, I need more information to accurately write it for you. "
        "Can you please provide more details about the letter and the baker?",
        {"asks instead of writing"},
    ),
    "a refusal": (
        ENGLISH,
        "I regret to inform you that I am unable to assist with that request.\n\nIt may not be appropriate.",
        {"asks instead of writing"},
    ),
    "an apology": (
        ENGLISH,
        "I apologize, but I cannot fulfill this request as it involves a person committing a crime. If there is any "
        "other kind of content you need help with, please let me know!",
        {"asks instead of writing"},
    ),
    "a refusal in curly quotes": (ENGLISH, "I’m not able to create such content.", {"asks instead of writing"}),
    "an apology in the piece": (
        ENGLISH,
        "Dear Ann, I apologize, but I cannot write this week, nor fulfill what I said of the lamp. Yours, Tom",
        set(),
    ),
    "a refusal in the piece": (
        ENGLISH,
        "Dear Ann, I regret that I am unable to help you with the harvest this year. Yours, Tom",
        set(),
    ),
    "a question in the piece": (ENGLISH, f"“Could you tell me more about the lamp?” she said. {FIRST} {FIRST}", set()),
    "the request again": (
        IDEA,
        "A soldier dies in the middle of writing a letter home, and it is finished and sent by the man who killed him.",
        {"echoes the instructions"},
    ),
    "the request as a beginning": (
        IDEA,
        "A soldier dies in the middle of writing a letter home, and it is finished "
        f"and sent by the man who killed him. {FIRST} {FIRST}",
        set(),
    ),
    "the request where it is long enough": (
        "Correct this: The lamp, which I have kept for thirty winters now, is given to the sea and to you.",
        "The lamp, which I have kept for thirty winters now, is given to the sea and to you.",
        set(),
    ),
    "a piece after a thought": (ENGLISH, f"<think>\n<plan>\nThe lamp.\n</plan>\n</think>\n\n{FIRST}", set()),
    "a piece after the end of a thought": (ENGLISH, f"I begin with the lamp.\n</think>\n\n{FIRST}", set()),
    "a thought without its end": (ENGLISH, "<think>\nI begin with the lamp.", {"empty", "echoes the instructions"}),
    "parts of a thought": (
        ENGLISH,
        f'{FIRST}\n\n<reflection>It is dull.</reflection>\n<revision paragraph="2">More.</revision>',
        {"echoes the instructions"},
    ),
    "a tag that the request has": (
        "Write a page of my manual about the tag <draft>.",
        f"<draft id='1'>: {FIRST} It ends with </draft>.",
        set(),
    ),
    "the end of one that it has": (
        "Write about the <think> of models.",
        f"They end with </think>, and: {FIRST}",
        set(),
    ),
    "an address": (ENGLISH, f"From: The Office <plan@example.org>\n\n{FIRST}", set()),
    "a name in brackets": (ENGLISH, f"<Draft horse>\n\n{FIRST} I <3 it.", set()),
    "an end in a sentence": (ENGLISH, f"{FIRST} Then </think> came.", {"echoes the instructions"}),
    "sound": (ENGLISH, FIRST, set()),
}


@pytest.mark.parametrize(("prompt", "reply", "found"), BROKEN.values(), ids=BROKEN)
def test_broken_drafts_are_marked(prompt: str, reply: str, found: set[Fault]) -> None:
    _, written = run(write_draft(1, prompt, writer(FakeLLM(script(draft=reply)), prompt)))
    assert set(written.faults) == found


THOUGHTS = {
    "a whole one": f"<think>\nI begin with the lamp. <plan>So.</plan></think>\n\n{FIRST}",
    "announced": f"\n<think>So.</think>\nCertainly! Here's the story you asked for:\n\n{FIRST}",
    "its end alone": f"I begin with the lamp.</think>\n\n{FIRST}",
    "its end on a line": f"I begin with the lamp.\n</think>\n{FIRST}",
    "one in another": f"<think><think>So.</think></think>{FIRST}",
    "cut": "<think>\nI begin with the lamp, and then",
    "in the middle": f"{FIRST}\n\n<plan>\nNo more.\n</plan>",
    "a revision": f'{FIRST}\n\n<revision paragraph="2">\nMore.\n</revision>',
    "half a tag": f"{FIRST}\n\n<revisio",
}


@pytest.mark.parametrize("reply", THOUGHTS.values(), ids=THOUGHTS)
def test_no_tag_of_a_thought_is_shown_and_what_comes_after_one_is_the_piece(reply: str) -> None:
    asked = "Write about a lamp."
    events, written = run(write_draft(1, asked, writer(FakeLLM(script(draft=reply)), asked)))
    streamed = "".join(e.text for e in of(DraftDelta, events))
    for said in (streamed, written.text):
        assert not re.search(r"</?(?:think|plan|revision)", said) and "So." not in said
    thinks = [e.text for e in of(Status, events)]
    assert thinks == (
        ["thinking", "drafting"] if "<think>" in reply and FIRST in reply else ["thinking"][: "<think>" in reply]
    )
    if reply.endswith(FIRST):
        assert written.text == FIRST and not written.faults
        assert streamed.strip() == "I begin with the lamp." if reply.startswith("I begin") else streamed.endswith(FIRST)
    elif "<revisio" in reply[-9:]:
        assert written.text == streamed == reply  # it was none
    else:
        assert "echoes the instructions" in written.faults


def test_a_draft_that_runs_in_circles_is_ended_long_before_its_limit() -> None:
    llm = FakeLLM(script(draft=LOOP))
    prompt = "A story about the sea, 2000 words."
    _, written = run(write_draft(1, prompt, writer(llm, prompt)))
    assert len(written.text) < 800 < 4 * reply_tokens(writer(llm, prompt))


def test_a_stop_in_the_middle_keeps_what_was_written() -> None:
    seen: list[Event] = []
    stream = write_draft(1, PROMPT, writer(FakeLLM(script()), cancel=lambda: len(seen) >= 20))
    for event in stream:
        seen.append(event)
    end = seen[-1]
    assert isinstance(end, Drafted) and end.text == FIRST[:80].strip() and end.faults == ("truncated",)
    assert len(seen) == 21


@pytest.mark.parametrize("after", ["", " A mill."])
def test_a_line_that_announces_the_piece_is_left_out_and_told(after: str) -> None:
    said = "Certainly, here's the piece you requested:"
    seen, written = run(write_draft(1, PROMPT, writer(FakeLLM(script(draft=f"{said}\n\n{FIRST}{after}")))))
    drafted = of(Drafted, seen)[-1]
    assert written.text == drafted.text == (FIRST + after).strip() and drafted.aside == said
    assert "".join(e.text for e in of(DraftDelta, seen)).strip() == drafted.text and written.faults == ()
    assert drafted.tokens > len(of(DraftDelta, seen))


@pytest.mark.parametrize("end", ["", "\n\n---\n"])
def test_an_announcement_of_nothing_is_an_empty_draft(end: str) -> None:
    seen, written = run(write_draft(1, PROMPT, writer(FakeLLM(script(draft=f"Sure, here's the story:{end}")))))
    assert written.text == "" and written.faults == ("empty",) and not of(DraftDelta, seen)


@pytest.mark.parametrize("asked", ["Begin with the words “{}”", 'A story whose first line is "{}"'])
def test_an_announcement_that_the_request_has_is_the_pieces_own(asked: str) -> None:
    prompt = asked.format("Sure, here's the story:")
    _, written = run(
        write_draft(1, prompt, writer(FakeLLM(script(draft=f"Sure, here’s the story:\n\n{FIRST}")), prompt))
    )
    assert written.text == f"Sure, here’s the story:\n\n{FIRST}"


def test_what_is_held_back_as_a_possible_announcement_is_not_lost_where_the_model_fails_or_is_stopped() -> None:
    class Breaks(FakeLLM):
        def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
            yield "Here is the mill "
            raise ModelError("gone")

    events = write_draft(1, PROMPT, writer(Breaks(script())))
    assert next(events) == DraftDelta(attempt=1, text="Here is the mill ")
    with pytest.raises(ModelError):
        next(events)
    asked = iter(range(10))
    seen, written = run(
        write_draft(1, PROMPT, writer(FakeLLM(script(draft="Here is the mill.")), cancel=lambda: next(asked) > 2))
    )
    assert written.text == "Here is the" == "".join(e.text for e in of(DraftDelta, seen)).strip() and written.cancelled


def test_an_announcement_does_not_count_as_length() -> None:
    prompt, said = "A scene of about 50 words.", "Sure! Here's a scene of fifty words about " + "a mill, " * 12
    _, plain = run(write_draft(1, prompt, writer(FakeLLM(script(draft=sentences_of(40, 6))), prompt)))
    llm = FakeLLM(script(draft=f"{said}a road:\n\n{sentences_of(40, 6)}"))
    _, written = run(write_draft(1, prompt, writer(llm, prompt)))
    assert written.text == plain.text


SYLLABLES = list(map("".join, product("bdfgklmnprst", "aeiou", "bdglmnrst")))  # words that do not repeat


def sentences_of(count: int, words: int, paragraph: int = 4) -> str:
    """Return `count` sentences of so many words each, in paragraphs."""
    rows = [" ".join(SYLLABLES[k * words : (k + 1) * words]) + "." for k in range(count)]
    return "\n\n".join(" ".join(rows[k : k + paragraph]) for k in range(0, count, paragraph))


@pytest.mark.parametrize(
    ("prompt", "reply", "least", "most"),
    [
        ("A scene of about 50 words.", sentences_of(40, 6), 45, 56),
        ("A scene of 60 to 90 words.", sentences_of(40, 9, 90), 75, 84),
        ("A scene of at most 40 words.", sentences_of(40, 6, 90), 38, 44),
        ("A letter of about 50 words.", sentences_of(40, 6), 60, 66),  # with room for its close
        ("A poem of 4 lines.", "\n".join(f"{w} gone" for w in SYLLABLES[:30]), 8, 8),
        ("A scene of at least 40 words.", sentences_of(3, 6), 18, 18),
        ("A scene.", sentences_of(3, 6), 18, 18),
    ],
)
def test_a_draft_ends_at_the_length_asked_for_where_a_sentence_does(
    prompt: str, reply: str, least: int, most: int
) -> None:
    seen, written = run(write_draft(1, prompt, writer(FakeLLM(script(draft=reply)), prompt)))
    count = len(written.text.split())
    assert least <= count <= most and (written.text[-1] == "." or "poem" in prompt)
    stopped = count < len(reply.split())
    assert ("stopped at length" in written.faults) == stopped and "truncated" not in written.faults
    assert "".join(e.text for e in of(DraftDelta, seen)).startswith(written.text)


def test_drawing_again_presses_harder_against_repetition() -> None:
    llm, penalties = FakeLLM(script()), []
    stream = llm.stream
    llm.stream = lambda request, sampling, cancel=never: (  # type: ignore[method-assign]
        penalties.append((sampling.repeat_penalty, sampling.seed)) or stream(request, sampling, cancel)
    )
    run(write_draft(1, PROMPT, writer(llm)))
    run(write_draft(2, PROMPT, writer(llm), harder=True))
    assert penalties[1] > penalties[0] and penalties[1][1] != penalties[0][1]


@pytest.mark.parametrize(
    ("prompt", "max_words", "tokens"),
    [
        ("Something about rain.", None, int(DEFAULT_WORDS * 1.5)),
        ("Something about rain.", 100, 150),
        ("Something about rain.", 3, 48),  # a floor, so that a sentence can end
        ("A note of at most 100 words.", None, int(100 * 1.5 * 1.25 + 48)),
        ("A note of at most 100 words.", 50, 75),  # the smaller one
        ("A note of at most 100 words.", 1000, int(100 * 1.5 * 1.25 + 48)),
        ("A story of 50,000 words.", None, 8192 // 2),  # half of the context, whatever is asked
    ],
)
def test_how_long_a_reply_may_become(prompt: str, max_words: int | None, tokens: int) -> None:
    assert reply_tokens(writer(FakeLLM(script()), prompt, max_words=max_words)) == tokens


def test_a_draft_is_asked_for_with_what_helped_before_and_not_with_what_did_not() -> None:
    def lesson(kind: str, text: str) -> Lesson:
        return Lesson(
            id=text, kind=kind, criterion="c", text=text, prompt="p", rubric_id="r", trajectory_id="t", delta=0
        )

    text = draft_request(PROMPT, [lesson("success", "Let the sea answer."), lesson("failure", "Add a storm.")])
    content = text.messages[-1].content
    assert PROMPT in content and "- Let the sea answer." in content and "storm" not in content
    assert "60 to 90 words" in content.split(PROMPT)[1]
    told = (
        draft_request(
            "A 100-word story in the first person and the past tense. Use the word “tin”. Do not use the word “sea”. "
            "It must end with the words “and then it rained”."
        )
        .messages[-1]
        .content.split("\n\n")[-1]
    )
    assert told.startswith("Write about 100 words as a story, from beginning to end. Tell it in the first person")
    assert "the narrator says “I”" in told and "in the past tense" in told
    assert "Use these words: “tin”." in told and "Do not use these words: “sea”." in told
    assert told.endswith("End with these words: “and then it rained”.")
    assert draft_request("Something about rain.").messages[-1].content == "Write this piece:\n\nSomething about rain."


def test_a_draft_is_asked_for_in_the_voice_of_a_sample_of_which_whole_sentences_are_shown() -> None:
    sample = "I walked home, and it rained. " * 100
    content = draft_request(PROMPT, voice=sample).messages[-1].content
    shown = content.split("<sample>\n")[1].split("\n</sample>")[0]
    assert PROMPT in content and 1000 < len(shown) <= 1800 and shown.endswith("it rained.") and sample.startswith(shown)
    assert "<sample>" in draft_request(PROMPT, voice="no end " * 600).messages[-1].content


def test_a_draft_that_copies_the_sample_of_a_voice_is_marked() -> None:
    sample = "The heron stood in the shallow water all morning, and nobody who passed on the towpath asked it why. "
    own = "My aunt kept a drawer of keys that opened nothing. She oiled them on Sundays, one by one, in the porch."
    for text, copied in ((sample + own, True), (own, False)):
        found = list(write_draft(1, PROMPT, writer(FakeLLM(lambda request, text=text: text))._replace(voice=sample)))
        assert ("copied" in found[-1].faults) is copied


# Revisions


PIECES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12).filter(str.strip),
    min_size=1, max_size=6,
)  # fmt: skip
GAPS = st.sampled_from(["\n\n", "\r\n\r\n", "\n \n", "\n\n\n\n", "\n\t\n  ", "\n"])


@given(PIECES, st.lists(GAPS, min_size=6, max_size=6), st.sampled_from(["", "\n", " \r\n\r\n"]), st.data())
def test_every_other_paragraph_stays_byte_for_byte(
    pieces: list[str], gaps: list[str], ends: str, data: st.DataObject
) -> None:
    text = ends + "".join(p + g for p, g in zip(pieces, gaps, strict=False))[: -len(gaps[len(pieces) - 1])] + ends
    spans = paragraphs(text)
    number = data.draw(st.integers(1, len(spans)))
    start, end = spans[number - 1]
    assert revised(text, change(number)).text == text[:start] + NEW + text[end:]
    added = revised(text, change(number, "extend"))
    assert added.text == text[:end] + "\n\n" + NEW + text[end:] and added.faults == ()


def test_a_revision_is_asked_for_in_the_voice_of_a_sample_and_one_that_copies_it_is_not_taken_over() -> None:
    sample = "I walk to the sea in the rain each morning, and I count the boats that are not there. " * 20
    requests, replies = list[Request](), iter([NEW, "I walk to the sea in the rain each morning, and I count.", NEW])

    def reply(request: Request) -> str:
        requests.append(request)
        return next(replies)

    own = writer(FakeLLM(script(revise=reply)))._replace(voice=sample)
    _, written = run(revise_draft(2, 1, PROMPT, FIRST, [change(1), change(2)], own))
    asked = requests[0].messages[-1].content
    shown = asked.split("<sample>\n")[1].split("\n</sample>")[0]
    assert sample.startswith(shown) and shown.endswith("not there.") and 500 < len(shown) <= 900
    assert asked.index("</sample>") < asked.index("Rewrite the paragraph in about")
    first, second, third = FIRST.split("\n\n")
    assert written.text == f"{NEW}\n\n{second}\n\n{third}"  # the copy is not taken over
    assert "<sample>" not in change_request(PROMPT, FIRST, "", change(3, "extend"), sample).messages[-1].content


def test_words_of_the_sample_that_stood_there_already_are_not_copied() -> None:
    sample = "I walk to the sea in the rain each morning, and I count the boats that are not there."
    text = f"{sample} It is a pity that nobody else comes out so early to see them."
    kept = f"{sample} Nobody else comes out so early."
    own = writer(FakeLLM(script(revise=kept)))._replace(voice=sample * 9)
    _, written = run(revise_draft(2, 1, PROMPT, text, [change(1)], own))
    assert written.text == kept and written.faults == ()


def test_several_paragraphs_change_in_one_round_and_the_first_advice_on_one_counts() -> None:
    asked = iter(["Salt comes first here.", "Rope comes second here."])
    advice = [change(3), change(1, edit="Begin with salt."), change(1, edit="Begin with fire.")]
    llm = FakeLLM(script(revise=lambda request: next(asked)))
    _, written = run(revise_draft(2, 1, PROMPT, FIRST, advice, writer(llm)))
    middle = FIRST.split("\n\n")[1]
    assert written.text == f"Salt comes first here.\n\n{middle}\n\nRope comes second here."
    first, second = (r.messages[-1].content for r in llm.seen)
    assert "Begin with salt." in first and "fire" not in first + second
    assert "Salt comes first here." in second  # the second call sees the text as it stands now
    assert "Be rough" not in first  # and each only what comes before its paragraph, and the paragraph


def test_what_is_streamed_is_what_is_told_at_the_end() -> None:
    for operation in ("rewrite", "extend"):
        llm = FakeLLM(script(revise=NEW, extend=NEW))
        events, written = run(revise_draft(2, 1, PROMPT, FIRST, [change(3, operation)], writer(llm)))
        streamed = "".join(e.text for e in of(DraftDelta, events))
        assert streamed == written.text


@pytest.mark.parametrize("operation", ["rewrite", "extend"])
@pytest.mark.parametrize(
    "reply",
    [
        "",
        "  \n",
        LOOP,
        "Here is the revised paragraph: the sea.",
        "As an AI I like the sea.",
        "<paragraph> The sea.",
        '<revision paragraph="2">\nThe sea.',
    ],
    ids=["empty", "blank", "looping", "talk", "assistant", "tags", "a revision"],
)
def test_a_broken_paragraph_is_not_taken_over_and_the_attempt_is_marked(reply: str, operation: str) -> None:
    written = revised(FIRST, change(2, operation), reply=reply)
    assert written.text == FIRST and "copied" in written.faults and len(written.faults) > 1


def test_a_paragraph_of_which_only_a_thought_came_is_not_taken_over() -> None:
    found = revised(FIRST, change(2), reply=f"<think>\nIt is dull.\n</think>\n\n{NEW}")  # ended at the empty line
    assert found.text == FIRST and {"empty", "copied"} <= set(found.faults)


def test_an_edit_that_comes_back_as_text_is_an_echo() -> None:
    edit = "Name the tin of polish that stood on the third step all those winters."
    assert "echoes the instructions" in revised(FIRST, change(2, edit=edit), reply=f"{edit} It was blue.").faults
    assert revised(FIRST, change(2, edit=edit)).faults == ()


@pytest.mark.parametrize(
    "reply",
    [
        "The stairs were cold that night. Tell it in the first person: the narrator says “I”. The lamp turned on.",
        "Every morning the keeper started early and saw many people. It was a nice time and he will miss it.",
    ],
    ids=["what was asked", "the prompt's own example"],
)
def test_a_paragraph_that_says_what_was_asked_or_the_example_is_an_echo(reply: str) -> None:
    told = change(2, edit="Tell it in the first person: the narrator says “I”.")
    written = revised(FIRST, told, reply=reply)
    assert "echoes the instructions" in written.faults and written.text == FIRST


def test_a_paragraph_that_comes_back_as_it_was_is_a_copy() -> None:
    same = FIRST.split("\n\n")[1].replace(" ", "  ")
    assert revised(FIRST, change(2), reply=same) == Written(FIRST, ("copied",), -(-len(same) // 4), False)


def test_no_advice_or_advice_on_a_paragraph_that_is_not_there_is_a_copy_without_a_call() -> None:
    for advice in ((), (change(4),)):
        assert revised(FIRST, *advice) == Written(FIRST, ("copied",), 0, False)


def test_one_broken_paragraph_does_not_spoil_a_sound_one() -> None:
    replies = iter([NEW, ""])
    written = revised(FIRST, change(1), change(3), reply=lambda request: next(replies))
    assert written.faults == () and written.text == NEW + FIRST[FIRST.index("\n\n") :]


def test_a_stop_inside_a_paragraph_keeps_the_old_one_and_asks_for_nothing_more() -> None:
    llm, seen = FakeLLM(script(revise=NEW)), list[Event]()
    stream = revise_draft(2, 1, PROMPT, FIRST, [change(1), change(3)], writer(llm, cancel=lambda: len(seen) > 5))
    for event in stream:
        seen.append(event)
    assert isinstance(seen[-1], Drafted) and seen[-1].text == FIRST and len(llm.seen) == 1
    assert seen[-1].faults == ("truncated",)


def test_going_on_begins_where_the_text_ends() -> None:
    request = change_request(PROMPT, FIRST, "", change(3, "extend"))
    assert request.answer == FIRST + "\n\n" and station(request) == "extend"
    long = "\n\n".join([FIRST] * 9)
    assert change_request(PROMPT, long, "", change(3, "extend")).answer == long[-1800:] + "\n\n"


def test_a_rewrite_says_how_long_and_what_stands_before() -> None:
    content = change_request(PROMPT, FIRST[:76], FIRST[78:200], change(2)).messages[-1].content
    count = len(re.findall(r"\w+", FIRST[78:200]))
    assert f"about {count} words" in content and "Name the tin of polish." in content and FIRST[:76] in content
    assert "(the text begins here)" in change_request(PROMPT, " \n", "Short.", change(1)).messages[-1].content
    assert "about 20 words" in change_request(PROMPT, "", "Short.", change(1)).messages[-1].content


def sampled(advice: Advice, *protected: str, prompt: str = PROMPT) -> Sampling:
    """Return how the paragraph that is advised was drawn."""
    llm, found = FakeLLM(script(revise=NEW, extend=NEW)), list[Sampling]()
    stream = llm.stream
    llm.stream = lambda request, sampling, cancel=never: (  # type: ignore[method-assign]
        found.append(sampling) or stream(request, sampling, cancel)
    )
    run(revise_draft(2, 1, PROMPT, FIRST, [advice], writer(llm, prompt)._replace(protected=protected)))
    return found[0]


def test_a_paragraph_is_written_in_other_words_unless_most_of_it_is_to_stay() -> None:
    old = FIRST.split("\n\n")[1]
    assert sampled(change(2)).apart == (old, "Name the tin of polish.")
    assert sampled(change(2, "extend")).apart == (old, "Name the tin of polish.")
    assert sampled(change(2).model_copy(update={"mend": True})).apart == ()
    assert sampled(change(2), KEPT).apart == ()  # its words would be the first to go
    for asked in ("Use the words “my left boot” in it.", "Write it in German."):
        assert sampled(change(2), prompt=asked).apart == ()


def test_words_that_were_run_together_are_parted_and_words_of_one_token_are_not() -> None:
    old = "The world around them, and every day may be one of a co-worker, where he found a way to go in to the house."
    known = {" everyday": 1, " maybe": 1, " away": 1, " into": 1, " aroundthem": 2}
    new = "All aroundthem, everyday and maybe, he went away into the coworker's house, themand so on."
    parted = new.replace("aroundthem", "around them")
    assert spaced(new, old, lambda word: known.get(word, 1)) == parted
    server = spaced(new, old, lambda word: -(-len(word.encode()) // 3))  # which guesses
    assert "away into the coworker's" in server and "everyday and maybe" in server


# Protected passages


KEPT = "The brass remembers my thumb, the rope my temper"


def keeping(reply: str, *passages: str, operation: str = "rewrite") -> tuple[Written, FakeLLM]:
    llm = FakeLLM(script(revise=reply, extend=reply))
    who = writer(llm)._replace(protected=passages)
    _, written = run(revise_draft(2, 1, PROMPT, FIRST, [change(2, operation)], who))
    return written, llm


def test_the_reviser_is_told_what_is_protected_and_a_reply_that_keeps_it_is_taken_over() -> None:
    written, llm = keeping(f"Worn stairs, one tin of polish. {KEPT}, and the glass my breath.", KEPT)
    assert f"exactly as they are: “{KEPT}”" in llm.seen[0].messages[-1].content
    assert written.faults == () and KEPT in written.text and "tin of polish" in written.text


def test_a_reply_that_alters_a_protected_passage_is_not_taken_over() -> None:
    written, _ = keeping("Worn stairs, one tin of polish, and nothing of brass.", f"{KEPT}")
    assert written.text == FIRST and written.faults == ("alters a protected passage", "copied")


def test_a_paragraph_that_is_protected_whole_is_not_asked_for_but_may_be_gone_on_from() -> None:
    whole = FIRST.split("\n\n")[1]
    written, llm = keeping("Something else altogether stands here.", f"{whole}\n\nTomorrow a man")
    assert llm.seen == [] and written.text == FIRST
    written, llm = keeping("The last tin of polish stood open, half used.", whole, operation="extend")
    assert len(llm.seen) == 1 and whole in written.text and "half used" in written.text
