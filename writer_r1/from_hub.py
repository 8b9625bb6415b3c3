"""A source on the hub -> its whole files in the download's own folder; what an earlier download left is gone on with.

Each file has the digest that the hub gave when the model was chosen, or the catalog's; another is deleted.
"""

import json
import os
import sys
from pathlib import Path

from writer_r1 import hub
from writer_r1.digests import blob_id, digest_file
from writer_r1.download import Child, Download, Unavailable, last_line, run
from writer_r1.entries import SHA256, HubFile, HubSource

NOTE = "from the model hub"
CUT = ".incomplete"


def from_hub(job: Download, source: HubSource) -> Path:
    """Return the whole file, or folder, which lies where the download gathers.

    Raises:
        Unavailable: the hub is switched off, away, refuses, or sent something else.
    """
    if hub.offline():
        raise Unavailable(hub.OFFLINE)
    job.tell(job.kept(), "asking the model hub")
    if not hub.reachable():
        raise Unavailable(hub.AWAY)
    name = job.target.name if source.files else Path(source.file).name
    whole = job.hub / name
    (whole if source.files else job.hub).mkdir(parents=True, exist_ok=True)
    wanted = [(file, whole / file.name) for file in source.files]
    if not wanted:
        wanted = [(HubFile(name=source.file, bytes=job.entry.bytes, digest=job.entry.sha256), whole)]
    _bring(job, source, wanted)
    for file, path in wanted:
        part = _part(path)
        if part.exists():
            if source.files:
                _refuse_other(job, file, part)
            os.replace(part, path)
    return whole


def _part(path: Path) -> Path:
    return path.with_name(path.name + CUT)


def _bring(job: Download, source: HubSource, wanted: list[tuple[HubFile, Path]]) -> None:
    """Let a child bring what is not whole, small files first: they say whether the large ones are worth it."""
    rows = []
    for file, path in sorted(wanted, key=lambda row: row[0].bytes):
        if path.exists():
            continue
        part = _part(path)
        if part.exists() and part.stat().st_size > file.bytes:
            part.unlink()
        rows.append({"url": hub.url_of(source.hub, source.revision, file.name), "path": str(part), "bytes": file.bytes})
    if not rows:
        return
    told = json.dumps({"token": hub.token(), "repository": source.hub, "files": rows}).encode() + b"\n"
    child = Child([sys.executable, "-m", "writer_r1.hub_child"], job.hub, sum, told)
    code, log = run(child, job, done=0, note=NOTE)
    if code:
        raise Unavailable(last_line(log) + ("; what came is kept" if job.kept() else ""))


def _refuse_other(job: Download, file: HubFile, path: Path) -> None:
    """Return where a file of a folder is what it must be.

    Raises:
        Unavailable: it is something else; it was deleted.
    """
    if len(file.digest) == SHA256:
        found = digest_file(path, lambda done: job.tell(job.kept(), "checking the digest"))
    else:
        found = blob_id(path)
    if found != file.digest:
        path.unlink()
        what = f"what came as {file.name} has the digest {found[:12]}… and not {file.digest[:12]}…"
        raise Unavailable(f"{what}, so it was deleted; try again")
