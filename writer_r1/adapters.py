"""What fine-tuning made -> adapters by name, each in a folder with a manifest that says what it is and what it fits.

An adapter changes the weights of one base and means nothing to another, so it is handed out only for the base whose
digest it names. Its folder holds `adapter.gguf`, which llama.cpp reads, and the files of PEFT it was made of.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from writer_r1 import catalog
from writer_r1.catalog import Model
from writer_r1.digests import digest_at
from writer_r1.errors import Busy, ModelError, WriterError
from writer_r1.trajectory import Noun
from writer_r1.weights_folder import first_weights, is_weights_folder

MANIFEST, WEIGHTS = "manifest.json", "adapter.gguf"
NAME = re.compile(r"[^\W_][\w .-]{0,59}")
STRONGEST = 1.5  # past it most adapters only repeat themselves


class Adapter(Noun):
    """What is known of an adapter. `trained_on` are ids of requests, see `trajectory.prompt_id`.

    `source` says in words what it learned from; `metrics` are the figures of its run by name; `created` is in seconds
    since 1970; `judge` is the model whose scores it was trained by, if any. `which` says whether it is the last adapter
    of its run or the one that did best on what was held out, `step` of which update it is.
    """

    name: str = Field(min_length=1, max_length=60)
    kind: Literal["sft", "mrpo"]
    base: str
    base_sha256: str
    format: Literal["gguf"] = "gguf"
    trained_on: tuple[str, ...]
    pieces: int
    source: str = ""
    metrics: dict[str, float] = {}
    judge: str | None = None
    created: float = 0.0
    which: Literal["best", "last"] = "last"
    step: int = 0


def register(folder: Path, adapter: Adapter, home: Path, *, instead: Adapter | None = None) -> Adapter:
    """Return the adapter, which is from now on kept in `home` with all that the folder holds.

    One of the same name that it is kept `instead` of is there until the new one is, whole.

    Raises:
        WriterError: its name is taken or no name for a folder, or the folder holds no adapter for llama.cpp.
    """
    if not NAME.fullmatch(adapter.name) or adapter.name != adapter.name.strip(" ."):
        raise WriterError(f"{adapter.name!r} cannot be an adapter's name; use letters, digits, spaces and dashes.")
    if not (folder / WEIGHTS).is_file():
        raise WriterError(f"{str(folder)!r} holds no {WEIGHTS}; export the run as gguf-adapter first.")
    target = _shelf(home) / adapter.name
    part = _shelf(home) / f".{adapter.name}.{os.getpid()}.part"
    gone = _gone(target)
    if instead is None and (_named(adapter.name, home) or target.exists()):
        raise WriterError(f"There is an adapter named {adapter.name!r} already; choose another name or delete it.")
    try:
        shutil.copytree(folder, part)
        (part / MANIFEST).write_text(adapter.model_dump_json(indent=1), "utf-8")
        if instead:
            os.replace(target, gone)
        os.replace(part, target)
    except OSError as error:
        if gone.exists() and not target.exists():
            os.replace(gone, target)
        shutil.rmtree(part, ignore_errors=True)
        raise WriterError(
            f"The adapter {adapter.name!r} could not be kept ({error.strerror}); it is still in {str(folder)!r}."
        ) from error
    shutil.rmtree(gone, ignore_errors=True)
    return adapter


def adapters(home: Path) -> list[Adapter]:
    """Return the adapters kept in `home`, newest first; a folder without a sound manifest is none."""
    found = (_read(path.parent) for path in _shelf(home).glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))
    return sorted((a for a in found if a), key=lambda a: a.created, reverse=True)


def find(name: str, home: Path) -> Adapter:
    """Return the adapter with this name.

    Raises:
        ModelError: there is none.
    """
    kept = adapters(home)
    if adapter := next((a for a in kept if a.name == name), None):
        return adapter
    known = f"choose one of {', '.join(a.name for a in kept)}" if kept else "none was trained yet: see Train"
    raise ModelError(f"There is no adapter named {name[:60]!r}; {known}.")


def delete(name: str, home: Path) -> None:
    """Remove an adapter for good; the base it was trained on is not touched.

    Raises:
        ModelError: there is none of this name.
        Busy: the system refuses.
    """
    folder = folder_of(find(name, home), home)
    gone = _gone(folder)
    try:
        os.replace(folder, gone)
    except OSError as error:
        raise Busy(f"The adapter {name!r} cannot be deleted now ({error.strerror}); try again in a moment.") from error
    shutil.rmtree(gone, ignore_errors=True)


def folder_of(adapter: Adapter, home: Path) -> Path:
    """Return the folder that an adapter is kept in."""
    return _shelf(home) / adapter.name


def fitting(model: Model, home: Path) -> list[Adapter]:
    """Return the adapters that were trained on this model, newest first."""
    kept = adapters(home)  # a large file is read for its digest only where there is something to compare
    return [a for a in kept if a.base_sha256 == base_digest(model)] if kept else []


def weights_for(name: str, model: Model, home: Path) -> Path:
    """Return the file of an adapter that llama.cpp loads beside this model.

    Raises:
        ModelError: there is none, or it was trained on another model.
    """
    adapter = find(name, home)
    if adapter.base_sha256 != base_digest(model):
        raise ModelError(
            f"The adapter {name!r} was trained on {adapter.base} and does not fit {model.label}: choose {adapter.base} "
            "for writing on the Models page, or train an adapter on this model."
        )
    path = folder_of(adapter, home) / WEIGHTS
    if not path.is_file():
        raise ModelError(f"The file of the adapter {name!r} is gone ({str(path)!r}); delete it and train it again.")
    return path


def base_of(adapter: Adapter, models: Path) -> Model:
    """Return the model of this machine that an adapter was trained on.

    Raises:
        ModelError: it is not here.
    """
    ready = (m for m in catalog.rows(models) if m.state == "ready")
    if base := next((m for m in ready if base_digest(m) == adapter.base_sha256), None):
        return base
    raise ModelError(f"{adapter.base}, which {adapter.name!r} was trained on, is not here; get it on the Models page.")


def digest_of(path: Path) -> str:
    """Return the SHA-256 of an adapter's weights, computed once while the file stays as it is.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        stat = path.stat()
        return digest_at(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"The adapter's file {str(path)!r} cannot be read ({error.strerror}).") from error


def worn_by(model: str, adapter: str, models: Path, home: Path) -> Path | None:
    """Return the file of the adapter that the model of this name is to wear; None where it is to wear none.

    Raises:
        ModelError: there is none, or it was trained on another model.
    """
    return weights_for(adapter, catalog.find(model, models), home) if adapter else None


def base_digest(model: Model) -> str:
    """Return the SHA-256 of a model's file; a server's has none, and that of the user's own
    is computed, once while it stays as it is.
    """
    if model.sha256 or model.server:
        return model.sha256 or ""
    path = model.path
    try:
        path = first_weights(path) if is_weights_folder(path) else path
        stat = path.stat()
    except (OSError, ModelError):
        return ""
    return digest_at(path, stat.st_size, stat.st_mtime_ns)


def _shelf(home: Path) -> Path:
    return home / "adapters"


def _gone(folder: Path) -> Path:
    """Return what an adapter's folder is called while it is deleted: so it is there whole or not at all."""
    return folder.with_name(f".{folder.name}.{os.getpid()}.gone")


def _named(name: str, home: Path) -> bool:
    return any(a.name.casefold() == name.casefold() for a in adapters(home))


def _read(folder: Path) -> Adapter | None:
    try:
        adapter = Adapter.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None
    return adapter if adapter.name == folder.name else None
