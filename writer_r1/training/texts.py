"""A text, Markdown or Word file -> the pieces in it, each with words that could have asked for it.

A heading begins a piece and asks for it; before the first one the file's name does. A long piece is parted between
paragraphs, because a model is trained on one page at a time: what follows is asked for as going on from where the part
before it ends.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from writer_r1.checks import paragraphs, word_count
from writer_r1.manuscript_file import TEXTS, read_manuscript

KINDS = (*TEXTS, ".docx")
PART = 250  # words, about: with its request a part fits the rows that a small machine can train on
HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(?P<words>.*?)[ \t#]*")
GOES_ON = "{prompt}\n\nGo on from here:\n\n{end}"


class Section(NamedTuple):
    line: int
    prompt: str
    text: str


def sections(name: str, data: bytes, pieces: bool = True) -> list[Section]:
    """Return the pieces in a file of this name; without `pieces` its lines, each of them a request.

    Raises:
        WriterError: it is damaged, empty or too long.
    """
    text = read_manuscript(name, data).text
    if not pieces:
        return [Section(n, line.strip(), "") for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    title = " ".join(re.split(r"[\s_-]+", Path(name).stem)).strip()
    return [part for piece in _pieces(title, text) for part in _parts(piece)]


def _pieces(title: str, text: str) -> Iterator[Section]:
    lines, began, prompt = text.split("\n"), 0, title
    for n, line in enumerate([*lines, "# end"]):
        if heading := HEADING.fullmatch(line):
            if any(row.strip() for row in lines[began:n]):
                yield Section(began + 1, prompt, "\n".join(lines[began:n]))
            began, prompt = n + 1, heading["words"] or title


def _parts(piece: Section) -> Iterator[Section]:
    """Yield a piece in parts of whole paragraphs."""
    spans, begun = paragraphs(piece.text), 0
    for k in range(1, len(spans) + 1):
        start = spans[begun][0]
        if k < len(spans) and word_count(piece.text[start : spans[k][1]]) <= PART:
            continue
        end = piece.text[slice(*spans[begun - 1])] if begun else ""
        prompt = GOES_ON.format(prompt=piece.prompt, end=end) if begun else piece.prompt
        yield Section(piece.line + piece.text.count("\n", 0, start), prompt, piece.text[start : spans[k - 1][1]])
        begun = k
