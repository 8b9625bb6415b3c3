"""GGUF files made by hand for the tests: the smallest bytes that are a chat model to a header reader."""

import struct

CHAT = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "mit",
    "llama.context_length": 2048,
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b", "…"],
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value_of(value: object) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(v) for v in value)
    return struct.pack("<II", 4, value)


def gguf(
    facts: dict[str, object] | None = None,
    *,
    tensors: tuple[tuple[str, tuple[int, ...], int], ...] = (("w", (64, 4), 0),),
    version: int = 3,
) -> bytes:
    """Return a whole GGUF file; each tensor is (name, shape, 0 for f32 or 2 for q4_0)."""
    facts = CHAT if facts is None else facts
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(facts))
    head += b"".join(text(k) + value_of(v) for k, v in facts.items())
    offset = 0
    for name, shape, kind in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        count = 1
        for n in shape:
            count *= n
        offset += {0: count * 4, 2: count // 32 * 18}[kind]
    return head + bytes(-len(head) % 32) + bytes(offset)
