"""A row added to a file of lines: what a kill cut short spoils no other row."""

from os import SEEK_END
from pathlib import Path


def add_line(path: Path, row: bytes) -> None:
    """Add a row to a file, which is made where there is none.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.seek(0, SEEK_END):
            file.seek(-1, SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")  # so that a line cut short spoils no other
        file.write(row + b"\n")
