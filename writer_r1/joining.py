"""An address -> a server's model on the list of models, after it was asked what it can do; the same for one listed."""

import threading
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from writer_r1 import catalog, servers
from writer_r1.asking import Asking
from writer_r1.catalog import Model
from writer_r1.errors import ModelError
from writer_r1.llm import Cancel, never
from writer_r1.llm.probe import probed
from writer_r1.servers import AT_ONCE, server_of


def join(address: str, folder: Path, *, model: str = "", at_once: int = AT_ONCE, cancel: Cancel = never) -> Model:
    """Return the model at `URL#NAME`, or at a URL and a name, as it is listed from now on.

    Raises:
        ModelError: it cannot be reached, wants a key, or has no such model; nothing was listed.
    """
    found = probed(server_of(address, model, at_once), cancel)
    found = found.model_copy(update={"name": server_of(found.url, found.model).name})
    taken = {name for row in catalog.rows(folder) if not row.server for name in (row.name, *row.aliases)}
    return catalog.find(servers.keep(found, folder, taken).name, folder)


def asked_again(name: str, folder: Path, cancel: Cancel = never) -> Model:
    """Return a listed model of a server after that was asked again what it can do.

    Raises:
        ModelError: there is none of this name, or it cannot be asked; what was known of it stays.
    """
    server = servers.find(name, folder)
    if server is None:
        raise ModelError(f"{name[:80]!r} is no model on a server; look at its name on the Models page.")
    servers.keep(probed(server, cancel), folder, set())
    return catalog.find(server.name, folder)


class Asked(NamedTuple):
    """How far the asking of a server is; `message` says what came of it, once it has ended."""

    state: Literal["running", "done", "failed"]
    message: str = ""


class Joins(Asking[Asked]):
    """The servers that are being asked in the background, by what was asked for: an address, or a listed name."""

    bug = "A fault stopped the asking; nothing was changed. The window the studio was started from says more."

    def __init__(self, folder: Path) -> None:
        super().__init__(Asked("done"), Asked("running"))
        self._folder = folder

    def answer(self, what: str, stop: threading.Event) -> Asked:
        """Return what came of asking the server at an address, or of a listed model."""
        joined = bool(servers.ADDRESS.fullmatch(what))
        do = join if joined else asked_again
        model = do(what, self._folder, cancel=stop.is_set)
        return Asked("done", f"{model.label} {'is listed' if joined else 'answered; its card says what it can do'}.")

    def failed(self, message: str) -> Asked:
        """Return that nothing came of it, and why."""
        return Asked("failed", message)


@cache
def joins_into(folder: Path) -> Joins:
    """Return the servers that this process asks for a folder of models, the same for everyone who looks."""
    return Joins(folder)
