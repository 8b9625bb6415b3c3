"""Requests are split into their demands, in their own words; nothing else is made of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import asked_dialogue, requirements

TEXTS = st.text() | st.text("aI .!?…\"'“”‘’«»„—-:[]\n\r\t。「」字かñ\u0301\u2028-5\ud83d", max_size=120)


@pytest.mark.parametrize(
    ("request_", "demands"),
    [
        (
            "Write a short story of about 300 words about a lighthouse keeper who finds a bottle, with a twist ending "
            "and at least one joke. Include the words amber, anchor and tide. Do not mention the sea.",
            [
                "a lighthouse keeper who finds a bottle",
                "a twist ending",
                "at least one joke",
                "amber",
                "anchor",
                "tide",
            ],
        ),
        ("Tell a story about rain and a dog", ["rain", "a dog"]),
        ("- a red door\n- a cat named Otto\n3) ends at dawn", ["a red door", "a cat named Otto", "ends at dawn"]),
        (
            "Write a cover letter. It must include: my two years at a hotel, my love of bread, and that I can start.",
            ["my two years at a hotel", "my love of bread", "I can start"],
        ),
        ("You live in a game. You are not its hero.", ["You live in a game", "You are not its hero"]),
        ("Please write me a poem in the first person, past tense, of 40 words.", []),
        ("Today, he is done.", ["Today, he is done"]),
        ("", []),
    ],
)
def test_a_request_is_split_into_its_demands(request_: str, demands: list[str]):
    assert list(requirements(request_)) == demands


@settings(deadline=None)  # time has tests of its own
@given(TEXTS | st.text("about with, and the a dog include: words \"'.;\n-", max_size=200))
def test_any_request_gives_few_short_distinct_demands(request: str):
    found = requirements(request)
    assert len(found) == len(set(found)) <= 12
    assert all(demand.strip() == demand != "" for demand in found)
    assert requirements(request) == found


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ("Write a scene with sharp dialogue between two cooks.", "speech"),
        ("A conversation between a ghost and a plumber", "speech"),
        ("Write a story without any dialogue.", "none"),
        ("Do not use direct speech. Past tense.", "none"),
        ("A story in which nobody speaks", "none"),
        ("Write a story about a mill.", None),
        ("", None),
    ],
)
def test_a_wish_for_or_against_dialogue_is_read(request_: str, asked: str | None):
    assert asked_dialogue(request_) == asked
