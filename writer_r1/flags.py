"""What the flags of every command have in common: help that is its description too, and flags of one name."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError

WRITER = "the writer chosen in the settings, else standard if it is ready, else starter"


def command(parent: Any, name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
    """Return the parser of a new command below `parent`, which `run` carries out."""
    parser: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    return parser


def model_flag(parser: argparse.ArgumentParser, usual: str = WRITER) -> None:
    """Add `--model`; `usual` says which one it is by default."""
    parser.add_argument(
        "--model",
        metavar="M",
        help="a name from `models list` (starter, standard), a path to a GGUF, hf:OWNER/NAME, or URL#NAME of a server "
        f"(default: {usual})",
    )


def json_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def count(text: str) -> int:
    """Return a whole number as it was typed."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def some(text: str) -> int:
    """Return a whole number above 0 as it was typed."""
    if (found := count(text)) == 0:
        raise argparse.ArgumentTypeError("0 is none; give 1 or more")
    return found


def writable(path: Path) -> Path:
    """Return a file of `--out` which can be written: that is found out before anything is made.

    Raises:
        WriterError: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        path.open("ab").close()
        path.unlink() if not there else None
    except OSError as error:
        said = f"The file {str(path)!r} cannot be written ({error.strerror}); name another --out."
        raise WriterError(said) from error
    return path


def share(text: str) -> float:
    """Return a number from 0 to 1 as it was typed."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
