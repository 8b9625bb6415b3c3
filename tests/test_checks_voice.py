"""A voice: worked by hand, on any text at all, and on passages whose authors are known."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.checks import measure, voice, word_count
from writer_r1.checks.voice import habits
from writer_r1.ladders import drafted, originals
from writer_r1.trajectory import Check

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "public_domain_sample.jsonl"
BLUNT = "I walked home. It rained. Nobody was on the road. The dog had gone. I looked for it. Then I slept. " * 5
WINDING = (
    "When at last, after what seemed to all of us an interminable winter, the ice went out of the harbour — and it "
    "went out, as it always does, in one night, with a noise like furniture — my aunt, who had said nothing since "
    "November, put down her needle; she looked at each of us in turn, as though counting; and then she asked for her "
    "boots! "
) * 2


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gives_a_value_in_range_and_spans_inside_it(text: str, sample: str) -> None:
    for words, other in ((text, sample), (text + BLUNT, sample + WINDING)):
        found = voice(words, other)
        assert found.value is None or 0 <= found.value <= 1
        assert all(0 <= start < end <= len(words) for start, end in found.spans) and found.reason.endswith(".")


def test_a_text_is_nearest_to_itself_and_what_parts_two_manners_is_said() -> None:
    assert voice(BLUNT, BLUNT).value == voice(WINDING, WINDING).value == 1.0
    found = voice(WINDING, BLUNT)
    assert found.value is not None and found.value < 0.1
    assert "sentences are longer (66 words, yours 4)" in found.reason
    assert all(word_count(WINDING[start:end]) > 40 for start, end in found.spans) and found.spans
    assert "shorter" in voice(BLUNT, WINDING).reason and "fewer commas" in voice(BLUNT, WINDING).reason


def test_habits_are_counted_per_word() -> None:
    found = habits("The cat sat, and the dog sat. Why?")
    assert found.lengths == (7, 1) and found.small[0] == 2 / 8
    assert found.marks[0] == 1 / 8 and found.marks[5] == 1 / 8


def test_a_few_words_have_no_voice() -> None:
    assert voice("It rained. " * 20, BLUNT).value is None
    assert "80 words" in voice(BLUNT, "Too little.").reason


def test_without_english_the_small_words_do_not_count() -> None:
    german = "Ich ging nach Hause, und es regnete die ganze Nacht. Niemand war auf der Straße zu sehen. " * 8
    assert voice(german, german).value == 1.0


def test_a_rubric_may_ask_for_it() -> None:
    assert measure(Check(type="voice", value=BLUNT), BLUNT, "Anything.").value == 1.0


def test_pieces_by_one_hand_are_nearer_to_each_other_than_what_a_model_writes() -> None:
    sample = "\n\n".join(o.text for o in originals()[:2])
    ours = [voice(o.text, sample).value or 0.0 for o in originals()[3:] if o.form != "poem"]
    model = [voice(d.good, sample).value or 0.0 for d in drafted()]
    nearer = sum(a > b for a in ours for b in model) / len(ours) / len(model)
    assert nearer > 0.7


@pytest.mark.skipif(not SAMPLES.exists(), reason="the development data (../shared) are not here")
def test_of_known_authors_passages_of_one_are_nearer_than_those_of_two() -> None:
    """The figure that the docstring of `voice` states."""
    rows = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
    prose = [row for row in rows if row["form"] != "poem" and len(row["text"].split()) >= 400]
    passages = [(row["author"], " ".join(row["text"].split(" ")[:400])) for row in prose]
    same, other = list[float](), list[float]()
    for (author, text), (another, sample) in combinations(passages, 2):
        (same if author == another else other).append(voice(text, sample).value or 0.0)
    assert len(same) >= 40
    assert sum((a > b) + (a == b) / 2 for a in same for b in other) / len(same) / len(other) > 0.65
