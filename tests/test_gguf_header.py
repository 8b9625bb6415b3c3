import ctypes
import importlib.util
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from gguf_bytes import CHAT, gguf, text
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.catalog import entry_of
from writer_r1.errors import ModelError
from writer_r1.gguf_header import BLOCKS, inspect, read_header
from writer_r1.places import models

WHOLE = gguf()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("gguf") / "model.gguf"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_chat_model_is_described_from_its_header(scratch):
    found = inspect(written(scratch, WHOLE))
    assert (found.label, found.licence, found.context, found.bytes) == ("Tiny", "mit", 2048, len(WHOLE))
    # 2048 tokens x 4 layers x 2 heads x 8 wide x (key + value) x 2 bytes
    assert found.memory_bytes == len(WHOLE) * 11 // 10 + 2048 * 4 * 2 * 8 * 4


@pytest.mark.parametrize("kind", [0, 2], ids=["f32", "q4_0"])
def test_a_file_one_byte_short_of_its_tensors_is_cut_short(scratch, kind):
    whole = gguf(tensors=(("a", (64, 4), kind), ("b", (32, 3), kind)))
    assert read_header(written(scratch, whole)).extent == len(whole)
    with pytest.raises(ModelError, match=f"cut short: it has {len(whole) - 1:,} bytes and its tensors need"):
        read_header(written(scratch, whole[:-1]))


def test_a_file_cut_anywhere_in_its_header_is_cut_short(scratch):
    header = len(WHOLE) - 64 * 4 * 4 - 31  # before the padding
    for end in range(4, header, 7):
        with pytest.raises(ModelError, match="is cut short"):
            read_header(written(scratch, WHOLE[:end]))


HUGE = 1 << 62
LIES = {
    "not a GGUF": (b"PK\x03\x04" + bytes(100), "is not a GGUF file"),
    "empty": (b"", "is not a GGUF file"),
    "version 1": (gguf(version=1), "version 1"),
    "big-endian": (b"GGUF" + struct.pack(">I", 3) + WHOLE[8:], "version 50331648"),
    "tensor count": (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 1), "damaged"),
    "key count": (b"GGUF" + struct.pack("<IQQ", 3, 1, HUGE), "damaged"),
    "key length": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, HUGE) + bytes(99), "damaged"),
    "text length": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IQ", 8, HUGE), "cut short"),
    "array length": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, HUGE), "cut short"),
    "number array": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 4, HUGE), "cut short"),
    "nested array": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 1), "damaged"),
    "value type": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<II", 77, 1), "damaged"),
    "alignment": (gguf({**CHAT, "general.alignment": 0}), "damaged"),
    "dimensions": (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + text("w") + struct.pack("<I", 1 << 31), "damaged"),
    "shape": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + text("w") + struct.pack("<I4QIQ", 4, HUGE, HUGE, HUGE, HUGE, 0, 0),
        "cut short",
    ),
}


@pytest.mark.parametrize(("content", "says"), LIES.values(), ids=LIES)
def test_a_header_that_lies_is_refused_in_one_sentence_without_taking_memory(scratch, content, says):
    written(scratch, content)
    tracemalloc.start()
    with pytest.raises(ModelError, match=says):
        read_header(scratch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_list_of_millions_of_empty_texts_is_given_up_on_soon(scratch):
    with scratch.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 40_000_000))
        file.truncate(400_000_000)  # sparse: zeros, which read as empty texts
    start = time.process_time()
    with pytest.raises(ModelError, match="claims more than"):
        read_header(scratch)
    assert time.process_time() - start < 10
    scratch.unlink()


@settings(max_examples=300, deadline=2000)
@given(content=st.binary(max_size=400).map(lambda tail: b"GGUF" + struct.pack("<I", 3) + tail))
def test_random_bytes_end_in_a_header_or_a_model_error(scratch, content):
    outcome(written(scratch, content))


@settings(max_examples=300, deadline=2000)
@given(at=st.integers(4, len(WHOLE) - 1), patch=st.binary(min_size=1, max_size=9))
def test_a_patched_file_ends_in_a_header_or_a_model_error(scratch, at, patch):
    outcome(written(scratch, WHOLE[:at] + patch + WHOLE[at + len(patch) :]))


def outcome(path: Path) -> None:
    try:
        inspect(path)
    except ModelError as e:
        assert "\n" not in str(e) and len(str(e)) < 500


REFUSED = {
    "no chat template": ({k: v for k, v in CHAT.items() if "template" not in k}, "has no chat template"),
    "empty template": ({**CHAT, "tokenizer.chat_template": " "}, "has no chat template"),
    "no architecture": ({k: v for k, v in CHAT.items() if "architecture" not in k}, "holds no model"),
    "adapter": ({**CHAT, "general.type": "adapter"}, "'adapter' and not a whole model"),
    "one part of many": ({**CHAT, "split.count": 3}, "is one of 3 parts"),
}


@pytest.mark.parametrize(("facts", "says"), REFUSED.values(), ids=REFUSED)
def test_a_sound_gguf_that_is_no_chat_model_is_refused_by_reason(scratch, facts, says):
    with pytest.raises(ModelError, match=says):
        inspect(written(scratch, gguf(facts)))


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "MODEL.PTH", "model.pkl", "model.ckpt"])
def test_files_that_may_hold_pickles_are_refused_by_name_whatever_they_contain(tmp_path, name):
    with pytest.raises(ModelError, match="may run code"):
        inspect(written(tmp_path / name, WHOLE))


def test_the_sizes_of_tensor_types_are_those_of_the_ggml_in_use():
    spec = importlib.util.find_spec("llama_cpp")
    assert spec and spec.submodule_search_locations
    library = next(Path(spec.submodule_search_locations[0]).glob("lib/*ggml-base.*"))
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_type_size.restype, ggml.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    assert {k: (ggml.ggml_blck_size(k), ggml.ggml_type_size(k)) for k in BLOCKS} == BLOCKS


@pytest.mark.model
def test_the_starters_tensors_end_exactly_where_its_file_ends(tmp_path):
    starter = entry_of("starter", tmp_path)
    assert starter
    header = read_header(models() / starter.file)
    assert (header.extent, header.architecture) == (starter.bytes, "llama")
