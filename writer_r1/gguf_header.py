"""A GGUF file -> whether it can be used, and what its header says, read in small bounded steps without loading it.

A file from anywhere may lie about its own sizes, so every length is held against the bytes that are really there before
anything is read, and the number of steps is capped. Only the head of the file is read, never the weights.

Source: the GGUF specification in ggml's documentation; the sizes of the tensor types from ggml 0.25.
"""

import io
import math
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from writer_r1.errors import ModelError

MAX_STEPS = 1_500_000  # texts and entries in a header; the largest vocabularies in use need under half of it
MAX_TEXT = 1 << 20  # bytes of a text worth keeping; chat templates are a few thousand
MAX_KEYS = 1 << 16
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# type -> (elements in a block, bytes of a block)
BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82)},
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18)},
}

UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")
CONTEXT = 8192  # tokens a model is opened with, unless it was made for fewer

Value = str | int | float | bool


class Summary(NamedTuple):
    """What a list shows of a GGUF file. `memory_bytes` is an estimate: the file, a tenth more, and a full context."""

    label: str
    licence: str
    bytes: int
    mtime_ns: int
    memory_bytes: int
    context: int


class Header(NamedTuple):
    """What a header says. `extent` is how many bytes the file must have to hold every tensor it lists."""

    facts: dict[str, Value]  # text and numbers; arrays are skipped
    tensors: int
    extent: int

    @property
    def architecture(self) -> str:
        return str(self.facts.get("general.architecture", ""))

    def text(self, key: str) -> str:
        """Return a text of the header, or an empty one."""
        value = self.facts.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0) -> int:
        """Return a whole number the header keeps under the architecture's name, or `default`."""
        value = self.facts.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and 0 < value < 1 << 32 else default


class Damaged(Exception):
    """The bytes are not what the format says; the text completes "… is damaged: "."""


class Cut(Damaged):
    """The file ends before its header does."""


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size, self.at, self.steps = file, size, 0, 0

    def take(self, count: int) -> bytes:
        if count > self.size - self.at:
            raise Cut("it ends inside its header")
        data = self.file.read(count)
        if len(data) != count:
            raise Cut("it ends inside its header")
        self.at += count
        return data

    def skip(self, count: int) -> None:
        if count > self.size - self.at:
            raise Cut("it ends inside its header")
        self.file.seek(count, os.SEEK_CUR)
        self.at += count

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Damaged(f"its header claims more than {MAX_STEPS} entries")

    def number(self, form: str) -> int:
        value: int = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]
        return value

    def text(self, limit: int) -> str:
        length = self.number("Q")
        if length > limit:
            raise Damaged(f"its header holds a name of {length} bytes")
        return self.take(length).decode("utf-8", "replace")


def inspect(path: Path) -> Summary:
    """Return what a list shows of a GGUF file that holds a whole chat model.

    Raises:
        ModelError: when the file is missing, unsafe, no GGUF, cut short, or not a chat model.
    """
    if not os.path.exists(path):  # unlike Path.exists, False for a text that can be no path
        raise ModelError(f"There is no file {str(path)!r}; check the path.")
    if path.suffix.lower() in UNSAFE:
        raise ModelError(f"{path.name!r} may run code when it is opened and is never loaded; get the model as GGUF.")
    if not path.is_file() or path.suffix.lower() == ".safetensors":
        raise ModelError(f"{path.name!r} is not a GGUF file; get the model in GGUF format.")
    header = read_header(path)
    _check_purpose(header, path.name)
    stat, context = path.stat(), header.number("context_length", CONTEXT)
    return Summary(
        label=header.text("general.name")[:80] or path.stem,
        licence=header.text("general.license")[:80] or "not stated",
        bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        memory_bytes=memory_needed(header, stat.st_size),
        context=context,
    )


def _check_purpose(header: Header, name: str) -> None:
    parts = header.facts.get("split.count")
    if isinstance(parts, int) and parts > 1:
        raise ModelError(f"{name!r} is one of {parts} parts; merge them into one GGUF file first.")
    if (kind := header.text("general.type")) not in ("", "model"):
        raise ModelError(f"{name!r} holds {kind[:40]!r} and not a whole model; choose the model itself.")
    if not header.architecture or not header.tensors:
        raise ModelError(f"{name!r} holds no model (no architecture or no weights); choose another file.")
    if not header.text("tokenizer.chat_template").strip():
        raise ModelError(
            f"{name!r} has no chat template, so it cannot follow requests; choose an instruct or chat model."
        )


def memory_needed(header: Header, size: int) -> int:
    """Return an estimate in bytes for a file of this size: the file, a tenth more, and a full context."""
    return size * 11 // 10 + _context_bytes(header, min(header.number("context_length", CONTEXT), CONTEXT))


