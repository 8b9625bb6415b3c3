"""The `writer-r1 writers` commands: who may sign in to a shared studio, and the password of each.

A password is asked for twice without being shown. It is never a flag: a shell keeps those, and every process sees them.
"""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError
from writer_r1.flags import command
from writer_r1.writers import add_writer, read_writers, refuse_name, remove_writer

NEXT = "A studio that runs lets a new writer in when it is started again."


def add(parent: Any) -> None:
    """Add the commands and their flags."""
    writers = parent.add_parser("writers", help="who may sign in to a shared studio", description="Writers.")
    sub = writers.add_subparsers(title="commands", required=True, metavar="COMMAND")
    about = "Add a writer, or give one another password; it is asked for twice and not shown."
    new = command(sub, "add", writers_add, about)
    listing = command(sub, "list", writers_list, "Show the names in a writers' file.")
    gone = command(sub, "remove", writers_remove, "Take a name out of a writers' file; the library stays.")
    for parser in (new, listing, gone):
        parser.add_argument("file", type=Path, metavar="FILE", help="the writers' file, as in app.py --auth FILE")
    for parser in (new, gone):
        parser.add_argument("name", metavar="NAME", help="the writer's name: small letters, digits, - and _")


def writers_add(args: argparse.Namespace) -> int:
    """Ask for a password twice and keep it, hashed."""
    refuse_name(args.name)
    password = _asked(f"Password for {args.name}: ")
    if _asked("The same again: ") != password:
        raise WriterError("The two passwords differ, so nothing was kept; run the command again.")
    new = add_writer(args.file, args.name, password)
    print(f"{args.name} {f'is in {args.file} now. {NEXT}' if new else 'has another password now.'}")
    return 0


def _asked(words: str) -> str:
    """Return what is typed; from a pipe, which shows nothing anyway, its next line."""
    if sys.stdin.isatty():
        return getpass.getpass(words)
    print(words, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().rstrip("\n")


def writers_list(args: argparse.Namespace) -> int:
    """Print the names."""
    print("\n".join(sorted(read_writers(args.file))))
    return 0


def writers_remove(args: argparse.Namespace) -> int:
    """Take a name out."""
    remove_writer(args.file, args.name)
    print(f"{args.name} is no longer in {args.file}.")
    return 0
