"""A request -> tokens, through the chat template of its model: one way for the page and for training.

Message contents are tokenised apart from the template with special tokens off, so a draft that contains `<|im_end|>`
stays text and cannot open or close a turn. Template and tokens come from whoever holds the model: llama.cpp, or a
tokenizer of transformers.
"""

import ctypes
import re
from collections.abc import Callable, Sequence
from typing import Any

from writer_r1.errors import ModelError
from writer_r1.llm import Message, Request

Row = dict[str, str]
Template = Callable[[list[Row]], str]  # role and content of each message -> the chat, up to where the answer begins
Tokenise = Callable[[str, bool], list[int]]  # text, whether control tokens written in it count as such -> token ids

_BEGUN = re.compile(r"<think>\s*\Z")
_SLOT = re.compile("\ue000(\\d+)\ue001")  # private-use marks that stand for message contents inside the template


def filled(template: Template, messages: Sequence[Message]) -> list[str]:
    """Return the chat in parts: what the template says, and between that the content of each message, in turn.

    A thought that the template has begun is ended at once: what is asked for here is the answer, and a thought that no
    tag opens in the reply could not be told from it.
    """
    rows = [{"role": m.role, "content": f"\ue000{i}\ue001"} for i, m in enumerate(messages)]
    parts = _SLOT.split(_rendered(template, rows))
    parts[-1] = _BEGUN.sub("<think>\n\n</think>\n\n", parts[-1])
    return [messages[int(part)].content if k % 2 else part for k, part in enumerate(parts)]


def encode(request: Request, template: Template, tokenise: Tokenise) -> tuple[list[int], list[int]]:
    """Return the tokens up to the end of the last message's content, and those between it and the reply."""
    *before, tail = filled(template, request.messages)
    head = [token for k, part in enumerate(before) for token in tokenise(part, k % 2 == 0)]
    return head, tokenise(tail, True) + tokenise(request.answer, False)


def _rendered(template: Template, rows: list[Row]) -> str:
    from jinja2 import TemplateError

    try:
        return template(rows)
    except (ValueError, TemplateError):
        if rows[0]["role"] != "system":
            raise
    # Some templates refuse a system role: its text then opens the first message.
    merged = [{"role": rows[1]["role"], "content": rows[0]["content"] + "\n\n" + rows[1]["content"]}, *rows[2:]]
    return template(merged)


def piece(vocab: Any, token: int, special: bool = False) -> bytes:
    """Return what a token of llama.cpp reads as; a control token as nothing, or with `special` by its name."""
    import llama_cpp

    buffer = ctypes.create_string_buffer(256)
    n = llama_cpp.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, special)
    return buffer.raw[: max(0, n)]


def template_of(model: Any, name: str) -> Template:
    """Return the chat template of a model that llama.cpp holds.

    Raises:
        ModelError: it has none.
    """
    import llama_cpp
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    text = llama_cpp.llama_model_chat_template(model, None)
    if not text:
        raise ModelError(f"{name!r} has no chat template, so it cannot follow requests; choose a chat model.")
    vocab = llama_cpp.llama_model_get_vocab(model)
    ends = [getattr(llama_cpp, f"llama_vocab_{which}")(vocab) for which in ("eos", "bos")]
    eos, bos = (piece(vocab, token, special=True).decode("utf-8", "replace") if token >= 0 else "" for token in ends)
    call: Any = Jinja2ChatFormatter(text.decode(), eos_token=eos, bos_token=bos)
    return lambda rows: str(call(messages=rows, enable_thinking=False).prompt)
