"""Files -> what a model is trained on, and what is held out. No torch.

What cannot be used is dropped with its file, line and reason, never in silence. Whether a row is too long is told by
the tokenizer of the model that is trained. The model sees the words of `drafting`, so that an adapter meets at work
the prompt that it was trained on.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from writer_r1.checks import word_count
from writer_r1.drafting import draft_request
from writer_r1.errors import RubricError, WriterError
from writer_r1.llm import Request
from writer_r1.llm.chat import Template, Tokenise, encode, filled
from writer_r1.one_go import OPENS, is_thought, think_request
from writer_r1.rubric_file import read_rubric
from writer_r1.traces import Refusal, parse
from writer_r1.training.rows import Unusable, files, rows
from writer_r1.trajectory import Rubric, digest, name_key

SAME = "the same as "  # an earlier row
FEWEST_WORDS = 8  # of a piece: a haiku has about twelve
PROMPT, TEXT = ("prompt", "instruction", "request"), ("text", "completion", "output", "response")
EVERY = 1_000_000  # pieces: more than anyone has
ASKED_FOR = "\n\nWrite one paragraph of it."
PARAGRAPH = "{prompt}" + ASKED_FOR


class Example(NamedTuple):
    """A request and a piece that answers it well; `text` is empty where only the request was read.

    `source` says where it comes from, in words for the user; `work` which kind of the writer's own it is
    (`own_work.Work`), empty where it comes from a file.
    """

    id: str
    prompt: str
    text: str
    rubric: Rubric | None
    source: str
    work: str = ""


class Dropped(NamedTuple):
    """What was left out; `line` is 0 where it is a whole file."""

    file: str
    line: int
    reason: str

    @property
    def said(self) -> str:
        """Return it as a sentence."""
        return f"{self.file}, line {self.line}, was left out: {self.reason}."

    @property
    def kind(self) -> str:
        """Return the reason without what is this row's own, so that rows can be counted by it."""
        return (
            "the same as an earlier one" if self.reason.startswith(SAME) else re.split("[:(]", self.reason)[0].strip()
        )


class Read(NamedTuple):
    examples: tuple[Example, ...]
    dropped: tuple[Dropped, ...]


class Seen(NamedTuple):
    """A row as the model sees it: what stands before the piece, and the piece."""

    before: str
    text: str


class Tokens(NamedTuple):
    """A row as token ids; `text` is what is learned, with the token that ends a reply."""

    prompt: list[int]
    text: list[int]


def read(path: Path) -> Read:
    """Return the examples in a file or folder (JSON lines, CSV, text, Markdown, Word), and what was dropped.

    Raises:
        WriterError: it is not there, cannot be read, or holds no example.
    """
    return _read(path, pieces=True)


def read_prompts(path: Path) -> Read:
    """Return the requests in a file or folder, with their pieces where they have some; of a text, each line is one.

    Raises:
        WriterError: it is not there, cannot be read, or holds no request.
    """
    return _read(path, pieces=False)


def _read(path: Path, *, pieces: bool) -> Read:
    examples, dropped, seen = list[Example](), list[Dropped](), dict[tuple[str, str], str]()
    for file in files(path):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        for line, row in rows(file, pieces):
            try:
                if isinstance(row, Unusable):
                    raise row
                example = _example(row, f"{name}, line {line}", pieces)
                key = name_key(example.prompt), name_key(example.text) if pieces else ""
                if key in seen:
                    raise Unusable(SAME + seen[key])
            except Unusable as why:
                dropped.append(Dropped(name, line, str(why)))
                continue
            seen[key] = example.source
            examples.append(example)
    if not examples:
        raise WriterError(_nothing(path, dropped, "prompt and a piece" if pieces else "prompt"))
    return Read(tuple(examples), tuple(dropped))


def _nothing(path: Path, dropped: Sequence[Dropped], wanted: str) -> str:
    if not dropped:
        return f"{str(path)!r} is empty; choose a file in which each row has a {wanted}."
    first = dropped[0]
    at = f"{first.file!r}, line {first.line}" if first.line else repr(first.file)
    many = f"all {len(dropped)} rows were left out, the first" if len(dropped) > 1 else "its only row was left out"
    return (
        f"{str(path)!r} holds nothing to learn from: {many} ({at}) because of this: {first.reason}. "
        f"Choose a file in which each row has a {wanted}."
    )


