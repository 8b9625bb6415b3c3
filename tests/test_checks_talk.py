"""Talk to the user in a draft: found where it stands, and let be where people in a story say such things."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import meta_talk
from writer_r1.checks.aside import aside, parted

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this checkout")

TEXTS = st.text() | st.text("aI .!?…\"'“”‘’«»„—-:[]\n\r\t。「」字かñ\u0301\u2028-5\ud83d", max_size=120)


def pieces(text: str, spans: tuple[tuple[int, int], ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


@settings(deadline=None)  # time has tests of its own
@given(TEXTS, TEXTS)
def test_any_text_gives_values_in_range_spans_inside_it_and_the_same_twice(head: str, request: str):
    for text in (head, request + head):
        found = meta_talk(text, request)
        assert found.value is None or 0 <= found.value <= 1
        assert all(0 <= start < end <= len(text) for start, end in found.spans)
        assert list(found.spans) == sorted(found.spans)
        assert found.reason.endswith(".")
        assert meta_talk(text, request) == found


TALK = [
    ("Here is the revised story:\n\nThe mill stood still.", "Here is the revised story:"),
    ("Sure! Here's a short story about a mill.\n\nThe mill stood still.", "Sure! Here's a short story about a mill."),
    ("Certainly, I've rewritten it.\nThe mill stood still.", "Certainly, I've rewritten it."),
    ("**Revised Version:**\n\nThe mill stood still.", "**Revised Version:**"),
    ("The mill stood still.\n\nI hope this helps!", "I hope this helps!"),
    ("The mill stood still.\n\nLet me know if you would like changes.", "Let me know if you would like changes."),
    ("The mill stood still.\n\nThis story explores loss and hope.", "This story explores loss and hope."),
    ("The mill stood still.\n\n(Word count: 298)", "(Word count: 298)"),
    ("The mill stood still.\n\nNote: I kept the ending short.", "Note: I kept the ending short."),
    ("As an AI language model, I like mills.", "As an AI"),
]


@pytest.mark.parametrize(("text", "said"), TALK, ids=[said[:24] for _, said in TALK])
def test_talk_to_the_user_is_found_where_it_stands(text: str, said: str):
    found = meta_talk(text, "Write a story about a mill.")
    assert found.value in (0.0, 0.5)
    assert pieces(text, found.spans)[0].startswith(said[:12])
    assert said[:12] in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "“Sure! Here is your change,” said the clerk.",
        "Sure of the road, he walked on. Here is where it bent.",
        "Here is the house. Here is the door, and nobody is behind it.",
        "Of course it rained. Of course I had no coat.",
        "The clerk smiled. “Let me know if you need a bag.”",
        "Note how the light falls, said the painter. Then he slept.",
        "This story my father told me on the ferry.",
    ],
)
def test_people_in_a_story_may_say_such_things(text: str):
    assert meta_talk(text, "Write a story about a clerk.").value == 1.0


ASIDES = [
    "Certainly, here's the piece you requested:\n\n",
    "Sure! Here’s the piece:\n\n",
    "OK, sure! Of course. Here's the story you asked for:\r\n\r\n",
    "Sure — here's a monologue of a mill:\n\n",
    "Certainly! Here's a quiet look at a mill in 150 words:\n\n",
    "Sure!\n\nHere's the requested scene:\n\n",
    "**Sure thing! Here is a poem about mills:**\n\n---\n\n",
    "Certainly. Here’s an account of a well-known mill from the Renaissance:\n",
    "Okay, great! I'd be happy to write that. Here is your story:\n\n",
    "Here's a written piece that meets your request:\n\n",
    "Here's a story that meets your requirements:\n\n",
    "Okay, here's a short story about a mill, aiming for a melancholic tone:\n\n",
    "Sure! Here's my attempt at a story:\n\n",
    "Sure, I can help with that. Here's a short story:\n\n",
    "Of course! Here's a slightly longer, more evocative story about a mill:\n\n",
    "Sure! Here you go:\n\n",
    "Here is a 150-word story about a mill:\n\n***\n\n",
    "Certainly! Here's a farewell letter from a miller who, after forty years at one wheel, learns that the mill is to "
    "be sold and that one last night is left to say goodbye to it:\n\n",
    "Here's a possible story about a mill that stood still:\n\n",
]
OF_THE_PIECE = [
    "Here is the letter that I found in his coat:\n\nDear Ann, the mill stood still.",
    "Here is a story that my father told me on the ferry:\n\nThe mill stood still.",
    "Sure of the road, he walked on. Here is where it bent:\nthe mill.",
    "“Sure, here's the story:”\n\nThe mill stood still.",
    "Of course it rained, and here:\n\nthe mill.",
    "Here lies a miller:\n\nhe stood still.",
    "Okay, here's the thing:\n\nI never liked my brother.",
    "Okay, here's the story:\n\nMy uncle had a Ford.",
    "Okay, I’m Dana. I’m seventeen and I steal cars. This is how it began:\n\nMy uncle had a Ford.",
    "Of course, I'd heard the stories:\nhow the mill burned.",
    "Of course, here in the valley everyone knew the rule:\n\nno mill turns on a Sunday.",
    "Sure, here's the story I never told you:\n\nThe mill burned.",
    "Great. Here we go again:\n\nthe mill.",
    "Here is the final entry in my father's log:\n\nMay 4. Ice.",
    "Here is an edited transcript of the call:\n\n“Who is there?”",
    "Here is my revised will:\n\nThe mill goes to Ann.",
    "Here is the final letter:\n\nDear Ann, the mill stood still.",
    "I'd love to tell you I was brave. Here's the true story:\n\nI ran.",
    "I'd love to say it ended there. Here is the rest of the story:\n\nIt burned.",
    "Here is the confession you asked for, Father:\n\nI burned the mill.",
    "Here is the account you requested, Your Honour:\n\nThe mill burned.",
    "Here's the story you asked me for:\n\nThe mill burned.",
    "Here is the truth you wanted:\n\nThe mill burned.",
    "Here is the 40-word notice that the Gazette ran:\n\nMill for sale.",
    "Of course, here is the letter he left:\n\nThe mill is yours.",
    "Okay, here's my story:\n\nThe mill burned.",
    "Sure, here is my letter to the miller:\n\nThe mill burned.",
    "Here's a final word of advice:\n\nsell the mill.",
    "Sure! Here's the piece: The keeper wrote on the wall one word a night, and in June it said:\n\n“Go home.”",
    "Here's a possible story, he said. And another:\n\nThe mill.",
]


@pytest.mark.parametrize("said", ASIDES)
def test_a_line_that_announces_the_piece_is_told_from_it_and_not_before_it_is_whole(said: str):
    text = f"{said}“Here is the mill,” she said. It stood still."
    assert aside(text) == said
    told = [aside(text[:k]) for k in range(len(text))]
    assert parted(text, "") == (said, text[len(said) :]) and parted(said, "") == (said, "")
    assert parted(said.rstrip(), "") == (said.rstrip(), "")
    assert set(told) == {None, said} and told.count(None) <= len(said) + 2


@pytest.mark.parametrize("text", OF_THE_PIECE)
def test_what_may_open_a_story_is_its_own(text: str):
    assert {aside(text[:k]) for k in range(len(text) + 1)} <= {None, ""} and aside(text) == "" == parted(text, "")[0]


@settings(deadline=None)
@given(st.sampled_from(["", *ASIDES, *OF_THE_PIECE]), TEXTS)
def test_an_aside_is_the_beginning_of_the_text_and_more_text_does_not_change_it(head: str, rest: str):
    text = head + rest
    told = [said for k in range(len(text) + 1) if (said := aside(text[:k])) is not None]
    assert len(set(told)) <= 1 and all(text.startswith(said) and text != said for said in told if said)


def test_a_draft_is_not_waited_for_longer_than_its_first_words_leave_it_open():
    assert aside("Sure") is None and aside("Surely") == aside("Sure enough") == aside("The") == ""
    assert aside("Here the mill is still.") == aside("Here is the mill. It is") == aside("x") == ""
    assert aside("Here is the mill that stood still for " + "a long and very long time, " * 12) == ""
    assert aside("Here" * 200) == aside("great!" * 200) == aside("\n" * 500) == aside("Sure! " * 100) == ""


def test_a_letter_may_close_like_a_letter():
    letter = "Dear Ms Gray,\n\nThe roof is mended.\n\nPlease let me know if it leaks again.\n\nYours,\nTom"
    assert meta_talk(letter, "Write a letter to my landlady about the roof.").value == 1.0
    assert meta_talk(letter, "Write a story about a roof.").value == 0.5


def test_an_echo_of_the_request_counts_unless_it_was_put_in_quotation_marks():
    request = "Write about a miller who finds that the wheel of the mill turns only when nobody looks at it at all."
    echo = "A miller who finds that the wheel of the mill turns only when nobody looks at it lived here."
    found = meta_talk(echo, request)
    assert found.value == 0.5
    assert pieces(echo, found.spans) == [
        "A miller who finds that the wheel of the mill turns only when nobody looks at it"
    ]
    line = "The wheel of the mill turns only when nobody in the whole village looks at it."
    assert meta_talk(f"{line} So they said.", f'Begin with "{line}"').value == 1.0


@needs_data
def test_published_pieces_begin_with_no_aside():
    rows = [json.loads(line) for line in (DATA / "public_domain_sample.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows if aside(row["text"])] == []


@needs_data
def test_published_pieces_speak_to_nobody():
    rows = [json.loads(line) for line in (DATA / "public_domain_sample.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows if meta_talk(row["text"], row["prompt"]).value != 1.0] == []
