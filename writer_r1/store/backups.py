"""The library's backups -> a list of them, and the newest whole one in the place of a library that is damaged.

A library that cannot be opened any more is moved aside, never removed. A whole one is replaced by `backup.restore`.
"""

import os
import shutil
import sqlite3
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from writer_r1.errors import StoreError
from writer_r1.store.file import BUSY_S, MADE, File, faults_of

STAMP = "library-%Y-%m-%dT%H-%M-%S.zip"  # of one that is made before another takes the library's place
NOT_WHOLE = "The backup {name!r} is not whole; choose another one."


class Backup(NamedTuple):
    """A backup of the library. `made` is in seconds since the epoch, `size` in bytes."""

    path: Path
    made: float
    size: int

    @property
    def before_restore(self) -> bool:
        """Return whether it was made because another took the library's place."""
        return "T" in self.path.name


class Backups(File):
    """The copies of the library."""

    def kept_backups(self) -> list[Backup]:
        """Return the backups that lie where the library keeps its own, newest first."""
        return kept(self.backups)

    def check(self) -> None:
        """Read the whole file and return where SQLite finds no fault in it.

        Raises:
            StoreError: it is damaged.
        """
        with self._explained(), self._connected("ro") as db:
            if found := faults_of(db):
                raise sqlite3.DatabaseError(found)

    def place_before_restore(self) -> Path:
        """Return where a backup goes that is made because another takes the library's place."""
        while (target := self.backups / time.strftime(STAMP)).exists():
            time.sleep(0.1)  # never over another that was made within this second
        return target

    def kept_backup(self, name: str) -> Path:
        """Return the backup of this name.

        Raises:
            StoreError: there is none.
        """
        found = next((b.path for b in self.kept_backups() if b.path.name == name), None)
        if found is None:
            raise StoreError(f"There is no backup {name!r} any more; open the settings again for those there are.")
        return found


def kept(folder: Path) -> list[Backup]:
    """Return the backups in a folder, newest first."""
    found = []
    for path in sorted((p for p in folder.glob("library-*.zip") if MADE.fullmatch(p.name)), reverse=True):
        stat = path.stat()
        found.append(Backup(path, stat.st_mtime, stat.st_size))
    return sorted(found, key=lambda b: b.made, reverse=True)


def asides(path: Path) -> list[Path]:
    """Return the files of damaged libraries that were moved aside from `path`."""
    return sorted(path.parent.glob("library.damaged-*"))


def restore_newest(path: Path) -> tuple[Path, Path]:
    """Put the newest whole backup in the place of a damaged library, which is moved aside; return both files.

    Raises:
        StoreError: the library is whole, or no backup of it is; nothing was changed.
    """
    with FileLock(f"{path}.lock", timeout=BUSY_S):
        if _whole(path):
            raise StoreError(f"The library {str(path)!r} is whole; a backup can take its place under Settings & help.")
        for backup in kept(path.parent / "backups"):
            try:
                with unpacked(backup.path, path) as copy:
                    return backup.path, _put_in_place(copy, path)
            except StoreError:
                continue  # an older one may be whole
            except OSError as error:
                raise StoreError(f"The backup {str(backup.path)!r} cannot be put in place ({error}).") from error
    raise StoreError(f"No whole backup lies in {str(path.parent / 'backups')!r}; put a copy of yours in its place.")


@contextmanager
def unpacked(archive: Path, library: Path) -> Iterator[Path]:
    """Yield the library in a backup as a file beside `library`, whole and of the schema of today.

    Raises:
        StoreError: it is not whole, or of a newer Writer-R1.
    """
    folder = library.with_name("library.restoring")  # the same each time: a kill leaves no more than one behind
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            [name] = [n for n in zipped.namelist() if n == library.name]
            copy = Path(zipped.extract(name, folder))
        if not _whole(copy):
            raise StoreError(NOT_WHOLE.format(name=archive.name))
        File(copy)  # an old one is brought up to date
        yield copy
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise StoreError(NOT_WHOLE.format(name=archive.name)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return not faults_of(db) and db.execute("SELECT 1 FROM migrations LIMIT 1").fetchone() is not None
    except sqlite3.DatabaseError:
        return False


def _put_in_place(copy: Path, path: Path) -> Path:
    """Move a damaged library aside and `copy` into its place; at no moment is there none."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = path.with_name(time.strftime("library.damaged-%Y-%m-%dT%H-%M-%S.db"))
    if path.exists():
        shutil.copy2(path, aside)
    for log in ("-wal", "-shm"):  # they belong to the damaged one
        if (old := path.with_name(path.name + log)).exists():
            os.replace(old, aside.with_name(aside.name + log))
    os.replace(copy, path)
    return aside
