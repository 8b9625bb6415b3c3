"""The `writer-r1 models` commands that ask the model hub: words or a repository -> what there is; and its download."""

import argparse
import json
import sys
import time
from typing import Any

from writer_r1.flags import command, json_flag


def add(models: Any) -> None:
    """Add `models search` and `models files` to the parser of `models`."""
    search = command(models, "search", search_command, "Look for models on the hub, the most downloaded first.")
    search.add_argument("words", nargs="+", metavar="WORDS", help="words of a name, or OWNER/NAME")
    json_flag(search)
    files = command(
        models, "files", files_command, "Show what a repository of the hub has, and what fits this machine."
    )
    files.add_argument("id", metavar="OWNER/NAME", help="a repository from `models search`")
    json_flag(files)


def search_command(args: argparse.Namespace) -> int:
    """Print the repositories that the hub finds."""
    from writer_r1 import offers

    found = offers.search(" ".join(args.words))
    if args.json:
        print(json.dumps([row._asdict() for row in found], ensure_ascii=False))
        return 0
    for row in found:
        gated = "  gated" if row.gated else ""
        print(f"{row.id:<56} {row.downloads:>12,} downloads  {row.licence}{gated}")
    if not found:
        print("The hub has no model with GGUF files of this name; try fewer words.", file=sys.stderr)
    return 0


def files_command(args: argparse.Namespace) -> int:
    """Print what of a repository can be downloaded, and whether this machine has the memory for it."""
    from writer_r1 import offers
    from writer_r1.catalog import amount
    from writer_r1.machine_memory import this_machine

    repository, machine = offers.look(_repository(args.id)), this_machine()
    if args.json:
        rows = [_row(offer) | {"fits": offers.fits(offer, machine)} for offer in repository.offers]
        told = repository._asdict() | {"offers": rows}
        print(json.dumps(told, ensure_ascii=False))
        return 0
    for offer in repository.offers:
        does = offer.refusal or f"{offers.fits(offer, machine)}, {offers.takes(offer, machine)}"
        print(f"{offer.id}\n  {offer.quantisation}, {amount(offer.bytes)}; {does}")
    for line in (repository.closed, "" if repository.offers else offers.nothing(repository)):
        if line:
            print(line, file=sys.stderr)
    return 0


def _row(offer: Any) -> dict[str, Any]:
    keep = ("id", "quantisation", "bytes", "memory_bytes", "context", "refusal")
    return {name: value for name, value in offer._asdict().items() if name in keep}


def _repository(id: str) -> str:
    """Return the repository that an id names.

    Raises:
        WriterError: it names none.
    """
    from writer_r1.entries import HUB_ID
    from writer_r1.errors import WriterError

    if named := HUB_ID.fullmatch(id.strip()):
        return named[1]
    raise WriterError(f"{id[:80]!r} names no repository of the hub; write OWNER/NAME.")


def listed(id: str) -> str:
    """Return the name under which a model of the hub is on the list: it is put there unless its download was begun.

    Raises:
        WriterError: the hub has none, is away, switched off or refuses, or it cannot be used.
    """
    from writer_r1 import catalog, offers, places
    from writer_r1.entries import HUB_ID
    from writer_r1.machine_memory import memory_words, this_machine

    folder = places.models()
    if (entry := catalog.entry_of(id, folder)) and catalog.find(entry.name, folder).state != "absent":
        return entry.name
    repository = offers.look(_repository(id))
    named = HUB_ID.fullmatch(id.strip())
    offer = offers.pick(repository, (named and named[2]) or "")
    entry, machine = offers.choose(repository, offer, folder), this_machine()
    if entry.memory_bytes > machine.total:
        words = memory_words(entry.memory_bytes, machine)
        print(f"{entry.label} is too large for this machine: it needs {words}", file=sys.stderr)
    return entry.name


def downloaded(name: str) -> None:
    """Download a model of the list, showing bytes and the time left on stderr."""
    from writer_r1 import fetch, places
    from writer_r1.progress import Line

    line = Line()
    began: tuple[float, int] | None = None

    def tell(done: int, total: int, note: str) -> None:
        nonlocal began
        now = time.monotonic()
        began = began or (now, done)
        rate = (done - began[1]) / max(now - began[0], 1e-3)
        left = f", about {(total - done) / rate:.0f} s left" if rate > 0 and now - began[0] > 2 else ""
        line.show(f"{note}: {done / 1e6:.0f} of {total / 1e6:.0f} MB{left}", note)

    try:
        fetch.pull(name, places.models(), progress=tell)
    finally:
        line.end()
