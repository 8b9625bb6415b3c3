"""Where the checker of e-books comes from: this machine, else Debian's package where we may."""

import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

JAR = Path("/usr/share/java/epubcheck.jar")
HELP = "E-books are checked by epubcheck: run `apt-get install epubcheck` and try again."


def check(book: Path) -> None:
    """Fail where the book is not a valid EPUB 3, a warning included."""
    if not JAR.exists():
        _install()
    if not JAR.exists() or shutil.which("java") is None:
        pytest.skip(HELP)
    command = ["java", "-Xshare:auto", "-jar", str(JAR), "--failonwarnings", str(book)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "EPUB version 3" in done.stdout and "0 fatals / 0 errors / 0 warnings" in done.stdout


@cache  # once is enough, whether it worked or not
def _install() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with suppress(subprocess.TimeoutExpired):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "epubcheck"]):
            subprocess.run(["apt-get", "-qq", *command], env=quiet, capture_output=True, check=False, timeout=120)
