"""A file -> its SHA-256, noted beside it with size and time of change, so that a start need not read gigabytes."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from writer_r1.whole_file import write_whole

CHUNK = 1 << 22


def digest_file(path: Path, tick: Callable[[int], None] = lambda done: None) -> str:
    """Return a file's SHA-256 in hex; `tick` hears how many bytes were read so far."""
    state, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
            done += len(chunk)
            tick(done)
    return state.hexdigest()


def blob_id(path: Path) -> str:
    """Return the SHA-1 that git knows a file by, which is read whole: for small files."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=64)
def digest_at(path: Path, size: int, mtime_ns: int) -> str:
    """Return the SHA-256 of a file that has this size and time of change, read once while it stays so."""
    return digest_file(path)


def remember(path: Path, sha256: str) -> None:
    """Note beside a file that it had this digest at its present size and time of change."""
    stat = path.stat()
    note = {"sha256": sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    # In a folder that cannot be written, the file is read again at the next start.
    with contextlib.suppress(OSError):
        write_whole(sidecar(path), json.dumps(note).encode())


def unsure(path: Path) -> None:
    """Forget what was known of a file, so that it is read again."""
    sidecar(path).unlink(missing_ok=True)
    digest_at.cache_clear()


def is_sound(path: Path, size: int, sha256: str) -> bool:
    """Return whether the file is there and has this digest, reading it only if it changed since last time."""
    try:
        stat = path.stat()
        if stat.st_size != size:
            return False
        if _remembered(path) == {"sha256": sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}:
            return True
        if digest_at(path, stat.st_size, stat.st_mtime_ns) != sha256:
            return False
    except OSError:
        return False
    remember(path, sha256)
    return True


def sidecar(path: Path) -> Path:
    """Return the file that keeps the digest of `path`."""
    return path.with_name(path.name + ".ok.json")


def _remembered(path: Path) -> object:
    try:
        return json.loads(sidecar(path).read_bytes())
    except (OSError, ValueError):
        return None
