"""The whole library -> one zip, and such a zip -> the library: every text and session, settings, measured judges.

What is in a zip is checked before anything here changes, the present library is kept as a zip of its own, and then one
transaction puts the other in its place. The zip that the studio makes every day, of the library alone, opens as well.
"""

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from pydantic import ValidationError

from writer_r1.errors import Busy, StoreError, WriterError
from writer_r1.settings import FILE as SETTINGS
from writer_r1.settings import Settings, write_settings
from writer_r1.store import WRITTEN, Store, check_library

LIBRARY = "library.db"
JUDGE = re.compile(r"judges/[\w.-]{1,120}\.jsonl?", re.ASCII)  # a fit, what was measured, and the readings under both
MOST_FILES = 500
MOST_BESIDE = 100_000_000  # bytes of a file that is not the library

NO_BACKUP = "{name} is no backup of Writer-R1 ({why}); choose another file."
NO_ROOM = "The backup cannot be written in {folder} ({why}); check that it can be written and has space."


class Restored(NamedTuple):
    """What came of a restore: how many pieces there are now, and the zip of what there was before."""

    pieces: int
    before: Path


def write_backup(store: Store, home: Path, target: Path) -> None:
    """Write a zip of the whole library as it is now, which takes the place of `target` when it is whole.

    Raises:
        WriterError: it cannot be written.
    """
    copy, part = target.with_name(f"{target.name}.copying"), target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"")
        store.copy_to(copy)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            archive.write(copy, LIBRARY)
            for path in (home / SETTINGS, *sorted((home / "judges").glob("*"))):
                name = str(path.relative_to(home).as_posix())
                if path.is_file() and (name == SETTINGS or JUDGE.fullmatch(name)):
                    archive.write(path, name)
        os.replace(part, target)
    except OSError as error:
        raise WriterError(NO_ROOM.format(folder=repr(str(target.parent)), why=error.strerror or error)) from error
    finally:
        for made in (copy, part):
            with suppress(OSError):
                made.unlink()


def restore(store: Store, home: Path, archive: Path) -> Restored:
    """Put what is in a zip in the place of the library, the settings and the measurements of the same judges.

    Raises:
        WriterError: it is no backup, damaged, or of a newer version; nothing was changed.
        Busy: a session is being written; nothing was changed.
    """
    if store.running():
        raise Busy(WRITTEN.format(then="restore the backup"))
    with _room(home) as room:
        settings = _unpacked(archive, room)
        check_library(room / LIBRARY)
        before = store.place_before_restore()
        store.replace_by(room / LIBRARY, lambda: write_backup(store, home, before))
        store.thin_out(before.parent)
        if settings is not None:
            write_settings(home, settings)
        for path in sorted((room / "judges").glob("*")):
            (home / "judges").mkdir(exist_ok=True)
            os.replace(path, home / "judges" / path.name)
    return Restored(len(store.pieces(limit=1_000_000)), before)


@contextmanager
def _room(home: Path) -> Iterator[Path]:
    """Give a folder to unpack in, on the same disk, and clear it away; also what a kill left in it before."""
    room = home / "restoring"
    try:
        with FileLock(home / "restoring.lock", timeout=0):
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir(parents=True)
            try:
                yield room
            finally:
                shutil.rmtree(room, ignore_errors=True)
    except Timeout:
        raise Busy("Another backup is just being restored; wait until that is done.") from None
    except OSError as error:
        raise StoreError(NO_ROOM.format(folder=repr(str(home)), why=error.strerror or error)) from error


def _unpacked(archive: Path, room: Path) -> Settings | None:
    """Unpack a backup and return the settings in it; nothing of a zip chooses where a file goes but a judge's name."""
    name = repr(archive.name)
    try:
        with zipfile.ZipFile(archive) as packed:
            files = packed.infolist()
            if fault := _fault(files, room):
                raise WriterError(NO_BACKUP.format(name=name, why=fault))
            (room / "judges").mkdir()
            for file in files:
                with packed.open(file) as source, (room / file.filename).open("xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        kept = room / SETTINGS
        return Settings.model_validate_json(kept.read_bytes()) if kept.exists() else None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise WriterError(NO_BACKUP.format(name=name, why=str(error).splitlines()[0] or "damaged")) from None
    except ValidationError:
        raise WriterError(NO_BACKUP.format(name=name, why="its settings are damaged")) from None
    except (RuntimeError, NotImplementedError):
        raise WriterError(NO_BACKUP.format(name=name, why="it is locked or oddly packed")) from None
    except OSError as error:
        raise WriterError(
            f"The backup {name} cannot be unpacked ({error.strerror or error}); nothing was changed."
        ) from None


def _fault(files: list[zipfile.ZipInfo], room: Path) -> str:
    """Return why these are not the files of a backup, or an empty string."""
    names = [file.filename for file in files]
    if LIBRARY not in names:
        return f"there is no {LIBRARY} in it"
    if len(set(names)) < len(names) or len(names) > MOST_FILES:
        return "it holds a file twice, or too many"
    for file in files:
        known = file.filename in (LIBRARY, SETTINGS) or JUDGE.fullmatch(file.filename)
        if not known:
            return f"{file.filename[:60]!r} does not belong in one"
        if file.filename != LIBRARY and file.file_size > MOST_BESIDE:
            return f"{file.filename[:60]!r} is too large"
    if sum(file.file_size for file in files) > shutil.disk_usage(room).free:
        return "it unpacks to more than the disk has room for"
    return ""
