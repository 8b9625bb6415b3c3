"""A line that announces a draft: told while it comes, and what may open a story is its own."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks_talk import TEXTS

from writer_r1.checks.aside import aside, parted

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this checkout")

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


@needs_data
def test_published_pieces_begin_with_no_aside():
    rows = [json.loads(line) for line in (DATA / "public_domain_sample.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows if aside(row["text"])] == []
