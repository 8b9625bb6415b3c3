"""A list that the user made, kept as JSON beside the weights <-> its rows, each under a name of its own."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from writer_r1.errors import ModelError

T = TypeVar("T")


def read_list(path: Path, rows: TypeAdapter[tuple[T, ...]], again: str) -> tuple[T, ...]:
    """Return the rows of a list, none where there is no file; `again` says how the user makes it anew.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return rows.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as e:
        raise ModelError(f"{str(path)!r} cannot be read; repair it or delete it and {again} again.") from e


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, or with the first number behind it that is not `taken`."""
    return next(n for n in [name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))] if n not in taken)
