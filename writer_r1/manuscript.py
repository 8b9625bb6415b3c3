"""A manuscript's text -> its headings, paragraphs and scene breaks, with emphasis, and back.

A manuscript is prose with the few signs of Markdown that prose needs: `#` before a heading, `***` or `---` between
scenes, *emphasis* and **strong**. All else stands as it was typed, line breaks too; nothing is a list, a table or HTML.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

# XML knows no such characters, and none of them can be seen.
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
SCENE = re.compile(r"[*#⁂~•](?:\s*[*#⁂~•]){0,8}")  # a paragraph of such signs alone
SIGNS = re.compile(r"([*]|(?<![^\W_])_|_(?![^\W_])|\\(?=[!-/:-@[-`{-~\n]|$))")  # would emphasise, or hide another sign
HEAD = re.compile(r"(?m)^([ \t]*)(#{1,6}(?=[ \t]|$)|-(?=[- \t]*$))")  # would begin a heading or part two scenes
RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
LETTER = re.compile(r"[^\W\d_]")


class Span(NamedTuple):
    """Words set in one way."""

    text: str
    italic: bool = False
    bold: bool = False


class Block(NamedTuple):
    """A paragraph, a heading (`level` from 1 to 6) or a scene break, which has no words."""

    kind: Literal["paragraph", "heading", "break"]
    spans: tuple[Span, ...] = ()
    level: int = 0

    @property
    def text(self) -> str:
        """Return its words."""
        return "".join(span.text for span in self.spans)


def blocks(text: str) -> list[Block]:
    """Return what a manuscript is made of, in its order, without the characters that XML forbids."""
    found, tokens = [], _parser().parse(printable(text))
    for i, token in enumerate(tokens):
        if token.type == "hr":
            found.append(Block("break"))
        elif token.type == "inline":
            found += _block(tokens[i - 1], tuple(_spans(token.children or [])))
    return found


def printable(text: str) -> str:
    """Return `text` without the characters that XML forbids."""
    return NO_XML.sub("", text)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("zero").enable(["heading", "hr", "emphasis", "escape"])


def _block(opening: Token, spans: tuple[Span, ...]) -> Iterator[Block]:
    words = "".join(span.text for span in spans)
    if opening.type == "heading_open":
        yield Block("heading", spans, int(opening.tag[1])) if words.strip() else Block("break")  # "#" parts scenes too
    elif SCENE.fullmatch(words.strip()):
        yield Block("break")
    elif words.strip():
        yield Block("paragraph", spans)


def _spans(children: Iterable[Token]) -> Iterator[Span]:
    depth = {"em": 0, "strong": 0}
    held = Span("")
    for child in children:
        name, _, way = child.type.partition("_")
        if name in depth:
            depth[name] += 1 if way == "open" else -1
            continue
        words = "\n" if child.type in ("hardbreak", "softbreak") else child.content
        now = Span(words, depth["em"] > 0, depth["strong"] > 0)
        if held.text and held[1:] != now[1:]:
            yield held
            held = Span("")
        held = now._replace(text=held.text + words)
    if held.text:
        yield held


def markdown(made_of: Iterable[Block]) -> str:
    """Return the text that `blocks` reads as these; emphasis that Markdown cannot say is left out, words never."""
    return "\n\n".join(_written(block) for block in made_of)


def _written(block: Block) -> str:
    if block.kind == "break":
        return "***"
    spans = _trimmed(list(_joined(block.spans)))
    mark = "#" * block.level + " " if block.kind == "heading" else ""
    text = mark + "".join(map(_marked, spans))
    if blocks(text) == [block._replace(spans=spans)]:
        return text
    plain = block.text.strip() if not mark else " ".join(block.text.split())
    return mark + HEAD.sub(r"\1\\\2", SIGNS.sub(r"\\\1", plain))


def _trimmed(spans: list[Span]) -> tuple[Span, ...]:
    """Return the spans without white space at both ends, which Markdown does not keep."""
    while spans and not spans[-1].text.strip():
        spans.pop()
    while spans and not spans[0].text.strip():
        spans.pop(0)
    if spans:
        spans[0] = spans[0]._replace(text=spans[0].text.lstrip())
        spans[-1] = spans[-1]._replace(text=spans[-1].text.rstrip())
    return tuple(spans)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans with white space outside of emphasis, and neighbours set alike as one."""
    parts = [
        Span(part, *(span[1:] if part.strip() else (False, False)))
        for span in spans
        for part in re.split(r"(^\s+|\s+$)", span.text)
        if part
    ]
    held = Span("")
    for part in parts:
        if held.text and held[1:] != part[1:]:
            yield held
            held = Span("")
        held = part._replace(text=held.text + part.text)
    if held.text:
        yield held


def _marked(span: Span) -> str:
    sign = "*" * (span.italic + 2 * span.bold)
    text = SIGNS.sub(r"\\\1", span.text)
    return f"{sign}{text}{sign}" if sign else HEAD.sub(r"\1\\\2", text)


def right_to_left(text: str) -> bool:
    """Return whether a paragraph is read from right to left: whether its first letter is."""
    first = LETTER.search(text)
    return first is not None and RTL.match(first.group()) is not None
