"""Where Chromium and the fonts of the browser tests come from: this machine, else Debian's packages where we may."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-noto-cjk", "fonts-noto-color-emoji")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HELP = f"The browser tests need Chromium and its fonts: run `apt-get install {' '.join(PACKAGES)}` and try again."


def find(playwrights: str) -> str:
    """Return the path of a Chromium, installing it and its fonts first where one is missing and root may."""
    path = _found(playwrights)
    if path is None or not _has_fonts():
        _install()
        path = _found(playwrights)
    if path is None:
        pytest.fail(HELP, pytrace=False)
    return path


def _found(playwrights: str) -> str | None:
    return next((p for name in NAMES if (p := shutil.which(name))), playwrights if Path(playwrights).exists() else None)


def _has_fonts() -> bool:
    """Return whether Chinese and emoji can be drawn; True where fonts cannot be listed (not Linux)."""
    if shutil.which("fc-list") is None:
        return os.name != "posix" or not Path("/usr/share/fonts").exists()
    return all(
        subprocess.run(["fc-list", pattern], capture_output=True, text=True, check=False).stdout.strip()
        for pattern in (":lang=zh", ":lang=und-zsye")
    )


def _install() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *command], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{HELP} (apt-get {command[0]}: {done.stderr.strip()[-200:]})", pytrace=False)
