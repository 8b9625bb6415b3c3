"""What was made in a home to train on: thoughts, requests that were tried, and the choice among them <-> its files.

All of it is the writer's own and lies in one folder of the home. What was tried is parted anew by other limits without
being tried again.
"""

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from writer_r1 import difficulty
from writer_r1.errors import StoreError, WriterError
from writer_r1.lines import rows
from writer_r1.row_files import Row, beside
from writer_r1.store import Store
from writer_r1.training.data import Example, read_prompts
from writer_r1.training.own_work import PIECES
from writer_r1.training.plan import MADE, Plan, own_data, sample_set
from writer_r1.trajectory import Noun, digest
from writer_r1.whole_file import write_whole

Source = Literal["sample", "library"]
FILE = "bounds.json"


class Bounds(Noun):
    """What the writer chose of the difficulty: drafts a request, and between which mean rewards a request stays.

    `noise` is the spread of the rewards that is not enough; None takes the judge's own.
    """

    drafts: int = Field(default=8, ge=2, le=32)
    low: float = Field(default=0.3, ge=0.0, le=1.0)
    high: float = Field(default=0.85, ge=0.0, le=1.0)
    noise: float | None = Field(default=None, ge=0.0, le=1.0)

    @property
    def limits(self) -> difficulty.Limits:
        """Return them as limits."""
        return difficulty.Limits(self.low, self.high, self.noise)


class Made(NamedTuple):
    """The rows that were kept and those that were dropped, each in the order in which they were made."""

    kept: Sequence[Row] = ()
    dropped: Sequence[Row] = ()

    @property
    def rows(self) -> list[Row]:
        return [*self.kept, *self.dropped]


def thoughts_at(home: Path) -> Path:
    """Return the file of the thoughts that were made in a home."""
    return home / MADE / "thoughts.jsonl"


def tried_at(home: Path, policy: str, judge: str, drafts: int, adapter: str = "") -> Path:
    """Return the file of the requests that were tried in this way; others say nothing of these and lie elsewhere.

    `adapter` is the digest of what the policy wears.
    """
    return home / MADE / f"tried-{digest(policy, judge, str(drafts), *([adapter] if adapter else []))}.jsonl"


def chosen_at(home: Path) -> Path:
    """Return the file of the requests that were chosen by their difficulty to practise on."""
    return home / MADE / "chosen_requests.jsonl"


def read_bounds(home: Path) -> Bounds:
    """Return the bounds kept in a home; the usual ones where there are none, or none that can be understood."""
    try:
        return Bounds.model_validate_json((home / MADE / FILE).read_bytes())
    except (OSError, ValidationError):
        return Bounds()


def keep_bounds(home: Path, bounds: Bounds) -> None:
    """Keep the bounds.

    Raises:
        StoreError: they cannot be written.
    """
    _write(home / MADE / FILE, bounds.model_dump_json(indent=1).encode())


@cache
def samples() -> Sequence[Example]:
    """Return the sample requests, which come with the studio."""
    return read_prompts(sample_set("mrpo")).examples


def requests(source: Source, store: Store) -> Sequence[Example]:
    """Return the requests of a source, each once.

    Raises:
        WriterError: there is none, or the library cannot be read.
    """
    if source == "sample":
        return samples()
    return own_data(Plan(goal="mrpo", source="own", works=PIECES), store).examples


def untried(examples: Sequence[Example], done: Collection[str], key: Callable[[Example], str]) -> int:
    """Return how many requests are not done yet; `key` gives the id of the row that one ends in."""
    return sum(key(example) not in done for example in examples)


def made(out: Path) -> Made:
    """Return the rows so far, read anew only where there are new ones.

    Raises:
        StoreError: they are there and cannot be read.
    """
    return Made(_rows_now(out), _rows_now(beside(out)))


def _rows_now(path: Path) -> Sequence[Row]:
    try:
        stat = path.stat()
        return _rows_at(path, stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be read ({error.strerror}).") from error


@lru_cache(maxsize=16)
def _rows_at(path: Path, size: int, mtime_ns: int) -> Sequence[Row]:
    return [row for row in rows(path) if "id" in row]


def write_chosen(home: Path, tried: Path) -> Path:
    """Return the file with those requests that stay by the bounds of now, written anew.

    Raises:
        WriterError: none stays, or it cannot be written.
    """
    stays = difficulty.sort_out(made(tried).rows, read_bounds(home).limits).kept
    if not stays:
        raise WriterError("No request stays within these limits; widen them, or try more requests.")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in stays]
    _write(chosen_at(home), "".join(lines).encode("utf-8", "replace"))
    return chosen_at(home)


def delete(home: Path) -> None:
    """Delete all of it.

    Raises:
        StoreError: it cannot be deleted.
    """
    try:
        shutil.rmtree(home / MADE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{str(home / MADE)!r} could not be deleted ({error.strerror}).") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be written ({error.strerror}); free some space, try again.") from error
