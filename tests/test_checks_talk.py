"""Talk to the user in a draft: found where it stands, and let be where people in a story say such things."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import meta_talk

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
def test_published_pieces_speak_to_nobody():
    rows = [json.loads(line) for line in (DATA / "public_domain_sample.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows if meta_talk(row["text"], row["prompt"]).value != 1.0] == []
