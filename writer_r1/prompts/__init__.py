"""A prompt file + named values -> chat messages. The only place where text becomes part of a prompt.

A prompt file has sections: `--- system`, then turns of `--- user` and `--- assistant` (worked examples first, the real
one last), `--- more` (what follows shared text in a forked call) and `--- answer` (how the reply begins, without a
space at its end, since most vocabularies put the space into the next word; before a digit it stands alone).

`{{name}}` marks take values. Every value is data: a fence tag or a mark of a chat template written inside one is
disarmed, so a draft cannot close its own fence, and values are filled in one pass, so they are never read again
(`docs/decisions/0006-text-is-data.md`).
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import NamedTuple

from writer_r1.llm import Message, Request
from writer_r1.trajectory import digest

FENCES = (
    "request",
    "draft",
    "paragraph",
    "before",
    "after",
    "sample",
    "lesson",
    "criterion",
    "change",
    "categories",
    "part",
    "story",
    "think",  # these four are a thought's; see `traces.py`
    "plan",
    "reflection",
    "revision",
)
_UNSEEN = (  # characters that take no room on a page: `</dra\u200bft>` looks like a fence, and may be read as one
    r"\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_GAP = rf"[\s{_UNSEEN}]*+"
_WIDE = 0xFEE0  # from a letter to its full-width twin
_NAMES = "|".join(f"[{_UNSEEN}]*+".join(f"[{c}{chr(ord(c) + _WIDE)}]" for c in name) for name in FENCES)
# llama.cpp reads some marks as one token wherever they stand (`<tool_call>`), and templates without tokens of their own
# part the turns by plain text (`[INST]`).
_TURN = r"[|｜]|[^\W_]++_|(?:think|tools|sys)\b"
# A "<" at the end counts too: what follows the value could make a tag of it.
_ARMED = re.compile(
    rf"[<＜﹤](?={_GAP}[/／]?{_GAP}(?:(?:{_NAMES})(?![^\W{_UNSEEN}])|{_TURN}|\Z))|\[(?=/?(?-i:INST|[A-Z]+_[A-Z_]+)\])",
    re.IGNORECASE,
)
_MARK = re.compile(r"\{\{(\w+)\}\}")
_SECTION = re.compile(r"^--- (\w+)\n", re.MULTILINE)


class Prompt(NamedTuple):
    request: Request
    more: str  # to be appended to the last message in a forked call


@cache
def _sections(name: str) -> tuple[tuple[str, str], ...]:
    text = resources.files(__package__).joinpath(f"{name}.md").read_text("utf-8")
    parts = _SECTION.split(text)
    return tuple((key, body.rstrip("\n")) for key, body in zip(parts[1::2], parts[2::2], strict=True))


def prompt_hash(name: str) -> str:
    """Return a short hash of a prompt file, stored with what was made by it."""
    return digest(*(f"{k}\n{v}" for k, v in _sections(name)), length=8)


def disarm(value: str) -> str:
    """Return `value` with fence tags and marks of chat templates made harmless; it reads the same to a person."""
    return _ARMED.sub(lambda mark: "［" if mark[0] == "[" else "‹", value)


def render(name: str, /, **fields: str) -> Prompt:
    """Return the prompt with every mark filled.

    Raises:
        KeyError: a mark without a value, or a value without a mark; both are bugs.
    """
    sections, used = _sections(name), set[str]()

    def fill(body: str) -> str:
        def value(mark: re.Match[str]) -> str:
            used.add(mark[1])
            return disarm(fields[mark[1]])

        return _MARK.sub(value, body)

    filled = [(key, fill(body)) for key, body in sections]
    if unused := set(fields) - used:
        raise KeyError(f"prompt {name!r} has no mark for {sorted(unused)}")
    rest = dict(filled)
    return Prompt(Request(_messages(filled), rest.get("answer", "")), rest.get("more", ""))


def _messages(sections: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    return tuple(Message(key, body) for key, body in sections if key in ("system", "user", "assistant"))  # type: ignore[arg-type]


def example(name: str) -> str:
    """Return the text of a prompt's worked examples, which must not turn up in a reply."""
    *turns, _ = _messages(_sections(name))
    return "\n\n".join(turn.content for turn in turns if turn.role != "system")


def fixed_start(name: str) -> Request:
    """Return the part of a prompt before its first mark, to be evaluated ahead of time."""
    *turns, last = _messages(_sections(name))
    return Request((*turns, Message("user", last.content.split("{{", 1)[0])))
