"""Where things lie on this machine: the user's home for drafts, the folder of model weights, the project's own data.

`WRITER_R1_HOME` moves everything the user made; `WRITER_R1_MODELS` moves the weights. Nothing is created here.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent
WRITERS = "writers"


def home() -> Path:
    """Return the folder of the user's drafts, runs, adapters and settings."""
    return Path(os.environ.get("WRITER_R1_HOME") or platformdirs.user_data_dir("writer-r1", appauthor=False))


def writers(home: Path) -> Path:
    """Return the folder with a home for each writer who shares the studio of this one."""
    return home / WRITERS


def writer_of(path: Path) -> Path | None:
    """Return the home of the writer to whom a path belongs; None where it is nobody's who shares a studio."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if p.parent.name == WRITERS), None)


def data(name: str) -> Path:
    """Return a file or folder the project ships beside the package (`models/catalog.json`, `assets`)."""
    checkout = PACKAGE.parent / name
    return checkout if (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE / "data" / name


def models() -> Path:
    """Return the folder of model weights: `models/` in a checkout, else under the user's data folder."""
    if chosen := os.environ.get("WRITER_R1_MODELS"):
        return Path(chosen)
    if (PACKAGE.parent / "pyproject.toml").exists():
        return PACKAGE.parent / "models"
    return Path(platformdirs.user_data_dir("writer-r1", appauthor=False)) / "models"


def machine_lock() -> Path:
    """Return the file whose lock lets one model job run at a time on this machine, whatever the home."""
    return _lock("model")


def lock_of(path: Path) -> Path:
    """Return the file whose lock lets one process of this machine add to a file."""
    return _lock(hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16])


def _lock(name: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"writer-r1-{user}.{name}.lock"
