"""A file of names and hashed passwords <-> who may sign in to a studio that several writers share.

A line each, `name:scrypt$15$8$3$salt$hash`; a line that begins with # says nothing. Passwords are hashed with scrypt of
the standard library, at the cost that OWASP's password storage cheat sheet names for N=2^15.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import stat
from pathlib import Path

from writer_r1.errors import WriterError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")  # of a folder, on every system; no two differ by case alone
SHORTEST, LONGEST = 8, 1024  # characters of a password
LOG_N, BLOCK, LANES = 15, 8, 3
MEMORY_BYTES = 64 * 1024 * 1024  # scrypt needs 128 * 2**15 * 8 bytes, and a little more
ENTRY = re.compile(r"scrypt\$(1[0-9])\$([1-9])\$([1-9])\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
OTHERS = 0o077


def read_writers(path: Path) -> dict[str, str]:
    """Return the hashed password of each writer in a file, by name.

    Raises:
        WriterError: it cannot be read, others can read it, it names nobody, or a line of it cannot be understood.
    """
    _refuse_open(path)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise WriterError(f"The writers' file {str(path)!r} cannot be read ({_why(e)}); {HOW.format(path)}") from e
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, hashed = line.strip().partition(":")
        if not NAME.fullmatch(name) or not ENTRY.fullmatch(hashed) or name in found:
            raise WriterError(f"Line {number} of {str(path)!r} is no writer, or one named before; {HOW.format(path)}")
        found[name] = hashed
    if not found:
        raise WriterError(f"The writers' file {str(path)!r} names nobody; {HOW.format(path)}")
    return found


HOW = "add a writer with: writer-r1 writers add {} NAME"


def admitted(host: str, path: Path | None) -> tuple[str, ...]:
    """Return the names of those who may sign in to a studio that listens at `host`; nobody has to where none are named.

    Raises:
        WriterError: the host is no address, it can be reached from beyond this machine and nobody is named, or the
            file cannot be used.
    """
    try:
        near = host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        raise WriterError(
            f"{host!r} is no address that can be listened at; give 127.0.0.1, 0.0.0.0 for all of the network, or the "
            "IPv4 address that this machine has there."
        ) from None
    if path is None and not near:
        raise WriterError(
            f"At {host} everybody on the network could read and delete what is written here, so that needs passwords: "
            f"name who may sign in with --auth FILE, which writer-r1 writers add FILE NAME makes."
        )
    return tuple(sorted(read_writers(path))) if path else ()


def add_writer(path: Path, name: str, password: str) -> bool:
    """Return whether a writer is new in a file that has this name and password now; it is made where there is none.

    Raises:
        WriterError: the name or the password cannot be one, or the file cannot be used or written.
    """
    refuse_name(name)
    if not SHORTEST <= len(password) <= LONGEST:
        raise WriterError(f"A password needs {SHORTEST} characters at least and {LONGEST} at most; choose another one.")
    writers = read_writers(path) if path.exists() else {}
    new = name not in writers
    _write(path, writers | {name: hashed(password)})
    return new


def remove_writer(path: Path, name: str) -> None:
    """Take a writer's name out of a file; the library stays where it is.

    Raises:
        WriterError: the name is not in it, or it cannot be used or written.
    """
    writers = read_writers(path)
    if name not in writers:
        raise WriterError(f"{name[:40]!r} is no writer of {str(path)!r}; it names {', '.join(sorted(writers))}.")
    _write(path, {other: kept for other, kept in writers.items() if other != name})


def refuse_name(name: str) -> None:
    """Return where a writer may have this name.

    Raises:
        WriterError: it cannot be the name of a folder on every system.
    """
    if not NAME.fullmatch(name):
        raise WriterError(
            f"{name[:40]!r} cannot be a writer's name; use small letters, digits, - and _, 32 at most, a letter or "
            "digit first."
        )


def hashed(password: str) -> str:
    """Return a password as the file keeps it, with a salt of its own."""
    salt = secrets.token_bytes(16)
    made = _scrypt(password, salt, (LOG_N, BLOCK, LANES))
    return f"scrypt${LOG_N}${BLOCK}${LANES}${_text(salt)}${_text(made)}"


def fits(password: str, kept: str) -> bool:
    """Return whether a password is the one that was hashed; of a line that is none it is not."""
    parts = ENTRY.fullmatch(kept)
    if parts is None or len(password) > LONGEST:
        return False
    cost = (int(parts[1]), int(parts[2]), int(parts[3]))
    try:
        made = _scrypt(password, base64.b64decode(parts[4]), cost)
        return hmac.compare_digest(made, base64.b64decode(parts[5]))
    except (ValueError, UnicodeEncodeError):  # a cost beyond what we ever ask for, or a half of a character
        return False


NOBODY = f"scrypt${LOG_N}${BLOCK}${LANES}${'A' * 22}==${'A' * 43}="  # fits no password, in the time of any


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    log_n, block, lanes = cost
    words = password.encode()
    return hashlib.scrypt(words, salt=salt, n=2**log_n, r=block, p=lanes, maxmem=MEMORY_BYTES, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _refuse_open(path: Path) -> None:
    """Return where a file is its owner's alone, or not there; Windows has no such modes."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # told by whoever reads it
    if os.name == "posix" and mode & OTHERS:
        raise WriterError(
            f"The writers' file {str(path)!r} can be read or changed by others (mode {mode:o}); run: chmod 600 {path}"
        )


def _write(path: Path, writers: dict[str, str]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    lines = "".join(f"{name}:{kept}\n" for name, kept in sorted(writers.items()))
    try:
        draft.unlink(missing_ok=True)
        # Others never see it, not even for a moment: it has its mode before it has a word.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as e:
        draft.unlink(missing_ok=True)
        raise WriterError(
            f"The writers' file {str(path)!r} cannot be written ({_why(e)}); choose a folder where it can."
        ) from e


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
