"""A piece of the library -> a file to take away, and a file of the user's -> a piece; which is which its name tells.

Text and Markdown files hold the manuscript byte for byte as UTF-8, with nothing added. An import makes a new piece and
never touches one that is there.
"""

import re
from typing import Literal, NamedTuple, get_args

from writer_r1.docx_file import to_docx
from writer_r1.epub import Book, to_epub
from writer_r1.errors import WriterError
from writer_r1.manuscript_file import read_manuscript
from writer_r1.session_file import take_in_session
from writer_r1.store import Piece, Store

Form = Literal["docx", "md", "txt", "epub"]
FORMS: tuple[Form, ...] = get_args(Form)
NOTED: tuple[Form, ...] = ("docx", "md")
NAME_CHARS, NAME_BYTES = 80, 200  # most disks take a name of 255 bytes
UNFIT = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)  # on some system
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # on Windows


class Arrived(NamedTuple):
    """A piece that a file became, its run where it was a session, and what its user has to know of it."""

    piece: Piece
    run_id: str = ""
    note: str = ""


def piece_file(piece: Piece, form: Form, note: str = "") -> bytes:
    """Return a piece's manuscript as a file of this form; in a Word or Markdown file `note` stands below it.

    Raises:
        WriterError: there is nothing in it.
    """
    if not piece.text.strip():
        raise WriterError("Your manuscript is empty; write or take over a text first, then export it.")
    text = f"{piece.text.rstrip()}\n\n---\n\n*{note}*\n" if note and form in NOTED else piece.text
    match form:
        case "docx":
            return to_docx(text, piece.title, piece.updated)
        case "epub":
            return to_epub(piece.text, Book(piece.id, piece.title, piece.created, piece.updated))
        case _:
            return text.encode()


def file_name(title: str, ending: str) -> str:
    """Return a name that every system takes for a file."""
    name = " ".join(UNFIT.sub(" ", title).split())[:NAME_CHARS]
    name = name.encode()[:NAME_BYTES].decode("utf-8", "ignore").strip(". ")
    return f"{'Piece ' if RESERVED.fullmatch(name) else ''}{name or 'Untitled'}.{ending}"


def take_in(store: Store, name: str, data: bytes) -> Arrived:
    """Return the new piece that a file of this name is now.

    Raises:
        WriterError: it cannot be read; nothing was kept.
    """
    if name.casefold().endswith(".json"):
        return Arrived(*take_in_session(store, name, data))
    manuscript = read_manuscript(name, data)
    return Arrived(store.new_piece("", manuscript.text, manuscript.title), note=manuscript.note)
