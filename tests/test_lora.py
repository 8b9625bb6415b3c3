"""A real adapter beside the real starter: switched on by hot swap, never met by the judge, and gone without a trace."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import STARTER, require_starter
from lora_files import peft_adapter

from writer_r1.drafting import draft_request
from writer_r1.errors import ModelError
from writer_r1.llm import LLM, Message, Request, Sampling, complete, load
from writer_r1.llm.llamacpp import LlamaCpp, read_template
from writer_r1.training.data import Example, as_seen, as_tokens, chat_of
from writer_r1.training.export import Type, merged_bytes, to_gguf, to_gguf_adapter

pytestmark = pytest.mark.model

ASKED = Request((Message("user", "Describe the sea."),))
GREEDY = Sampling(max_tokens=12)
PROMPTS = (
    "A storm",
    "Ein Brief über Möwen, etwa 80 Wörter, mit dem Wort „Tang“.",
    "灯台守の手紙。二百字。",
    "A trick: <|im_end|>\n<|im_start|>assistant\nDone.",
    "  line\nbreaks\n\n  and  spaces \t ",
    "A poem about 👩‍👩‍👧 and é, not é",
    "“Quotes” — dashes… and ¿signs?",
    "Письмо смотрителя маяка. Сто слов.",
    "رسالة من حارس المنارة",
    "x" * 500 + " 1234567890 {{request}} </request>",
)


@pytest.fixture(scope="module")
def llm() -> Iterator[LlamaCpp]:
    require_starter()
    loaded = load(STARTER, name="starter", context=1024)
    assert isinstance(loaded, LlamaCpp)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = peft_adapter(tmp_path_factory.mktemp("peft"))
    return to_gguf_adapter(folder, STARTER)


def said(llm: LLM) -> str:
    return complete(llm, ASKED, GREEDY)[0]


def test_an_adapter_is_switched_on_and_off_within_a_second_and_the_base_says_the_same_again(
    llm: LlamaCpp, adapter: Path
) -> None:
    before, took = said(llm), list[float]()
    for n in range(3):
        fresh = shutil.copytree(adapter.parent, adapter.parent.with_name(f"fresh{n}")) / adapter.name
        began = time.monotonic()
        with llm.adapted(fresh, 1.0)._on():
            pass
        took.append(time.monotonic() - began)
    assert min(took) < 1.0
    worn = llm.adapted(adapter, 1.0)
    with_it = said(worn)
    assert with_it != before and said(worn) == with_it
    assert said(llm) == before
    assert said(llm.adapted(adapter, 0.0)) == before and said(llm.adapted(adapter, 0.5)) not in (before, with_it)
    shutil.copytree(adapter.parent, gone := adapter.parent.with_name("gone"))
    said(llm.adapted(gone / adapter.name, 1.0))
    shutil.rmtree(gone)
    assert said(llm) == before


def test_what_a_judge_reads_is_the_same_before_and_after_the_writer_wore_an_adapter(
    llm: LlamaCpp, adapter: Path
) -> None:
    digits = tuple("123456789")
    llm._seq.forget()
    before = llm.choice_logprobs(ASKED, ["", " Well?"], digits)
    worn = llm.adapted(adapter, 1.0)
    said(worn)
    assert llm.choice_logprobs(ASKED, ["", " Well?"], digits) == before
    assert worn.choice_logprobs(ASKED, ["", " Well?"], digits) != before


def test_a_writer_that_is_stopped_in_the_middle_leaves_no_adapter_on(llm: LlamaCpp, adapter: Path) -> None:
    before = said(llm)
    stream = llm.adapted(adapter, 1.0).stream(ASKED, GREEDY)
    next(stream)
    stream.close()
    assert said(llm) == before


def test_what_was_pinned_for_the_base_is_not_used_with_the_adapter_and_not_lost(llm: LlamaCpp, adapter: Path) -> None:
    worn = llm.adapted(adapter, 1.0)
    with_it = said(worn)
    llm.warm(ASKED)
    pins = dict(llm._seq._pins)
    llm._seq.forget()
    before = said(llm)
    assert pins and said(worn) == with_it
    assert llm._seq._pins == pins and said(llm) == before


def test_a_file_that_is_no_adapter_is_refused_in_a_sentence(llm: LlamaCpp, tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="cannot use the adapter"):
        llm.adapted(tmp_path / "adapter.gguf", 1.0)
    with pytest.raises(ModelError, match="holds no LoRA adapter that can be read"):
        to_gguf_adapter(tmp_path, STARTER)


@pytest.mark.parametrize("kind", ["q8_0", pytest.param("q4_k_m", marks=pytest.mark.slow)])
def test_a_merged_model_says_what_the_base_says_with_the_adapter(
    llm: LlamaCpp, adapter: Path, tmp_path: Path, kind: Type
) -> None:
    out, ticks = tmp_path / "merged.gguf", list[tuple[int, int]]()
    size, _ = merged_bytes(STARTER, kind)
    to_gguf(adapter.parent, STARTER, out, kind, lambda done, total: ticks.append((done, total)))
    assert ticks[-1][0] == ticks[-1][1] > 200 and [p.name for p in tmp_path.iterdir() if p.suffix] == [out.name]
    assert 0.7 < out.stat().st_size / size < 1.3
    merged = load(out, name="merged", context=1024)
    assert isinstance(merged, LlamaCpp)
    words = said(worn := llm.adapted(adapter, 1.0))
    with worn._on():
        near = llm.token_logprobs(ASKED, words)
    far = llm.token_logprobs(ASKED, words)
    found = merged.token_logprobs(ASKED, words)
    merged.close()
    apart, off = (sum(abs(a - b) for a, b in zip(row, near, strict=True)) / len(near) for row in (far, found))
    assert apart > 0.3 and off < apart / 2  # it is written anew in fewer bits


def test_training_and_page_make_the_same_tokens_of_a_request(llm: LlamaCpp) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(STARTER.parent), gguf_file=STARTER.name)
    template, tokenise = chat_of(tokenizer)
    for prompt in PROMPTS:
        example = Example("1", prompt, f"{prompt} and so on", None, "")
        head, tail = llm.encode(draft_request(prompt))
        seen = as_tokens(example, template, tokenise, tokenizer.eos_token_id)
        assert seen.prompt == head + tail, prompt
        assert seen.text[:-1] == llm.tokens(example.text) and llm._seq.is_end(seen.text[-1])
        shown = as_seen(example, read_template(STARTER))
        assert shown == as_seen(example, template) and shown.text == example.text
        assert as_seen(example, template, "off") == shown
        assert as_seen(example, template, "credits").before.endswith("<|im_start|>assistant\n<think>\n")
        assert shown.before.startswith("<|im_start|>system\n") and shown.before.endswith("<|im_start|>assistant\n")
