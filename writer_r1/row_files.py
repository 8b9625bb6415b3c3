"""Rows that were kept in one file and, beside it, those that were dropped with their reasons; both outlive a kill.

Whatever a row is made of ends in one line of one of the two, so that work that was broken off goes on where it was.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from writer_r1 import places
from writer_r1.errors import Busy, WriterError
from writer_r1.lines import add_line, finished
from writer_r1.whole_file import write_whole

HEAD = b'{"id": '  # how each row begins
T = TypeVar("T")
Row = dict[str, Any]
Say = Callable[[int, int, float | None, str], None]  # done, in all, seconds left, what is being done


def beside(out: Path) -> Path:
    """Return the file of what was dropped, which lies beside that of what was kept."""
    return out.with_name(f"{out.stem}.dropped{out.suffix or '.jsonl'}")


def ids(some: Iterable[Row]) -> set[str]:
    """Return the ids of rows."""
    return {str(row["id"]) for row in some}


class Pair:
    """The two files; what they hold already is read, and a line that a kill cut short is taken out.

    `begins` are the beginnings of the ids of such rows: files of others are refused.
    """

    begins: tuple[str, ...] = ("",)

    def __init__(self, out: Path) -> None:
        self.out, self._beside = out, beside(out)
        self.kept, self.dropped = self._read()

    def _read(self) -> tuple[list[Row], list[Row]]:
        return _begun(self.out, self.begins), _begun(self._beside, self.begins)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from adding to the files, who would make every row a second time.

        Raises:
            Busy: another one adds to them.
        """
        try:
            with FileLock(places.lock_of(self.out), timeout=0):
                self.kept, self.dropped = self._read()
                yield
        except Timeout:
            raise Busy(f"The file {str(self.out)!r} is being made by another process; wait for its end.") from None

    @property
    def done(self) -> set[str]:
        """Return the ids of what needs no more work."""
        return ids((*self.kept, *self.dropped))

    def keep(self, row: Row) -> None:
        """Add a row, which begins with its id."""
        _add(self.out, row)
        self.kept.append(row)

    def drop(self, row: Row) -> None:
        """Add a row that says with a `reason` why nothing was kept."""
        _add(self._beside, row)
        self.dropped.append(row)

    def part(self, kept: list[Row], dropped: list[Row]) -> None:
        """Write both files anew with these rows, which are all that there are."""
        # What changes its file is in both for a moment, so that a kill loses none of it.
        for path, some in ((self._beside, [*dropped, *kept]), (self.out, kept), (self._beside, dropped)):
            _write(path, some)
        self.kept, self.dropped = kept, dropped


def in_turn(todo: Sequence[T], total: int, say: Say) -> Iterator[tuple[T, Callable[[str], None]]]:
    """Yield what is still to be done of `total`, each with a function that says what is being done with it."""
    began, before = time.monotonic(), total - len(todo)
    for number, one in enumerate(todo):
        left = (time.monotonic() - began) / number * (len(todo) - number) if number else None
        yield one, partial(say, before + number, total, left)
    say(total, total, 0.0, "done")


def _begun(path: Path, begins: tuple[str, ...]) -> list[Row]:
    try:
        found = finished(path, HEAD, lambda row: "id" in row and str(row["id"]).startswith(begins))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()  # now, and not after minutes of work
    except ValueError:
        raise WriterError(
            f"The file {str(path)!r} holds other rows; move it away, or name another with --out."
        ) from None
    except OSError as error:
        raise WriterError(f"The file {str(path)!r} cannot be written ({error.strerror}).") from error
    return found


def _line(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def _write(path: Path, some: Sequence[Row]) -> None:
    try:
        write_whole(path, b"".join(_line(row) + b"\n" for row in some))
    except OSError as error:
        raise WriterError(f"The file {str(path)!r} cannot be written ({error.strerror}).") from error


def _add(path: Path, row: Row) -> None:
    try:
        add_line(path, _line(row))
    except OSError as error:
        raise WriterError(
            f"The file {str(path)!r} cannot be written ({error.strerror}); run again when it can: "
            "nothing is made twice."
        ) from error
