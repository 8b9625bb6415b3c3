"""The back end of transformers on a tiny random model: its own forward passes say what it should have said."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_base import make_base

from writer_r1 import catalog
from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.llm import APART_FROM, Message, Request, Sampling, complete
from writer_r1.llm.drawing import Drawing, Pieces, followed
from writer_r1.llm.hf import HF

ASKED = Request((Message("system", "You write."), Message("user", "A farewell to the sea — señor 🕯.")))
SCORE = Request((Message("user", "The draft is long and about the sea."),), "Score: ")
DIGITS = list("123456789")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def llm(folder: Path) -> HF:
    return HF(folder, name="tiny", device="cpu")


def logits(llm: HF, tokens: list[int]) -> torch.Tensor:
    """Return what the bare model says after these tokens, without any cache."""
    with torch.inference_mode():
        return llm.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1].float()


def adapter(folder: Path, llm_folder: Path, seed: int) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(llm_folder),
        LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    chance = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            p.data += 0.5 * torch.randn(p.shape, generator=chance)
    model.save_pretrained(folder)
    return folder


def test_a_greedy_reply_is_the_likeliest_token_each_time(llm: HF) -> None:
    head, tail = llm.encode(ASKED)
    tokens, parts = head + tail, Pieces(llm.tokenizer)
    text, finish = complete(llm, ASKED, Sampling(max_tokens=12))
    said = ""
    for _ in range(finish.tokens):
        tokens.append(int(logits(llm, tokens).argmax()))
        said += parts.add(tokens[-1])
    assert text == said and finish.prompt_tokens == len(head + tail)


def test_what_is_kept_of_an_earlier_prompt_changes_nothing(llm: HF) -> None:
    other = ASKED._replace(messages=(*ASKED.messages[:1], Message("user", "A farewell to the sun.")))
    llm.forget()
    fresh = complete(llm, ASKED, Sampling(max_tokens=8))[0]
    complete(llm, other, Sampling(max_tokens=5))
    assert complete(llm, ASKED, Sampling(max_tokens=8))[0] == fresh
    llm.warm(other)
    assert complete(llm, ASKED, Sampling(max_tokens=8))[0] == fresh


def test_a_seed_says_what_is_drawn_and_a_stop_ends_it(llm: HF) -> None:
    loose = Sampling(max_tokens=12, temperature=1.0, min_p=0.0, top_p=1.0, seed=3)
    first, again = complete(llm, ASKED, loose)[0], complete(llm, ASKED, loose)[0]
    assert first == again
    drawn = llm.drafts(ASKED, loose, 4)
    assert drawn[0] == first and len(set(drawn)) > 1
    whole = complete(llm, ASKED, Sampling(max_tokens=12))[0]
    cut, finish = complete(llm, ASKED, Sampling(max_tokens=12, stop=(whole[2:4],)))
    assert cut == whole[: whole.index(whole[2:4])] and finish.reason == "stop"
    assert complete(llm, ASKED, Sampling(max_tokens=12), lambda: True)[1].reason == "cancelled"


def test_every_question_of_a_batch_gets_what_it_would_get_alone(llm: HF) -> None:
    suffixes = ["", " a", " How well is it told? Answer with a digit.", " x" * 40] * 6
    rows = llm.choice_logprobs(SCORE, suffixes, DIGITS)
    assert rows and len(rows) == len(suffixes)
    head, tail = llm.encode(SCORE)
    for suffix, row in zip(suffixes, rows, strict=True):
        own = logits(llm, head + llm.tokens(suffix) + tail).log_softmax(-1)
        assert row == pytest.approx({d: float(own[llm.tokens(d)[0]]) for d in DIGITS}, abs=1e-4)
    assert llm.choice_logprobs(SCORE, suffixes, ["ab", "ac"]) is None
    assert llm.choice_logprobs(SCORE, suffixes, DIGITS, lambda: True) == []


def test_a_reading_is_of_exactly_the_text_in_its_prompt(llm: HF) -> None:
    text = "about the sea"
    reading = llm.read(SCORE, text)
    assert reading is not None
    assert "".join(reading.pieces) == text
    head, _ = llm.encode(SCORE)
    at = bytes("".join(llm.tokenizer.decode([t]) for t in head), "utf-8").rindex(text.encode())
    start = next(i for i in range(len(head)) if len(llm.tokenizer.decode(head[: i + 1])) > at)
    own = logits(llm, head[:start]).log_softmax(-1)
    assert reading.surprisal[0] == pytest.approx(-float(own[head[start]]), abs=1e-4)
    assert reading.entropy[0] == pytest.approx(-float((own.exp() * own).sum()), abs=1e-4)
    assert reading.rank[0] == int((own > own[head[start]]).sum())
    assert reading.state.shape == (32,) and np.isfinite(reading.state).all()
    assert llm.read(SCORE, "not in it") is None


def test_an_adapter_is_on_for_one_answer_and_the_base_stays_what_it_was(llm: HF, folder: Path, tmp_path: Path) -> None:
    plain = llm.choice_logprobs(SCORE, ["a"], DIGITS)
    one, two = (adapter(tmp_path / name, folder, seed) for seed, name in enumerate(("one.1", "two")))
    worn = [llm.adapted(path, 1.0).choice_logprobs(SCORE, ["a"], DIGITS) for path in (one, two, one)]
    assert worn[0] == worn[2] and worn[0] != worn[1]
    assert llm.choice_logprobs(SCORE, ["a"], DIGITS) == plain
    none = llm.adapted(one, 0.0).choice_logprobs(SCORE, ["a"], DIGITS)
    assert none and plain and none[0] == pytest.approx(plain[0], abs=1e-5)
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    own = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(one))
    head, tail = llm.encode(SCORE)
    with torch.inference_mode():
        row = own(input_ids=torch.tensor([head + llm.tokens("a") + tail])).logits[0, -1].log_softmax(-1)
    assert worn[0] and worn[0][0] == pytest.approx({d: float(row[llm.tokens(d)[0]]) for d in DIGITS}, abs=1e-4)
    with pytest.raises(ModelError, match="holds no adapter_model.safetensors"):
        llm.adapted(tmp_path, 1.0)


def test_an_adapter_that_was_trained_on_is_worn_as_it_is_now(llm: HF, folder: Path, tmp_path: Path) -> None:
    path = adapter(tmp_path / "sea", folder, 0)
    before = llm.adapted(path, 1.0).choice_logprobs(SCORE, ["a"], DIGITS)
    other = llm.adapted(adapter(tmp_path / "other", folder, 1), 1.0).choice_logprobs(SCORE, ["a"], DIGITS)
    weights = path / "adapter_model.safetensors"
    weights.write_bytes((tmp_path / "other" / weights.name).read_bytes())
    os.utime(weights, ns=(1, 1))
    assert llm.adapted(path, 1.0).choice_logprobs(SCORE, ["a"], DIGITS) == other != before
    assert len(llm._peft.peft_config) == len(set(llm._worn.values()))


def test_a_cache_that_cannot_be_cut_or_met_a_fault_is_made_anew(llm: HF, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import DynamicCache

    plain = llm.choice_logprobs(SCORE, ["a"], DIGITS)

    def refuse(self: DynamicCache, most: int) -> None:
        raise RuntimeError("a window cannot be cut back")

    with monkeypatch.context() as patch:
        patch.setattr(DynamicCache, "crop", refuse)
        complete(llm, ASKED, Sampling(max_tokens=4))
        assert llm.choice_logprobs(SCORE, ["a"], DIGITS) == plain
    own = type(llm.model).forward
    monkeypatch.setattr(type(llm.model), "forward", lambda *given, **more: own(*given, **more) and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        complete(llm, ASKED, Sampling(max_tokens=4))
    monkeypatch.undo()
    assert llm.choice_logprobs(SCORE, ["a"], DIGITS) == plain


def test_a_reply_keeps_to_its_schema(llm: HF) -> None:
    pytest.importorskip("llguidance", reason="schemas on this back end need the transformers extra")
    import json

    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    for seed in range(3):
        sampling = Sampling(max_tokens=60, temperature=1.0, top_p=1.0, min_p=0.0, seed=seed)
        text, finish = complete(llm, ASKED._replace(schema=schema), sampling)
        assert finish.reason == "length" or json.loads(text)["n"] in (1, 2)
        assert text.lstrip().startswith("{")


def test_without_the_package_a_reply_comes_without_a_form(llm: HF, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writer_r1.llm.hf.can_mask", lambda: False)
    schema = {"type": "object"}
    plain = complete(llm, ASKED, Sampling(max_tokens=8))
    assert complete(llm, ASKED._replace(schema=schema), Sampling(max_tokens=8)) == plain


def test_what_does_not_fit_is_refused_before_anything_is_read(llm: HF) -> None:
    with pytest.raises(RequestTooLong, match="Nothing was cut or sent"):
        complete(llm, ASKED, Sampling(max_tokens=5000))


def test_a_folder_is_a_model_of_ones_own(folder: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    made = catalog.add(folder, models)
    assert (made.path, made.context, made.state) == (folder, 2048, "ready")
    assert catalog.path_of(made.name, models) == catalog.path_of(str(folder), models) == folder
    for name, says in (("config.json", "is not a GGUF"), ("model.safetensors", "holds no")):
        copy = tmp_path / f"without {name}"
        copy.mkdir()
        for file in folder.iterdir():
            if file.name != name:
                (copy / file.name).write_bytes(file.read_bytes())
        with pytest.raises(ModelError, match=says):
            catalog.add(copy, models)
    for name, content, says in (
        ("model.safetensors", (folder / "model.safetensors").read_bytes()[:-9], "damaged or was cut"),
        (
            "model.safetensors.index.json",
            b'{"weight_map": {"a": "model-2.safetensors"}}',
            "'model-2.safetensors' is not",
        ),
    ):
        (copy / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
        (copy / name).write_bytes(content)
        with pytest.raises(ModelError, match=says):
            catalog.add(copy, models)


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(0, 9))
def test_drawing_keeps_to_what_is_allowed_and_to_the_likeliest(seen: list[int], seed: int) -> None:
    row = torch.arange(31.0)
    allowed = torch.zeros(31, dtype=torch.bool)
    allowed[5:9] = True
    for temperature in (0.0, 0.7):
        draw = Drawing(Sampling(temperature=temperature, seed=seed, repeat_penalty=1.5), letters)
        for token in seen:
            draw._recent.append(token)
        assert 5 <= draw(row, allowed) < 9
    assert Drawing(Sampling(temperature=0.0), letters)(row) == 30
    assert Drawing(Sampling(temperature=1.0, top_p=0.01, seed=seed), letters)(row) == 30


def letters(text: str) -> list[int]:
    return [ord(letter) - ord("a") for letter in text if letter.isalpha()]


def test_a_reply_parts_from_a_text_that_it_has_followed() -> None:
    draw = Drawing(Sampling(apart=("abcdefgh", "xbcz")), letters)
    drawn = list[int]()
    for wanted in letters("abcdefgh"):
        row = torch.zeros(31)
        row[wanted], row[30] = 2.0, 1.0  # what copies is likelier than another word, by a little
        drawn.append(draw(row))
    assert drawn[:5] == letters("abcde") and drawn[5] == 30
    assert all(Drawing(Sampling(), letters)(row) == letters("h")[0] for _ in range(3))


@given(st.lists(st.integers(0, 1), max_size=12))
def test_what_goes_on_with_something_said_before_is_found_by_looking_at_every_beginning(said: list[int]) -> None:
    found = dict[int, int]()
    for end in range(1, len(said)):
        for length in range(APART_FROM, end + 1):
            if said[end - length : end] == said[len(said) - length :]:
                found[said[end]] = max(length, found.get(said[end], 0))
    assert followed(said) == found
