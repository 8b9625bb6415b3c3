"""A model's name -> its file or server: the catalog, those chosen on the hub, the user's own; and what of them is here.

A file that was downloaded is used only after its SHA-256 equals the catalog's, or the hub's. The digest is remembered
beside the file together with its size and time of change, so that a start need not read gigabytes. Fetching is
`fetch`'s work; nothing here goes to the network.
"""

import os
import re
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock
from pydantic import TypeAdapter

from writer_r1 import entries, servers
from writer_r1.digests import digest_file, remember, unsure
from writer_r1.entries import ENTRIES, HUB_ID, SHA256, Entry, is_whole
from writer_r1.errors import ModelError
from writer_r1.gguf_header import UNSAFE, Summary, inspect
from writer_r1.places import data
from writer_r1.servers import Server
from writer_r1.trajectory import Noun
from writer_r1.user_lists import free_name, read_list
from writer_r1.weights_folder import first_weights, inspect_folder, is_weights_folder
from writer_r1.whole_file import write_whole

State = Literal["ready", "partial", "absent"]
ADDED = "added.json"


class Model(Noun):
    """A model as a list shows it. `path` is where its file lies, or will once it is downloaded; a server's has none."""

    name: str
    aliases: tuple[str, ...] = ()
    label: str
    licence: str
    bytes: int
    state: State
    path: Path
    sha256: str | None
    about: str
    memory_bytes: int
    context: int
    server: Server | None = None
    hub: str = ""  # hf:OWNER/NAME, or a file of it, where the user chose it there


class Added(Noun):
    """A GGUF file of the user's own, used where it lies."""

    name: str
    path: Path
    bytes: int
    mtime_ns: int
    label: str
    licence: str
    memory_bytes: int
    context: int


ADDITIONS = TypeAdapter(tuple[Added, ...])


def read_catalog() -> tuple[Entry, ...]:
    """Return the models the project vouches for, smallest first."""
    return ENTRIES.validate_json(data("models/catalog.json").read_bytes())


def entry_of(name: str, folder: Path) -> Entry | None:
    """Return what can be downloaded under this name: of the catalog, by name or alias, or chosen on the hub."""
    wanted = name.strip().lower()
    known = next((e for e in read_catalog() if wanted in (e.name.lower(), *e.aliases)), None)
    ids = (wanted, f"hf:{wanted.removeprefix('hf:')}")
    return known or next((e for e in entries.chosen(folder) if e.name in ids or e.hub.lower() in ids), None)


def rows(folder: Path) -> list[Model]:
    """Return every model of the catalog, those chosen on the hub, the user's own, with what is on this machine."""
    own = [_row(e, folder) for e in entries.chosen(folder)]
    own += [_added_row(a) for a in _read_added(folder)] + [_server_row(s) for s in servers.read(folder)]
    return [_row(e, folder) for e in read_catalog()] + own


_given = dict[tuple[Path, str], Path]()  # models that this process was given by their path, by name


def find(name: str, folder: Path) -> Model:
    """Return what `name` means: a name on the list or an alias, a path to a GGUF, `hf:OWNER/NAME`, or `URL#NAME`.

    Raises:
        ModelError: when nothing goes by that name, or the path leads to no usable GGUF.
    """
    if entry := entry_of(name, folder):
        return _row(entry, folder)
    for added in _read_added(folder):
        if added.name == name.strip().lower():
            return _added_row(added)
    if server := servers.find(name, folder):
        return _server_row(server)
    path, named = Path(name).expanduser(), HUB_ID.fullmatch(name.strip())
    weights = path.suffix.lower() in (".gguf", ".safetensors", *UNSAFE) and not name.startswith("hf:")
    if os.path.exists(path) or weights:
        found = _added_row(_describe(path))
        _given[folder, found.name] = path
        return found
    if given := _given.get((folder, name)):
        return _added_row(_describe(given))
    if named and (name.startswith("hf:") or not named[2]):
        raise ModelError(
            f"{name[:80]!r} is a model on the hub and not on this machine: find it on the Models page, or run: "
            f"writer-r1 models pull hf:{name.strip().removeprefix('hf:')[:80]}"
        )
    known = ", ".join(m.aliases[0] if m.aliases else m.name for m in rows(folder))
    raise ModelError(f"There is no model named {name[:80]!r}: choose one of {known}, or give the path of a GGUF file.")


def path_of(name: str, folder: Path) -> Path:
    """Return the file of a model that may be loaded: the catalog's digest matched, or a GGUF's header is sound.

    Raises:
        ModelError: when it is unknown, not downloaded, changed or unusable.
    """
    model = find(name, folder)
    if model.server:
        raise ModelError(f"{model.label} has no file on this machine, which this needs; choose a model that is here.")
    if model.sha256 is None:
        inspected(model.path)
    elif model.state != "ready":
        what = "only partly downloaded" if model.state == "partial" else "not downloaded yet"
        command = f"writer-r1 models pull {model.aliases[0] if model.aliases else model.name}"
        raise ModelError(f"{model.label} is {what}: press Download on the Models page or run: {command}")
    return model.path


