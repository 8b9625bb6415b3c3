"""A text, Markdown or Word file of the user's -> the text of a new manuscript, with what has to be said of it.

An encoding is told by the file's first bytes, else by whether its bytes are UTF-8; what was guessed is said.
"""

import codecs
import re
from pathlib import PurePosixPath
from typing import NamedTuple

from writer_r1.docx_file import from_docx
from writer_r1.errors import WriterError

LONGEST = 4_000_000  # characters of a piece; a long novel is about a million
MOST_BYTES = 50_000_000  # of a file; a Word file may be mostly pictures
TITLE_CHARS = 120
TEXTS = (".txt", ".text", ".md", ".markdown")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
WINDOWS = "cp1252"
BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # a text may hold tabs, page breaks and escape codes, not these

GUESSED = "The file is not UTF-8 and was read as Western European (Windows-1252); look at its accents and quotes."
WITHOUT = "Not taken over, because a manuscript holds words only: {what}."


class Manuscript(NamedTuple):
    """What a file says. `note` is what its user has to know of it, or empty."""

    title: str
    text: str
    note: str = ""


def read_manuscript(name: str, data: bytes) -> Manuscript:
    """Return the manuscript in a file of this name.

    Raises:
        WriterError: it is of another kind, damaged, empty or too long.
    """
    if len(data) > MOST_BYTES:
        raise WriterError(f"{shown(name)} is larger than {MOST_BYTES // 1_000_000} MB; split it into several files.")
    path = PurePosixPath(name.replace("\\", "/"))
    kind = path.suffix.casefold()
    if kind == ".docx":
        text, left_out = from_docx(data)
        note = WITHOUT.format(what=", ".join(left_out)) if left_out else ""
    elif kind in TEXTS:
        text, note = _decoded(name, data)
    else:
        raise WriterError(f"{shown(name)} is no kind of file that can be read here; save it as .docx, .md or .txt.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as a browser keeps the text of a box
    if not text.strip():
        raise WriterError(f"{shown(name)} holds no text; choose another file.")
    if len(text) > LONGEST:
        raise WriterError(f"{shown(name)} holds more than {LONGEST:,} characters; split it into several files.")
    return Manuscript(" ".join(path.stem.split())[:TITLE_CHARS], text, note)


def shown(name: str) -> str:
    """Return a file's name as a sentence shows it."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return repr(last if len(last) <= 80 else f"{last[:79]}…")


def _decoded(name: str, data: bytes) -> tuple[str, str]:
    """Return the text of a file, and what was guessed of it."""
    encoding = next((e for mark, e in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text, note = data.decode(encoding), ""
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise WriterError(
                f"{shown(name)} is damaged ({encoding} that breaks off); save it anew as UTF-8."
            ) from None
        text, note = data.decode(WINDOWS, "replace"), GUESSED
    if BINARY.search(text):
        raise WriterError(f"{shown(name)} holds no plain text; save it as .docx, .md or .txt.")
    return text, note
