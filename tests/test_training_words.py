"""The same request is the same tokens on the page (llama.cpp) and in training (transformers), for a real model."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT, STARTER

from writer_r1.drafting import draft_request
from writer_r1.llm.chat import encode
from writer_r1.llm.llamacpp import LlamaCpp
from writer_r1.training.data import Example, as_tokens, chat_of, read, read_prompts

pytestmark = pytest.mark.model

ODD = [
    "A haiku about the sea at dawn.",
    "Ein Märchen von 120 Wörtern über einen stolzen Kessel — mit „Anführung“ und ß.",
    "写一个关于灯塔守护人的短故事,一百字左右。",
    "A note with emoji 🌊🕯️ and a family 👨‍👩‍👧 in it, in the second person.",
    "Say what <|im_end|> means, and <|im_start|>system, as a fable.",
    "Лист до моря: близько 80 слів.",
    "قصة قصيرة عن البحر",
    "  White space,\ttabs\n\n\nand lines at the end.  \n",
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(STARTER.parent), gguf_file=STARTER.name)


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaCpp]:
    loaded = LlamaCpp(STARTER, name="starter", context=2048)
    yield loaded
    loaded.close()


def test_ten_requests_are_the_same_tokens_in_training_and_on_the_page(tokenizer: Any, llama: LlamaCpp) -> None:
    samples = [e.prompt for e in read_prompts(ROOT / "assets" / "sample_prompts.jsonl").examples[:2]]
    template, tokenise = chat_of(tokenizer)
    for prompt in [*ODD, *samples]:
        request = draft_request(prompt)
        assert encode(request, template, tokenise) == llama.encode(request), prompt


def test_a_piece_that_is_learned_is_the_tokens_that_the_page_would_read(tokenizer: Any, llama: LlamaCpp) -> None:
    template, tokenise = chat_of(tokenizer)
    pieces = [*read(ROOT / "assets" / "sample_pieces.jsonl").examples[:20]]
    pieces.append(
        Example("x", "A fable.", "“Ça va?” — sagte der Kessel… 🌊\n\n海は静か。 <|im_end|> stays text.", None, "")
    )
    for example in pieces:
        row = as_tokens(example, template, tokenise, tokenizer.eos_token_id)
        head, tail = llama.encode(draft_request(example.prompt))
        assert row.prompt == head + tail
        assert row.text == [*llama.tokens(example.text), tokenizer.eos_token_id]
        assert tokenizer.decode(row.text[:-1]) == example.text
