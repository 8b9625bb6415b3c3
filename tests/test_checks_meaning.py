"""Checks of meaning on the real embedder: do sentences follow from each other, is each demand met."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ordered_stories import stories

from writer_r1.checks import coherence, coverage, met, requirements
from writer_r1.checks.meaning import MAX_UNITS, neighbours, runs, units
from writer_r1.embedding import embed


def shuffled(text: str, seed: int) -> str:
    parts = [text[start:end] for start, end in units(text)]
    random.Random(seed).shuffle(parts)
    return " ".join(parts)


def mean_likeness(text: str) -> float:
    return statistics.fmean(likeness for _, _, likeness in neighbours(text, embed).pairs)


TEXTS = st.text() | st.text("aI .!?…\"'“”\n\r\t。！字かñ\u0301\u2028-5\ud83d", max_size=200)


@given(TEXTS)
def test_units_are_whole_sentences_in_order(text: str):
    found = units(text)
    assert all(0 <= a < b <= len(text) for a, b in found)
    assert all(before[1] <= after[0] for before, after in zip(found, found[1:], strict=False))
    assert sum(len(row) for row in runs(text)) == min(len(found), MAX_UNITS)


def test_a_sentence_of_a_word_or_two_is_read_with_its_neighbour():
    text = "No. He would not come down. Why? The ladder was gone.\nGone.\nIt lay in the river."
    assert [text[a:b] for a, b in units(text)] == [
        "No. He would not come down. Why?",
        "The ladder was gone.",
        "Gone.",
        "It lay in the river.",
    ]


@pytest.mark.parametrize(("stories_each", "least"), [(1, 12), (3, 18)])
def test_shuffled_sentences_hang_together_less_than_those_in_order(stories_each: int, least: int):
    written = stories()
    texts = [" ".join((written * 2)[i : i + stories_each]) for i in range(20)]
    less = [
        mean_likeness(text) > statistics.fmean(mean_likeness(shuffled(text, seed)) for seed in range(5))
        for text in texts
    ]
    assert sum(less) >= least, sum(less)


def test_sentences_of_many_stories_have_no_coherence():
    texts = stories()
    mixed = " ".join(text[slice(*units(text)[3])] for text in texts)
    whole = [coherence(text, embed).value for text in texts]
    assert all(value is not None for value in whole)
    found = coherence(mixed, embed)
    assert found.value is not None and found.value < 0.3 < statistics.fmean(value or 0.0 for value in whole)
    assert found.spans and found.reason.startswith("Neighbouring sentences hardly connect")


def test_saying_the_same_again_is_no_coherence_and_three_sentences_are_too_few():
    assert coherence("The boat came home with the evening tide. " * 12, embed).value is None
    assert coherence("A boat came home. It was late in the day.", embed).value is None
    assert coherence(stories()[0], None).value is None
    assert coherence("Das Boot kam spät nach Hause und die Frau wartete nicht mehr auf ihn. " * 3, embed).value is None


REQUEST = "Write a story about a woman who sells maps from a stall, with a professor and a gift of books."


def test_a_story_that_leaves_a_demand_out_covers_less():
    text = next(story for story in stories() if "sold maps" in story)
    demands = requirements(REQUEST)
    assert demands == ("a woman who sells maps from a stall", "a professor", "a gift of books")
    parts = [text[start:end] for start, end in units(text)]
    without = " ".join(part for part in parts if "professor" not in part and "librar" not in part)
    full, less = coverage(text, demands, embed), coverage(without, demands, embed)
    other = coverage(next(story for story in stories() if "desert bus" in story), demands, embed)
    assert full.value is not None and less.value is not None and other.value is not None
    assert full.value > less.value + 0.1 > other.value
    woman, professor, _ = met(text, demands, embed)
    assert woman.span and "sold maps" in text[slice(*woman.span)]
    assert professor.value == 1.0 and professor.span and text[slice(*professor.span)] == "A professor"


def test_every_story_covers_a_line_about_itself_better_than_a_line_about_another():
    texts = stories()
    lines = {0: "a letter from a brother abroad", 1: "a frozen mill and a lack of bread", 2: "a dog afraid of thunder"}
    for i, line in lines.items():
        own = met(texts[i], [line], embed)[0].likeness
        assert all(met(texts[j], [line], embed)[0].likeness < own for j in range(20) if j != i)


def test_coverage_has_no_value_without_demands_and_none_of_an_empty_text():
    assert coverage("The mill stood still.", [], embed).value is None
    assert coverage("The mill stood still.", [" "], embed).value is None
    assert coverage("", ["a mill"], embed).value == 0.0
    assert coverage("The mill stood still.", ["a mill"], None).value is None
    assert coverage("水车停了，孩子们都睡了。", ["a mill"], embed).value is None
