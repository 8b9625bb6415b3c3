"""All of the evidence in one call: finite numbers of fixed names, few sentences read, likeness that teachers share."""

import json
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordered_stories import by_letters, stories

from writer_r1.checks import evidence, relevance
from writer_r1.checks.meaning import MAX_UNITS
from writer_r1.embedding import embed, similarity

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this checkout")

TEXTS = st.text() | st.text("aI .!?…\"'“”\n\r\t。！字かñ\u0301\u2028-5\ud83d", max_size=200)
# A regression is fitted to these names in this order: a change here asks for a new fit.
NUMBERS = """
    log_words log_sentences log_paragraphs sentence_words sentence_words_sd capital_starts distinct_2 distinct_3
    distinct_4 compression mattr kinds_by_root doubled word_length long_words small_words first_person third_person
    commas questions exclamations dashes pauses quotes digits newlines finished repetition speech stock_per_1000
    contrasts_per_1000 talk copied request_likeness request_likeness_of_sentences demand_likeness demand_likeness_least
    demands_met demands neighbours neighbours_least neighbours_sd order
"""
ODD = [
    "",
    " \n",
    "word",
    "🙂",
    "🙂🙂 🙃",
    "\ud83d",
    "月亮很圆。孩子们睡了。狗在叫。风停了。",
    "ok\x00",
    "a. " * 400,
    "x" * 5000,
]


def ranks(values: Sequence[float]) -> list[float]:
    return [sum(other < x for other in values) + (sum(other == x for other in values) - 1) / 2 for x in values]


def rho(a: Sequence[float], b: Sequence[float]) -> float:
    return statistics.correlation(ranks(a), ranks(b))


@settings(deadline=None)  # time has tests of its own
@given(TEXTS, TEXTS)
def test_any_text_gives_values_in_range_spans_inside_it_and_finite_numbers(text: str, request: str):
    found = evidence(text, request, by_letters)
    for measure in found.measures.values():
        assert measure.value is None or 0 <= measure.value <= 1
        assert all(0 <= start < end <= len(text) for start, end in measure.spans)
        assert measure.reason.endswith(".")
    for row in found.demands:
        assert row.span is None or 0 <= row.span[0] < row.span[1] <= len(text)
    assert all(math.isfinite(x) for x in found.numbers.values())
    assert evidence(text, request, by_letters) == found


def test_odd_texts_have_the_same_numbers_in_the_same_order_on_the_real_embedder():
    for text in [*ODD, stories()[0]]:
        found = evidence(text, "Write a story about a dog and a flood.", embed)
        assert list(found.numbers) == NUMBERS.split()
        assert all(math.isfinite(x) for x in found.numbers.values()), text


def test_the_embedder_is_asked_once_and_for_few_sentences_even_of_a_long_text():
    asked: list[list[str]] = []

    def counting(texts: Sequence[str]) -> list[list[float]]:
        asked.append(list(texts))
        return by_letters(texts)

    long = " ".join(f"Boat number {i} leaves the harbour at dawn with {i} barrels." for i in range(1000))
    request = "Write about boats, with a storm and a rescue."
    started = time.perf_counter()
    found = evidence(long, request, counting)
    assert time.perf_counter() - started < 20  # 10,000 words; about a second on a quiet machine
    assert len(asked) == 1
    assert asked[0][:2] == [request, long]
    sentences = asked[0][2 + len(found.demands) :]
    assert len(sentences) == MAX_UNITS
    assert max(map(len, sentences)) <= 300
    assert sentences[0].startswith("Boat number 0 ") and sentences[-1].startswith("Boat number 999 ")


def test_evidence_names_what_it_measured():
    text = f"Here is the revised story:\n\n{stories()[4]}"
    request = "Write a story about a man who grows tomatoes, with dialogue."
    found = evidence(text, request, embed)
    assert list(found.measures) == [
        "relevance",
        "coverage",
        "coherence",
        "variety",
        "stock_phrases",
        "repetition",
        "completeness",
        "dialogue",
        "meta_talk",
    ]
    assert found.measures["meta_talk"].value == 0.5
    assert found.measures["dialogue"].value == 0.0
    assert found.numbers["talk"] == 1.0
    assert found.numbers["finished"] == 1.0
    assert found.demands[0].demand == "a man who grows tomatoes"
    assert found.measures["relevance"] == relevance(text, request, similarity)


@pytest.mark.slow  # 184 stories are read
@needs_data
def test_likeness_to_the_request_goes_with_what_teachers_call_relevant():
    rows = [json.loads(row) for row in (DATA / "wp_a_teacher_ratings.jsonl").read_text("utf-8").splitlines()]
    rated = [statistics.fmean(row["ratings"]["relevance"]) for row in rows]
    names = ("request_likeness", "request_likeness_of_sentences", "demand_likeness")
    found = [evidence(row["story"], row["prompt"], embed).numbers for row in rows]
    assert rho([math.fsum(numbers[name] for name in names) for numbers in found], rated) >= 0.5
