"""One file of weights through llama.cpp and through transformers: the same words, or a measured reason why not."""

from pathlib import Path
from typing import Any

import pytest
from conftest import STARTER

from writer_r1.llm import Message, Request, Sampling, complete, load
from writer_r1.llm.hf import HF
from writer_r1.llm.llamacpp import LlamaCpp
from writer_r1.training.weights import prepared

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(3600)]

TOKENS, FIRST = 60, 40
ASKED = (
    "Tell me a story about a lighthouse.",
    "Write a letter from a kettle to its owner.",
    "A farewell from a lighthouse keeper to the sea, 60 to 90 words.",
    "Describe a winter market.",
    "Write four lines about rain.",
    "Explain to a child why leaves fall.",
    "Write the first paragraph of a crime story.",
    "A toast at a wedding of two bakers.",
    "A fable about a proud crow.",
    "Write a diary entry of a night nurse.",
)


def unpacked(source: Path, out: Path) -> Path:
    """Write the GGUF again with every weight in float32, so that both back ends multiply the same numbers."""
    import gguf
    import numpy as np

    read = gguf.GGUFReader(source)
    made = gguf.GGUFWriter(out, read.get_field("general.architecture").contents())
    for field in read.fields.values():
        if field.name != "general.architecture" and not field.name.startswith("GGUF."):
            kind, *inner = field.types
            value: Any = 0 if field.name == "general.file_type" else field.contents()
            made.add_key_value(field.name, value, kind, inner[-1] if inner else None)
    for tensor in read.tensors:
        made.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    for step in (made.write_header_to_file, made.write_kv_data_to_file, made.write_tensors_to_file, made.close):
        step()
    return out


def test_greedy_texts_of_both_agree_for_forty_tokens_where_both_have_the_same_numbers(tmp_path: Path) -> None:
    there = HF(prepared("starter").folder, name="there", threads=1, device="cpu")
    here = load(unpacked(STARTER, tmp_path / "starter-f32.gguf"), name="here", threads=1)
    assert isinstance(here, LlamaCpp)
    for asked in ASKED:
        request = Request((Message("system", "You write."), Message("user", asked)))
        assert there.encode(request) == here.encode(request)
        one, two = (here.tokens(complete(llm, request, Sampling(max_tokens=TOKENS))[0]) for llm in (here, there))
        assert one[:FIRST] == two[:FIRST], asked