def _example(row: dict[str, Any], source: str, pieces: bool) -> Example:
    prompt, text = _field(row, PROMPT), _field(row, TEXT)
    if not prompt:
        raise Unusable(f"no prompt (a field named {' or '.join(PROMPT)})")
    if pieces and not text:
        raise Unusable(f"no text (a field named {' or '.join(TEXT)})")
    if pieces and (words := word_count(text)) < FEWEST_WORDS:
        raise Unusable(too_short(words))
    if pieces and (is_thought(text) or "trace" in row) and isinstance(refused := parse(text, prompt), Refusal):
        raise Unusable(f"its thought cannot be read: {refused.reason}")
    try:
        rubric = read_rubric(row["rubric"], prompt) if row.get("rubric") else None
    except RubricError as error:
        raise Unusable(f"its criteria cannot be used: {str(error).rstrip('.')}") from None
    given = row.get("id")
    id_ = str(given).strip() if isinstance(given, str | int) else ""
    return Example(id_ or example_id(prompt, text), prompt, text, rubric, source)


def too_short(words: int) -> str:
    """Return why a piece of so few words is not learned from."""
    return f"too short: a piece has at least {FEWEST_WORDS} words, and this one {words}"


def _field(row: dict[str, Any], names: Iterable[str]) -> str:
    value = next((v for name in names if isinstance(v := row.get(name), str) and v.strip()), "")
    # A lone surrogate (half an emoji) is not text that a tokenizer could read.
    return value.replace("\r\n", "\n").strip().encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def example_id(prompt: str, text: str) -> str:
    """Return the id of a row that brings none of its own."""
    return "x-" + digest(prompt, text)


def split(examples: Sequence[Example], share: float = 0.1, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """Return those to train on and those held out, about `share` of the requests and at least one.

    Rows with the same request, or the same text, are never on both sides; a paragraph goes with its piece.
    The order of the rows does not matter.

    Raises:
        WriterError: they all belong together, so that nothing could be held out.
    """
    groups = _together(examples)
    if len(groups) < 2:
        many = "there is only one piece" if len(examples) == 1 else f"all {len(examples)} pieces answer one request"
        raise WriterError(f"Nothing can be held out for a test, because {many}; add pieces that answer another.")
    Random(seed).shuffle(groups)
    out = {i for group in groups[: min(len(groups) - 1, max(1, round(share * len(groups))))] for i in group}
    return [e for i, e in enumerate(examples) if i not in out], [examples[i] for i in sorted(out)]


def _together(examples: Sequence[Example]) -> list[list[int]]:
    """Return groups of places that share requests or texts, in an order that does not depend on that of the rows."""
    head = dict[str, str]()

    def find(key: str) -> str:
        while head.setdefault(key, key) != key:
            key = head[key]
        return key

    for e in examples:
        first, other = sorted((find("p " + whole_request(e)), find("t " + name_key(e.text or e.prompt))))
        head[other] = first
    groups = defaultdict[str, list[int]](list)
    for i, e in enumerate(examples):
        groups[find("p " + whole_request(e))].append(i)
    return [groups[key] for key in sorted(groups)]


def whole_request(example: Example) -> str:
    """Return the key of a row's request, or of the one for the whole piece of which it asks for a paragraph."""
    return name_key(example.prompt.removesuffix(ASKED_FOR))


def request_of(example: Example) -> Request:
    """Return what the writing model is asked for where this piece, or this thought, is its answer."""
    return think_request(example.prompt) if is_thought(example.text) else draft_request(example.prompt)


def practised_request(example: Example, thoughts: str) -> Request:
    """Return what is asked for in practice, whatever the row's own text is: a piece, or a thought from where it begins.

    `thoughts` is that of the settings.
    """
    if thoughts == "off":
        return draft_request(example.prompt)
    return think_request(example.prompt)._replace(answer=OPENS)


def as_seen(example: Example, template: Template, thoughts: str = "") -> Seen:
    """Return the row as a model with this chat template sees it; see `llamacpp.read_template`.

    With `thoughts`, as it is practised on.
    """
    asked = practised_request(example, thoughts) if thoughts else request_of(example)
    return Seen("".join(filled(template, asked.messages)) + asked.answer, example.text)


def as_tokens(example: Example, template: Template, tokenise: Tokenise, end: int) -> Tokens:
    """Return the row as token ids, the piece closed by the token `end`; the same ids as the page's model gets."""
    head, tail = encode(request_of(example), template, tokenise)
    return Tokens(head + tail, [*tokenise(example.text, False), end])


def chat_of(tokenizer: Any) -> tuple[Template, Tokenise]:
    """Return chat template and tokeniser of a tokenizer of transformers, as the page's model has them."""

    def template(rows: list[dict[str, str]]) -> str:
        asked = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
        return str(tokenizer.apply_chat_template(rows, **asked))

    def tokenise(text: str, special: bool) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, split_special_tokens=not special)["input_ids"])

    return template, tokenise
