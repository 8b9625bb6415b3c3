"""What a page asks for as a file, and the files that it brings: a piece or a session, a file to import, the library.

Plain requests beside Gradio's own, so that no file lies about to be fetched: what goes out is made when it is asked
for, what comes in is read and gone, and no request can name a path. A page of another site cannot ask: it would need a
header that a browser lets it send only by leave, and none is given.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from writer_r1.authorship import written_by
from writer_r1.backup import write_backup
from writer_r1.errors import StoreError, WriterError
from writer_r1.manuscript_file import MOST_BYTES
from writer_r1.piece_files import FORMS, NOTED, Form, file_name, piece_file, take_in
from writer_r1.preferences import preference_lines
from writer_r1.provenance import told
from writer_r1.qualification import marked_since
from writer_r1.session_file import session_json
from writer_r1.store import Store, no_session
from writer_r1.trajectory import Trajectory
from writer_r1.ui.alive import born
from writer_r1.ui.backups_board import restored
from writer_r1.ui.report import report
from writer_r1.ui.view import View, advance
from writer_r1.workspace import Workspace

PATH = "/studio/files/"
HEADER = "x-writer-r1"  # its value does not matter: a foreign page may not send any
KINDS = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "epub": "application/epub+zip",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "zip": "application/zip",
}
NO_PIECE = "There is nothing to export yet; write or open a piece first."
NO_SESSION = "This piece has no session yet; press Start or “Judge my text”, then export it."
NO_PREFERENCES = (
    "No two texts were told apart in a review, in a blind comparison or by your own scores yet, so there is nothing to "
    "export."
)
LEAVING = "leaving-"  # how folders begin that a download lies in while it is sent

Answer = Callable[[Workspace, Request], Awaitable[Response]]


class Files:
    """Answers requests below `PATH`, and passes on all others."""

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app, self._workspace = app, workspace
        for left in workspace.home.glob(f"{LEAVING}*"):  # by a studio that was killed
            shutil.rmtree(left, ignore_errors=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a file, or pass on what is none."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = ANSWERS.get((request.method, scope["path"].removeprefix(PATH)))
        response: Response
        if answer is None or HEADER not in request.headers:
            response = Response(status_code=404)
        else:
            try:
                response = await answer(self._workspace, request)
            except ClientDisconnect:  # nobody waits for an answer, and nothing was changed
                response = Response(status_code=400)
            except WriterError as error:
                response = JSONResponse({"error": str(error)}, 422)
        response.headers["cache-control"] = "no-store"
        response.headers["x-content-type-options"] = "nosniff"
        await response(scope, receive, send)


async def on_export(workspace: Workspace, request: Request) -> Response:
    """Return a piece's manuscript or a session as the file that is asked for."""
    asked = request.query_params
    extras = Extras(asked.get("shares") == "yes", asked.get("radar") == "yes")
    form, piece_id, run_id = (asked.get(field, "") for field in ("as", "piece", "run"))
    return await run_in_threadpool(exported, workspace, form, piece_id, run_id, extras)


class Extras(NamedTuple):
    """What a file tells besides: whose words they are, in per cent; a report's scores as a picture too."""

    shares: bool = False
    radar: bool = False


PLAIN = Extras()


def exported(workspace: Workspace, form: str, piece_id: str, run_id: str, extras: Extras = PLAIN) -> Response:
    """Return a piece, or one of its sessions, as a file of this form.

    Raises:
        WriterError: there is no such piece or session, or nothing in it.
    """
    store = workspace.store
    if form in FORMS:
        piece = store.piece(piece_id)
        if piece is None:
            raise WriterError(NO_PIECE)
        chosen: Form = form
        note = told(written_by(store, piece.id)) if extras.shares and chosen in NOTED else ""
        return _file(piece_file(piece, chosen, note), file_name(piece.title, form))
    if form not in ("report", "session"):
        raise WriterError(f"{form[:20]!r} is no form that a piece can be exported in; choose one of the menu.")
    run_id = run_id or next((run.id for run in store.runs_of(piece_id)), "")
    if store.run(run_id) is None:
        raise WriterError(NO_SESSION)
    name = _name(store, run_id)
    if form == "report":
        return _file(report_of(workspace, run_id, extras).encode(), file_name(f"{name} - critique", "html"))
    return _file(session_json(store, run_id).encode(), file_name(f"{name} - session", "json"))


