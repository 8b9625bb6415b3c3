"""A shared studio -> its door and the page of each writer behind it, on a port of this machine or of its network.

Each writer's page is built before the first request is answered (see `door.py`). The server has a thread of its own,
and logs nothing that anybody sends.
"""

import os
import socket
import threading
import time
import webbrowser
from pathlib import Path

import fastapi
import uvicorn
from starlette.types import ASGIApp

from writer_r1.errors import Busy, WriterError
from writer_r1.libraries import Libraries
from writer_r1.ui import gradio as gr
from writer_r1.ui.app import HOST, create_app, free_port, look, setting
from writer_r1.ui.door import door
from writer_r1.workspace import Workspace
from writer_r1.writers import read_writers

STARTING_S = 60.0
EVERY = "0.0.0.0"  # one can listen there, and nobody can go there


class Writers:
    """Who may sign in at this moment: the file is read again where it changed; nobody may while it cannot be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: tuple[int, int, int] | None = None
        self._found: dict[str, str] = {}

    def __call__(self) -> dict[str, str]:
        """Return the hashed password of each writer."""
        try:
            stat = self._path.stat()
            if (at := (stat.st_mtime_ns, stat.st_size, stat.st_mode)) != self._at:
                self._found, self._at = read_writers(self._path), at
        except (OSError, WriterError):
            self._found, self._at = {}, None
        return self._found


def serve_writers(libraries: Libraries, file: Path, port: int, *, host: str, open_browser: bool) -> str:
    """Return the address of the running studio of several writers, once it answers; it ends with the process.

    Raises:
        Busy: the port is taken.
    """
    port = free_port(port, host)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    pages = {name: _page(workspace) for name, workspace in libraries.of.items()}
    _run(door(pages, Writers(file), f"writer-r1-{port}"), host, port)
    if open_browser:
        webbrowser.open(f"http://{HOST if host == EVERY else host}:{port}")
    return f"http://{socket.gethostname() if host == EVERY else host}:{port}"


def _run(app: ASGIApp, host: str, port: int) -> None:
    server = uvicorn.Server(uvicorn.Config(app, host, port, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, name="serving", daemon=True)
    thread.start()
    deadline = time.monotonic() + STARTING_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise Busy(f"Nothing can be served on {host}:{port}; choose another with --host or --port.")
        time.sleep(0.02)


def _page(workspace: Workspace) -> fastapi.FastAPI:
    shown = look(workspace.writer_name)
    nothing_else = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(nothing_else, create_app(workspace), "/", **setting(workspace), **shown)
    return nothing_else