def _context_bytes(header: Header, tokens: int) -> int:
    """Return the memory of a full context: a key and a value of two bytes each per layer, head and dimension."""
    heads = header.number("attention.head_count", 1)
    width = header.number("attention.key_length", header.number("embedding_length") // heads)
    return tokens * header.number("block_count") * header.number("attention.head_count_kv", heads) * width * 4


def read_header(path: Path) -> Header:
    """Return what the header of a GGUF file says.

    Raises:
        ModelError: when the file is no GGUF, of a version llama.cpp no longer reads, damaged, or cut short.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = _parse(_Reader(file, size), path.name, {})
    except Cut as e:
        raise ModelError(f"{path.name!r} is cut short: {e}; download or copy it again.") from e
    except Damaged as e:
        raise ModelError(f"{path.name!r} is damaged: {e}; download or copy it again.") from e
    except OSError as e:
        raise ModelError(f"{str(path)!r} cannot be read ({e.strerror}); check the path and its permissions.") from e
    if header.extent > size:
        raise ModelError(
            f"{path.name!r} is cut short: it has {size:,} bytes and its tensors need {header.extent:,}; "
            "download or copy it again."
        )
    return header


def read_beginning(data: bytes, name: str) -> Header:
    """Return what the first bytes of a GGUF file say of it: what follows is left out, so there are no tensors.

    Raises:
        ModelError: they are no GGUF of a version that llama.cpp reads, or damaged.
    """
    facts: dict[str, Value] = {}
    try:
        _parse(_Reader(io.BytesIO(data), len(data)), name, facts)
    except Cut:
        pass
    except Damaged as e:
        raise ModelError(f"{name!r} is damaged: {e}; choose another file.") from e
    return Header(facts, 0, 0)


def _parse(reader: _Reader, name: str, facts: dict[str, Value]) -> Header:
    """Return the header, whose texts and numbers are put into `facts` as they are read."""
    magic = reader.take(4) if reader.size >= 4 else b""
    if magic != b"GGUF":
        raise ModelError(f"{name!r} is not a GGUF file (it begins with {magic!r}); choose a model in GGUF format.")
    version = reader.number("I")
    if version not in (2, 3):
        raise ModelError(
            f"{name!r} is GGUF version {version}, and versions 2 and 3 can be read; get a newer copy of the model."
        )
    tensors, keys = reader.number("Q"), reader.number("Q")
    if tensors > MAX_KEYS or keys > MAX_KEYS:
        raise Damaged(f"its header claims {keys} entries and {tensors} tensors")
    for _ in range(keys):
        key = reader.text(MAX_KEYS)
        value = _value(reader, reader.number("I"))
        if value is not None:
            facts[key] = value
    ends = [_tensor_end(reader) for _ in range(tensors)]
    alignment = facts.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise Damaged(f"its alignment is {alignment!r}")
    start = -(-reader.at // alignment) * alignment
    return Header(facts, tensors, start + max(ends) if ends else reader.at)


def _value(reader: _Reader, kind: int) -> Value | None:
    """Read one value; arrays and texts too long to be of use are passed over as `None`."""
    reader.step()
    if kind == STRING:
        length = reader.number("Q")
        if length > MAX_TEXT:
            reader.skip(length)
            return None
        return reader.take(length).decode("utf-8", "replace")
    if kind == ARRAY:
        _skip_array(reader)
        return None
    if kind not in SCALARS:
        raise Damaged(f"its header uses the unknown type {kind}")
    value: Value = struct.unpack("<" + SCALARS[kind], reader.take(struct.calcsize("<" + SCALARS[kind])))[0]
    return value


def _skip_array(reader: _Reader) -> None:
    kind, count = reader.number("I"), reader.number("Q")
    if kind == STRING:
        for _ in range(count):
            reader.step()
            reader.skip(reader.number("Q"))
    elif kind in SCALARS:
        reader.skip(count * struct.calcsize("<" + SCALARS[kind]))
    else:
        raise Damaged(f"its header holds a list of the unknown type {kind}")


def _tensor_end(reader: _Reader) -> int:
    """Read one tensor's entry and return where it ends, counted from the start of the data."""
    reader.step()
    name, dimensions = reader.text(MAX_KEYS), reader.number("I")
    if dimensions > 8:
        raise Damaged(f"tensor {name[:60]!r} has {dimensions} dimensions")
    shape = [reader.number("Q") for _ in range(dimensions)]
    kind, offset = reader.number("I"), reader.number("Q")
    if kind not in BLOCKS:
        return offset  # a type newer than this table: llama.cpp decides
    elements, size = BLOCKS[kind]
    return offset + math.prod(shape) // elements * size
