"""The llama.cpp back end on the real starter model: what it streams, reuses, forks, refuses and survives."""

import json
import math
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import STARTER, require_starter
from gguf_bytes import gguf
from hypothesis import given
from hypothesis import strategies as st

from writer_r1.checks import copied_share
from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.llm import Finish, Message, Request, Sampling, complete, load, never
from writer_r1.llm.deltas import Deltas
from writer_r1.llm.llamacpp import FORKS, LlamaCpp, _log_softmax
from writer_r1.llm.sequences import PINS, STEP

ROOM = 3072
model = pytest.mark.model
STORY = "The keeper climbed the stair with a can of oil and a folded cloth, and counted the steps as he went. "
DIGITS = tuple("123456789")
NEAR = 0.35  # nats: a Q4 model answers a little differently with another batch shape


@pytest.fixture(scope="module")
def llm() -> Iterator[LlamaCpp]:
    require_starter()
    loaded = load(STARTER, name="starter", context=ROOM)
    assert isinstance(loaded, LlamaCpp)
    yield loaded
    loaded.close()


@pytest.fixture
def evaluated(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of the steps evaluated from now on."""
    sizes: list[int] = []
    real = llm._seq._evaluate
    monkeypatch.setattr(llm._seq, "_evaluate", lambda items: (sizes.append(len(items)), real(items)))
    return sizes


def asked(text: str, answer: str = "") -> Request:
    return Request((Message("system", "You are a writer."), Message("user", text)), answer)


def fresh(llm: LlamaCpp, request: Request, sampling: Sampling) -> str:
    """Return a reply from an empty cache, so that equal calls are equal to the last bit."""
    llm._seq.forget()
    return complete(llm, request, sampling)[0]


def drained(llm: LlamaCpp, request: Request, sampling: Sampling, cancel=never) -> tuple[list[str], Finish]:
    stream, deltas = llm.stream(request, sampling, cancel), []
    while True:
        try:
            deltas.append(next(stream))
        except StopIteration as end:
            return deltas, end.value


def forks_held(llm: LlamaCpp) -> list[int]:
    last = llm._c.llama_memory_seq_pos_max
    return [k for k in range(1, FORKS + 1) if last(llm._seq._memory, k) >= 0]


# Streaming


@model
def test_the_deltas_of_a_stream_are_the_whole_reply_and_its_cost_is_counted(llm: LlamaCpp) -> None:
    request, sampling = asked("Describe the sea in winter."), Sampling(max_tokens=30, temperature=0.8, seed=3)
    whole = fresh(llm, request, sampling)
    llm._seq.forget()
    deltas, finish = drained(llm, request, sampling)
    assert "".join(deltas) == whole and len(deltas) > 10
    assert finish.reason == "length" and finish.tokens == 30
    assert finish.prompt_tokens == sum(map(len, llm.encode(request)))


@model
def test_a_seed_repeats_and_another_one_differs(llm: LlamaCpp) -> None:
    one, again, other = (
        fresh(llm, asked("Name a boat and say why."), Sampling(max_tokens=24, temperature=1.0, seed=s))
        for s in (1, 1, 2)
    )
    assert one == again != other


@model
def test_a_reply_keeps_apart_from_a_text_that_it_would_say_again(llm: LlamaCpp) -> None:
    said = "The old keeper climbed the stairs every evening and lit the lamp above the grey harbour."
    request = asked(f"Write this sentence again, word for word: {said}")
    copied, apart = (fresh(llm, request, Sampling(max_tokens=40, apart=texts)) for texts in ((), (said,)))
    assert copied_share(said, copied) == 1.0 and copied_share(said, apart) < 0.7 and len(apart.split()) > 5
    assert llm.drafts(request, Sampling(max_tokens=40, apart=(said,)), 1) != [copied]


@model
@pytest.mark.parametrize("length", [1, 3, 15])
def test_a_stop_text_ends_the_reply_and_no_part_of_it_is_shown(llm: LlamaCpp, length: int) -> None:
    request, sampling = asked("Tell me about the sea."), Sampling(max_tokens=40)
    plain = fresh(llm, request, sampling)
    stop = plain[37 : 37 + length]
    llm._seq.forget()
    deltas, finish = drained(llm, request, sampling._replace(stop=("never said", stop)))
    assert "".join(deltas) == plain[: plain.index(stop)] and finish.reason == "stop"


@model
def test_what_only_began_like_a_stop_text_is_not_lost(llm: LlamaCpp) -> None:
    request, sampling = asked("Tell me about the sea."), Sampling(max_tokens=40)
    plain = fresh(llm, request, sampling)
    begun = tuple(plain[-n:] + "☃" for n in (1, 5, 9)) + (plain[20:30] + "☃",)
    assert fresh(llm, request, sampling._replace(stop=begun)) == plain


@given(st.text(max_size=40), st.lists(st.text("ab<\n🙂", min_size=1, max_size=4), max_size=3), st.data())
def test_however_a_reply_is_cut_into_pieces_stops_never_leak_and_characters_are_never_torn(
    noise: str, stops: list[str], data: st.DataObject
) -> None:
    text = data.draw(st.text("ab<\n🙂é", max_size=12)) + noise
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))) | {0, len(raw)})
    reader, shown = Deltas(stops), ""
    for start, end in pairwise(cuts):
        shown += reader.add(raw[start:end])
        assert not any(stop in shown for stop in stops)
        if reader.stopped:
            break
    else:
        shown += "".join(reader.rest())
    assert text.startswith(shown)
    if reader.stopped:
        assert any(text.startswith(stop, len(shown)) for stop in stops)
    else:
        assert shown == text and not any(stop in text for stop in stops)


@given(st.text("aé字🙂", max_size=8), st.integers(1, 3))
def test_a_reply_cut_inside_a_character_ends_before_it(text: str, kept: int) -> None:
    reader = Deltas(())
    shown = reader.add(text.encode()) + reader.add("🙂".encode()[:kept]) + "".join(reader.rest())
    assert shown == text


@model
def test_emoji_that_span_tokens_come_whole(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    real = llm._piece
    monkeypatch.setattr(llm, "_piece", lambda token: (pieces.append(real(token)), pieces[-1])[1])
    request = asked("Answer only with 🙂.", "🙂🙂🙂🙂🙂🙂🙂🙂")
    for most in range(1, 14):
        pieces.clear()
        deltas, _ = drained(llm, request, Sampling(max_tokens=most))
        assert "".join(deltas) == b"".join(pieces).decode("utf-8", "ignore") and "\ufffd" not in "".join(deltas)
    assert any(p.decode("utf-8", "ignore").encode() != p for p in pieces), "no token held part of a character"


@model
@pytest.mark.parametrize(
    "text", ["🧂🦑👩‍🚀", "灯塔守望者的信", "مكتوب من منارة", "half \ud83d of an emoji", "\x00\x07"]
)
def test_any_script_goes_in_and_text_comes_out(llm: LlamaCpp, text: str) -> None:
    reply, finish = complete(llm, asked(f"Write one line about: {text}"), Sampling(max_tokens=8))
    assert finish.tokens > 0 and reply.encode()
    back = b"".join(llm._piece(t) for t in llm.tokens(text))
    assert back == text.encode("utf-8", "replace")


# Stopping


@model
def test_a_stop_is_heard_between_two_tokens_and_the_model_stays_usable(llm: LlamaCpp) -> None:
    request, sampling = asked("Tell me about the sea."), Sampling(max_tokens=60)
    plain, seen = fresh(llm, request, sampling), list[str]()
    stream = llm.stream(request, sampling, lambda: len(seen) >= 5)
    with pytest.raises(StopIteration) as end:
        while True:
            seen.append(next(stream))
    assert end.value.value.reason == "cancelled" and len(seen) == 5 <= end.value.value.tokens <= 7
    assert plain.startswith("".join(seen))
    assert fresh(llm, request, sampling) == plain


@model
def test_cores_that_others_take_are_left_to_them_from_the_next_step_on_and_one_is_always_kept() -> None:
    taken = [0]
    loaded = load(STARTER, name="starter", threads=3, taken=lambda: taken[0], context=256)
    assert isinstance(loaded, LlamaCpp)
    seq, used = loaded._seq, list[tuple[int, int]]()
    try:
        for taken[0] in (0, 1, 9, 0):
            drained(loaded, asked("Say one word."), Sampling(max_tokens=1))
            used.append((seq._c.llama_n_threads(seq._ctx), seq._c.llama_n_threads_batch(seq._ctx)))
    finally:
        loaded.close()
    assert used == [(3, 3), (2, 2), (1, 1), (3, 3)]


def test_a_stop_is_heard_in_the_middle_of_a_long_prompt(llm: LlamaCpp, evaluated: list[int]) -> None:
    request = asked(STORY * 90)
    deltas, finish = drained(llm, request, Sampling(max_tokens=60), lambda: len(evaluated) >= 2)
    assert (deltas, finish.reason, finish.tokens) == ([], "cancelled", 0)
    assert finish.prompt_tokens > 10 * STEP and sum(evaluated) == 2 * STEP
    assert llm.choice_logprobs(request, ["a"], DIGITS, lambda: True) == []
    assert llm.drafts(request, Sampling(max_tokens=4), 2, lambda: True) == []
    assert complete(llm, asked("Say yes."), Sampling(max_tokens=4))[1].tokens > 0


@model
def test_a_stream_left_early_costs_nothing_later(llm: LlamaCpp) -> None:
    request, sampling = asked("Tell me about the sea."), Sampling(max_tokens=20)
    plain = fresh(llm, request, sampling)
    stream = llm.stream(request, sampling)
    next(stream)
    stream.close()
    assert fresh(llm, request, sampling) == plain


# What may be written


@model
def test_a_reply_to_a_schema_is_json_of_that_shape(llm: LlamaCpp) -> None:
    schema = {
        "type": "object",
        "properties": {
            "tone": {"enum": ["grave", "light"]},
            "score": {"enum": list(range(1, 10))},
            "names": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 2},
        },
        "required": ["tone", "score", "names"],
        "additionalProperties": False,
    }
    request = asked('Write a poem. Do not write JSON. "}]')._replace(schema=schema)
    for seed in range(5):
        text, finish = complete(llm, request, Sampling(max_tokens=160, temperature=1.2, seed=seed))
        found = json.loads(text)
        assert finish.reason == "stop" and set(found) == {"tone", "score", "names"}
        assert found["tone"] in ("grave", "light") and found["score"] in range(1, 10) and len(found["names"]) <= 2


@model
@pytest.mark.parametrize("mark", ["<|im_end|>", "<|im_start|>system\n", "<|endoftext|>", "\ue0000\ue001"])
def test_marks_of_the_template_inside_a_message_stay_text(llm: LlamaCpp, mark: str) -> None:
    def control(ids: list[int]) -> int:
        return sum(bool(llm._c.llama_vocab_is_control(llm._seq.vocab, t)) for t in ids)

    head, tail = llm.encode(asked(f"A keeper {mark} and a gull."))
    plain, plain_tail = llm.encode(asked("A keeper and a gull."))
    assert control(llm.tokens(mark)) == 0 and control(head) == control(plain) > 0 and tail == plain_tail
    assert f"A keeper {mark} and a gull.".encode() in b"".join(llm._piece(t, special=True) for t in head)


# Fitting


@model
def test_a_request_of_100_000_words_is_refused_whole_in_one_clear_message(llm: LlamaCpp, evaluated: list[int]) -> None:
    request, sampling = asked("word " * 100_000), Sampling(max_tokens=72)
    for call in (
        lambda: complete(llm, request, sampling),
        lambda: llm.drafts(request, sampling, 2),
        lambda: llm.choice_logprobs(request, ["a"], DIGITS),
        lambda: llm.token_logprobs(request, "yes"),
    ):
        with pytest.raises(RequestTooLong, match=r"about 100,0\d\d tokens long and starter reads at most 3,0"):
            call()
    with pytest.raises(RequestTooLong, match=r"at most 3,000 .* 2,100 English words.* Nothing was cut or sent\.$"):
        complete(llm, request, sampling)
    assert evaluated == []


@model
def test_the_longest_request_that_fits_is_answered_and_one_token_more_is_not(llm: LlamaCpp) -> None:
    room = ROOM - len(llm.tokens("word")) - 4 - sum(map(len, llm.encode(asked(""))))
    request = asked("word" + " word" * room)
    prompt = sum(map(len, llm.encode(request)))
    llm._fits(prompt, ROOM - prompt)
    with pytest.raises(RequestTooLong):
        llm._fits(prompt, ROOM - prompt + 1)


# Work that is not done twice


@model
def test_a_shared_start_is_not_evaluated_again(llm: LlamaCpp, evaluated: list[int]) -> None:
    llm._seq.forget()
    one = Sampling(max_tokens=1)
    complete(llm, asked(STORY * 30 + "Who climbs?"), one)
    first = sum(evaluated)
    evaluated.clear()
    complete(llm, asked(STORY * 30 + "What does he carry?"), one)
    assert first > 600 and sum(evaluated) < 25


@model
def test_a_warmed_start_survives_other_work(llm: LlamaCpp, evaluated: list[int]) -> None:
    llm._seq._pins.clear()
    llm.warm(asked(STORY * 20))
    llm.warm(asked(STORY * 20))
    complete(llm, asked("Something else entirely."), Sampling(max_tokens=3))
    llm.choice_logprobs(asked("And this."), ["a", "b"], DIGITS)
    llm.drafts(asked("And that."), Sampling(max_tokens=3), 3)
    llm._seq.forget()  # as a cancelled prompt does
    evaluated.clear()
    complete(llm, asked(STORY * 20 + "Who climbs?"), Sampling(max_tokens=1))
    assert sum(evaluated) < 20 and len(llm._seq._pins) == 1


@model
def test_pins_are_bounded_and_the_oldest_goes_first(llm: LlamaCpp) -> None:
    llm._seq._pins.clear()
    starts = [
        asked(f"{n} is the number. {STORY}") for n in ("One", "Two", "Six", "Ten", "Nine", "Four", "Five", "Zero")
    ]
    for start in starts:
        llm.warm(start)
    heads = [llm.encode(s)[0] for s in starts]
    assert list(map(list, llm._seq._pins)) == heads[-PINS:]


# Log-probabilities


@model
def test_forked_choices_are_those_of_a_plain_evaluation(llm: LlamaCpp) -> None:
    request, lands = asked(STORY * 4, "The capital is"), {"France": " Paris", "Italy": " Rome", "England": " London"}
    suffixes, cities = [f"What is the capital of {land}?" for land in lands], list(lands.values())
    forked = llm.choice_logprobs(request, suffixes, cities)
    assert forked is not None and forks_held(llm) == []
    head, tail = llm.encode(request)
    ids = [llm.tokens(city)[0] for city in cities]
    for suffix, row, city in zip(suffixes, forked, cities, strict=True):
        llm._seq.forget()
        llm._seq.fill(head + llm.tokens(suffix) + tail, never)
        plain = _log_softmax(llm._seq.row(-1))[ids]
        assert [row[c] for c in cities] == pytest.approx(list(plain), abs=NEAR)
        assert max(row, key=row.__getitem__) == cities[int(plain.argmax())] == city


@model
def test_more_questions_than_forks_are_all_answered_in_order(llm: LlamaCpp) -> None:
    request, suffixes = asked(STORY, "Score: "), [f" Question {i}?" for i in range(FORKS + 5)]
    rows = llm.choice_logprobs(request, suffixes, DIGITS)
    assert rows is not None and len(rows) == len(suffixes)
    for k in (0, FORKS - 1, FORKS, FORKS + 4):
        alone = llm.choice_logprobs(request, [suffixes[k]], DIGITS)
        assert alone is not None and all(abs(alone[0][d] - rows[k][d]) < NEAR for d in DIGITS)
    assert forks_held(llm) == []


@model
def test_choices_that_begin_alike_cannot_be_told_apart(llm: LlamaCpp) -> None:
    assert llm.choice_logprobs(asked("?"), ["a"], ("1", "10")) is None
    assert llm.choice_logprobs(asked("?"), ["a"], ("yes", "")) is None
    assert llm.choice_logprobs(asked("?"), [], ("yes", "no")) == []


@model
def test_the_probability_of_a_reply_is_that_of_its_tokens_one_after_another(llm: LlamaCpp) -> None:
    request = asked("How good is it, from 1 to 9?", "Score: ")
    rows = llm.choice_logprobs(request, [""], DIGITS)
    assert rows is not None
    assert llm.token_logprobs(request, "7") == pytest.approx([rows[0]["7"]], abs=NEAR)
    whole = llm.token_logprobs(asked("Describe the sea."), "The sea is grey.")
    stepwise = [llm.token_logprobs(asked("Describe the sea.", a), b)[0] for a, b in (("", "The"), ("The", " sea"))]
    assert whole[:2] == pytest.approx(stepwise, abs=NEAR) and len(whole) == len(llm.tokens("The sea is grey."))
    assert all(math.isfinite(p) and p <= 0 for p in whole) and llm.token_logprobs(request, "") == []
    assert llm.token_logprobs(asked("A long one. " * 200), "7", cancel=lambda: True) == []


@model
def test_what_all_questions_begin_with_changes_no_answer(llm: LlamaCpp) -> None:
    request = asked("A keeper and a gull.")
    whole = llm.choice_logprobs(request, [" Is it sad?", " Is it short?", " Is it sad?"], ("Yes", "No"))
    alone = [llm.choice_logprobs(request, [q], ("Yes", "No")) for q in (" Is it sad?", " Is it short?")]
    assert whole is not None and whole[0]["Yes"] == pytest.approx(whole[2]["Yes"], abs=1e-3)
    for together, one in zip(whole, alone, strict=False):
        assert one is not None and together == pytest.approx(one[0], abs=NEAR)


@model
def test_more_long_questions_than_fit_side_by_side_are_asked_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writer_r1.llm.llamacpp.FORK_CELLS", 64)
    small = load(STARTER, name="small", context=256)
    try:
        assert isinstance(small, LlamaCpp)
        rows = small.choice_logprobs(asked("word " * 170), ["so " * 20] * FORKS, DIGITS)
        assert rows is not None and len(rows) == FORKS
    finally:
        small.close()


# Drafts side by side


@model
@pytest.mark.parametrize("count", [3, FORKS + 2])
def test_as_many_drafts_as_asked_for_and_not_the_same_one(llm: LlamaCpp, count: int) -> None:
    texts = llm.drafts(asked("Name a boat and say why."), Sampling(max_tokens=8, temperature=1.2, seed=4), count)
    assert len(texts) == count and len(set(texts)) > 0.8 * count and all(texts)
    assert forks_held(llm) == []


@model
def test_drafts_end_before_their_stop_text(llm: LlamaCpp) -> None:
    sampling = Sampling(max_tokens=20, temperature=0.7, stop=(" the", "."))
    texts = llm.drafts(asked("Tell me about the sea."), sampling, 3)
    assert len(texts) == 3 and not any(" the" in t or "." in t for t in texts)


# Files


@model
def test_a_model_whose_file_is_removed_goes_on_and_a_new_one_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    shutil.copy(STARTER, path)
    loaded = load(path, name="mine", context=512)
    try:
        path.unlink()
        assert complete(loaded, asked("Say yes."), Sampling(max_tokens=4))[1].tokens > 0
        with pytest.raises(ModelError, match=r"^llama.cpp cannot read 'mine.gguf'; choose .* again\.$"):
            load(path, name="mine")
    finally:
        loaded.close()


@model
@pytest.mark.parametrize("damage", ["noise", "header only", "half", "empty"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.gguf"
    with STARTER.open("rb") as whole:
        half = whole.read(STARTER.stat().st_size // 2) if damage == "half" else b""
    path.write_bytes(
        {"noise": b"GGUF" + bytes(range(256)) * 64, "header only": gguf(), "half": half, "empty": b""}[damage]
    )
    with pytest.raises(ModelError, match=r"^llama.cpp cannot read 'bad.gguf'"):
        load(path, name="bad")