def refuse_absent(name: str, folder: Path) -> None:
    """Return where a model may be asked: its file is here as `path_of` has it, or a server holds it.

    Raises:
        ModelError: as `path_of`.
    """
    if not servers.find(name, folder):
        path_of(name, folder)


def verify(name: str, folder: Path) -> Model:
    """Return the model after reading its file again from end to end; `sha256` is what was found.

    Raises:
        ModelError: when the file is absent, or is not what the catalog says.
    """
    model = find(name, folder)
    path = first_weights(model.path) if is_weights_folder(model.path) else model.path
    if not path.is_file():
        raise ModelError(f"{model.label} is not on this machine; there is no file {str(path)!r}.")
    entry = entry_of(name, folder)
    for part in entries.parts_of(entry) if entry else ():
        at = model.path / part.name if model.path.is_dir() else path
        if not at.is_file():
            raise ModelError(f"{model.label} is not whole on this machine; there is no file {str(at)!r}.")
        if len(part.digest) == SHA256 and at != path:
            _compare(at, part.digest)
    found = _compare(path, model.sha256)
    return model.model_copy(update={"sha256": found, "state": "ready"})


def _compare(path: Path, wanted: str | None) -> str:
    """Return a file's digest if it is the one wanted, where one is.

    Raises:
        ModelError: it is another.
    """
    found = digest_file(path)
    if wanted not in (None, found):
        unsure(path)
        raise ModelError(
            f"{path.name!r} has the SHA-256 {found[:12]}… and not {str(wanted)[:12]}…: "
            "it was changed or damaged; press Download on the Models page to get it again."
        )
    if wanted:
        remember(path, found)
    return found


def add(path: str | Path, folder: Path) -> Model:
    """Return the user's GGUF as a model that is listed from now on; the file stays where it is.

    Raises:
        ModelError: when it is no usable GGUF, or needs more memory than is free.
    """
    if not os.path.exists(Path(path).expanduser()) and HUB_ID.fullmatch(str(path)):
        find(str(path), folder)
    added = _describe(Path(path).expanduser().absolute())
    free = int(psutil.virtual_memory().available)
    if added.memory_bytes > free:
        raise ModelError(
            f"{added.path.name!r} needs about {amount(added.memory_bytes)} of memory and {amount(free)} is free: "
            "close other programs or choose a smaller model."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{ADDED}.lock"):
        others = [a for a in _read_added(folder) if a.path != added.path]
        taken = {a.name for a in others} | {n for e in _entries(folder) for n in (e.name, *e.aliases)}
        added = added.model_copy(update={"name": free_name(added.name, taken)})
        write_whole(folder / ADDED, ADDITIONS.dump_json((*others, added), indent=2))
    return _added_row(added)


def inspected(path: Path) -> Summary:
    """Return what a list shows of a model's file, or of its folder of safetensors.

    Raises:
        ModelError: it cannot be used.
    """
    return inspect_folder(path) if is_weights_folder(path) else inspect(path)


def forget(name: str, folder: Path) -> None:
    """Take a model of the user's own off the list; its file stays where it is."""
    if servers.forget(name, folder) or entries.drop(name, folder):
        return
    with FileLock(folder / f"{ADDED}.lock"):
        kept = tuple(a for a in _read_added(folder) if a.name != name)
        write_whole(folder / ADDED, ADDITIONS.dump_json(kept, indent=2))


def amount(count: int) -> str:
    """Return a number of bytes for a sentence, in MB (10^6) or GB (10^9)."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _entries(folder: Path) -> tuple[Entry, ...]:
    return (*read_catalog(), *entries.chosen(folder))


def _row(entry: Entry, folder: Path) -> Model:
    path = folder / entry.file
    begun = path.exists() or any(folder.glob(f"{entry.file}.partial*"))
    state: State = "ready" if is_whole(entry, folder) else "partial" if begun else "absent"
    return Model(**entry.model_dump(exclude={"file", "sources"}), state=state, path=path)


def _describe(path: Path) -> Added:
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-") or "model"
    return Added(name=name, path=path, **inspected(path)._asdict())


def _added_row(added: Added) -> Model:
    facts = added.model_dump(exclude={"mtime_ns"})
    return Model(**facts, state=_added_state(added), sha256=None, about=f"Your own file, {added.path}.")


def _server_row(server: Server) -> Model:
    return Model(
        name=server.name,
        label=f"{server.model} on {server.host}",
        licence="as its server has it",
        bytes=0,
        state="ready",
        path=Path(),
        sha256=None,
        about=f"A model on the server {server.url}.",
        memory_bytes=0,
        context=server.context,
        server=server,
    )


def _added_state(added: Added) -> State:
    try:
        stat = added.path.stat()
        if (stat.st_size, stat.st_mtime_ns) != (added.bytes, added.mtime_ns):
            inspected(added.path)
    except OSError:
        return "absent"
    except ModelError:
        return "partial"
    return "ready"


def _read_added(folder: Path) -> tuple[Added, ...]:
    return read_list(folder / ADDED, ADDITIONS, "add your models")
