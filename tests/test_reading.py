"""How a text reads to a model: on the real starter model, and the numbers made of it."""

import math
from collections.abc import Iterator
from itertools import accumulate

import numpy as np
import pytest
from conftest import STARTER, require_starter
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from writer_r1.llm import Message, Reading, Request, load
from writer_r1.llm.llamacpp import LlamaCpp, _log_softmax, _tokens_of
from writer_r1.surprisal import surprisal_numbers

TEXT = (
    "The keeper went down to the slip. He counted the boats, «one» by one; nobody had asked him to — not even the sea."
)
DIGITS = tuple("123456789")
model = pytest.mark.model


@pytest.fixture(scope="module")
def llm() -> Iterator[LlamaCpp]:
    require_starter()
    loaded = load(STARTER, name="starter", context=2048)
    assert isinstance(loaded, LlamaCpp)
    yield loaded
    loaded.close()


def holding(text: str) -> Request:
    return Request((Message("system", "You judge."), Message("user", f"<draft>\n{text}\n</draft>\n")), "Score: ")


def read(llm: LlamaCpp, text: str) -> Reading:
    reading = llm.read(holding(text), text)
    assert reading is not None
    return reading


@model
def test_the_tokens_read_are_those_of_the_text(llm: LlamaCpp) -> None:
    assert TEXT in "".join(read(llm, TEXT).pieces)
    assert len("".join(read(llm, TEXT).pieces)) <= len(TEXT) + 4  # a token may reach over the edge


@model
def test_the_surprisal_of_a_token_is_what_a_plain_evaluation_of_all_before_it_gives(llm: LlamaCpp) -> None:
    reading, tokens = read(llm, TEXT), llm.encode(holding(TEXT))[0]
    pieces = [llm._piece(t, special=True) for t in tokens]
    start, end = _tokens_of(TEXT.encode(), pieces)
    for k in (0, 7, end - start - 1):
        llm._seq.forget()
        llm._seq.fill(tokens[: start + k], lambda: False)
        logs = _log_softmax(llm._seq.row(-1)).astype(np.float64)
        assert reading.surprisal[k] == pytest.approx(-logs[tokens[start + k]], abs=0.35)
        assert reading.entropy[k] == pytest.approx(-(np.exp(logs) * logs).sum(), abs=0.35)
        assert (reading.rank[k] == 0) == (logs.argmax() == tokens[start + k])


@model
def test_nonsense_surprises_more_than_prose(llm: LlamaCpp) -> None:
    words = TEXT.split()
    shuffled = " ".join(words[::3] + words[1::3] + words[2::3])
    assert read(llm, shuffled).surprisal.mean() > read(llm, TEXT).surprisal.mean() + 0.5


@model
def test_the_state_is_the_mean_over_the_text_however_it_is_cut_into_steps(
    llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(llm, TEXT).state
    monkeypatch.setattr("writer_r1.llm.sequences.STEP", 5)
    llm._seq.forget()
    cut = read(llm, TEXT).state
    assert whole.shape == (576,) and np.corrcoef(whole, cut)[0, 1] > 0.999
    other = read(llm, "Ingredients: two eggs, flour, a pinch of salt.").state
    assert np.linalg.norm(whole - cut) < 0.2 * np.linalg.norm(whole - other)


@model
def test_questions_after_a_reading_cost_only_themselves(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    read(llm, TEXT * 5)
    sizes: list[int] = []
    real = llm._seq._evaluate
    monkeypatch.setattr(llm._seq, "_evaluate", lambda items: (sizes.append(len(items)), real(items)))
    llm.choice_logprobs(holding(TEXT * 5), ["\nHow good?"], DIGITS)
    assert sum(sizes) < 25


@model
def test_a_stopped_reading_is_none_and_the_model_stays_usable(llm: LlamaCpp) -> None:
    assert llm.read(holding(TEXT * 9), TEXT * 9, lambda: True) is None
    assert np.isfinite(read(llm, TEXT).surprisal).all()


@model
def test_a_text_of_one_token_cannot_be_read_and_one_that_is_not_there_is_a_bug(llm: LlamaCpp) -> None:
    assert llm.read(holding("no"), "no") is None
    with pytest.raises(ValueError, match="not found"):
        llm.read(holding("no"), "Something else.")


@given(st.text(min_size=1, max_size=40), st.lists(st.integers(1, 6), min_size=1, max_size=20), st.text(max_size=20))
def test_the_tokens_of_a_text_cover_it_and_no_more(text: str, cuts: list[int], before: str) -> None:
    whole, pieces, at, k = (before + text + "end").encode("utf-8", "replace"), list[bytes](), 0, 0
    while at < len(whole):
        pieces.append(whole[at : at + cuts[k % len(cuts)]])
        at, k = at + cuts[k % len(cuts)], k + 1
    wanted = text.encode("utf-8", "replace")
    start, end = _tokens_of(wanted, pieces)
    first, edges = whole.rindex(wanted), [0, *accumulate(map(len, pieces))]
    assert edges[start] <= first < edges[start + 1]
    assert edges[end - 1] < first + len(wanted) <= edges[end]


finite = st.floats(0, 40, width=32)


@given(st.data(), st.integers(2, 60))
def test_the_numbers_of_any_reading_are_finite_and_the_same_every_time(data: st.DataObject, n: int) -> None:
    rows = [data.draw(arrays(np.float32, n, elements=finite)) for _ in range(3)]
    pieces = tuple(data.draw(st.lists(st.sampled_from([" a", ".", " b!", "。"]), min_size=n, max_size=n)))
    reading = Reading(pieces, *rows, np.zeros(4, np.float32))
    numbers = surprisal_numbers(reading)
    assert all(math.isfinite(v) for v in numbers.values())
    assert numbers == surprisal_numbers(reading)
    assert list(numbers) == list(surprisal_numbers(reading._replace(surprisal=rows[1])))


def test_the_numbers_say_where_a_text_surprises() -> None:
    calm, odd = [1.0] * 10, [1.0] * 5 + [12.0] * 5
    pieces = (" a",) * 4 + (".",) + (" b",) * 5

    def of(row: list[float]) -> dict[str, float]:
        s = np.array(row, np.float32)
        return surprisal_numbers(Reading(pieces, s, np.ones(10, np.float32), s, np.zeros(2, np.float32)))

    assert of(odd)["surprises_10"] == 0.5 and of(calm)["surprises_10"] == 0
    assert of(odd)["later_half"] == 11 and of(calm)["later_half"] == 0
    assert of(odd)["sentence_surprisal_most"] == 12 and of(odd)["sentence_surprisal_least"] == 1
    assert of(odd)["beyond_expected"] == pytest.approx(5.5) and of(calm)["beyond_expected"] == 0