def report_of(workspace: Workspace, run_id: str, extras: Extras = PLAIN) -> str:
    """Return the critique report of a run.

    Raises:
        StoreError: there is no such run.
    """
    store = workspace.store
    run = store.run(run_id)
    if run is None:
        raise no_session(run_id)
    view = advance(View(Trajectory(id=run.id, prompt=run.prompt)), store.events(run.id))
    view = view._replace(own=tuple(store.own_scores(run.id)), ended=run.state != "running")
    view = view._replace(now=marked_since(view.now, workspace.common))
    piece_id = store.piece_of(run_id)
    shares = told(written_by(store, piece_id)) if extras.shares and piece_id else ""
    return report(view, _name(store, run_id), run.created, shares=shares, picture=extras.radar)


def _name(store: Store, run_id: str) -> str:
    piece, run = store.piece(store.piece_of(run_id) or ""), store.run(run_id)
    return piece.title if piece else run.title if run else ""


def _file(data: bytes, name: str) -> Response:
    return Response(data, media_type=KINDS[name.rpartition(".")[2]], headers=_called(name))


def _called(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


async def on_preferences(workspace: Workspace, request: Request) -> Response:
    """Return what was decided in reviews, preferred blind or scored higher as pairs of texts to train on."""
    lines = await run_in_threadpool(preference_lines, workspace.store)
    if not lines:
        raise WriterError(NO_PREFERENCES)
    return _file(lines.encode(), time.strftime("Writer-R1 preferences %Y-%m-%d.jsonl"))


async def on_import(workspace: Workspace, request: Request) -> Response:
    """Return the piece that the file in the request is now."""
    name = request.query_params.get("name", "")[-300:]
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise WriterError(f"The file is larger than {MOST_BYTES // 1_000_000} MB; split it into several.")
    arrived = await run_in_threadpool(take_in, workspace.store, name, bytes(data))
    return JSONResponse(
        {"piece": arrived.piece.id, "run": arrived.run_id, "title": arrived.piece.title, "note": arrived.note}
    )


async def on_backup(workspace: Workspace, request: Request) -> Response:
    """Return the whole library as a zip."""
    folder = await run_in_threadpool(_folder, workspace)
    name = time.strftime("Writer-R1 library %Y-%m-%d.zip")
    try:
        await run_in_threadpool(write_backup, workspace.store, workspace.home, folder / "library.zip")
    except WriterError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(folder / "library.zip", media_type=KINDS["zip"], headers=_called(name), background=gone)


async def on_restore(workspace: Workspace, request: Request) -> Response:
    """Return what came of putting the library in the request in the place of this one."""
    folder = await run_in_threadpool(_folder, workspace)
    path = folder / (Path(request.query_params.get("name", "")[-100:]).name or "backup.zip")
    try:
        with path.open("wb") as file:
            async for part in request.stream():
                await asyncio.to_thread(file.write, part)
        done = await run_in_threadpool(restored, workspace, path)
    except OSError as error:
        raise StoreError(f"The backup cannot be read in ({error.strerror or error}); nothing was changed.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return JSONResponse({"pieces": done.pieces, "before": str(done.before), "born": born(workspace.store.path)})


def _folder(workspace: Workspace) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=LEAVING, dir=workspace.home))
    except OSError as error:
        raise StoreError(f"{str(workspace.home)!r} cannot be written ({error.strerror or error}).") from error


ANSWERS: dict[tuple[str, str], Answer] = {
    ("GET", "export"): on_export,
    ("GET", "backup"): on_backup,
    ("GET", "preferences"): on_preferences,
    ("POST", "import"): on_import,
    ("POST", "restore"): on_restore,
}
