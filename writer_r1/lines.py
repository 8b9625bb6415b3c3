"""A file of lines, added to row by row: what a kill cut short spoils no other row."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def add_line(path: Path, row: bytes) -> None:
    """Add a row to a file, which is made where there is none.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")  # so that a line cut short spoils no other
        file.write(row + b"\n")


def rows(path: Path, offset: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a file from a byte on; where there is no file there are none.

    A line that was cut counts as not there.

    Raises:
        OSError: it is there and cannot be read.
    """
    for line in path.read_bytes()[offset:].split(b"\n") if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut by a kill, perhaps inside a character
            continue
        if isinstance(row, dict):
            yield row


def finished(
    path: Path, head: bytes, ours: Callable[[dict[str, Any]], bool] = lambda row: True
) -> list[dict[str, Any]]:
    """Return the rows of a file that is gone on with; a last line that a kill cut short is taken out of it.

    A last row that is whole and lacks only the end of its line is kept.

    Raises:
        ValueError: it holds something else than JSON objects in lines that begin with `head`, or rows that are not
            `ours`; it is left alone.
        OSError: it cannot be read or mended.
    """
    raw = path.read_bytes() if path.exists() else b""
    *whole, torn = raw.split(b"\n")
    found = [json.loads(line) for line in whole if line.strip()]
    if not all(isinstance(row, dict) for row in found) or not (torn.startswith(head) or head.startswith(torn)):
        raise ValueError("other rows")
    with suppress(ValueError):
        found += [json.loads(torn)] if torn else []
        torn = b""
    if not all(map(ours, found)):
        raise ValueError("other rows")
    if torn:
        os.truncate(path, len(raw) - len(torn))  # in place: a second kill must not cost the whole file
    return found


def keyed(path: Path, value: str) -> dict[str, Any]:
    """Return `row[value]` by `row["key"]` of a file of JSON objects; a line that was cut counts as not there.

    Raises:
        OSError: it is there and cannot be read.
    """
    return {row["key"]: row[value] for row in rows(path) if "key" in row and value in row}


class Kept:
    """Values by key, in a file of lines: what is in it is not made again."""

    def __init__(self, path: Path) -> None:
        self._path, self._rows = path, keyed(path, "value")

    def __contains__(self, key: str) -> bool:
        """Return whether something is kept under a key."""
        return key in self._rows

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what is kept under a key; what is not there is made and kept."""
        if key not in self._rows:
            self._rows[key] = make()
            add_line(self._path, json.dumps({"key": key, "value": self._rows[key]}, ensure_ascii=False).encode())
        return self._rows[key]
