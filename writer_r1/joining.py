"""An address -> a server's model on the list of models, after it was asked what it can do; the same for one listed."""

import logging
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from writer_r1 import catalog, servers
from writer_r1.catalog import Model
from writer_r1.errors import ModelError, WriterError
from writer_r1.llm import Cancel, never
from writer_r1.llm.probe import probed
from writer_r1.servers import AT_ONCE, server_of

log = logging.getLogger(__name__)

BUG = "The studio hit a bug while it asked the server; nothing was changed. Details are in the log."


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


class Joins:
    """The servers that are being asked in the background, by what was asked for: an address, or a listed name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: dict[str, Asked] = {}
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, what: str) -> None:
        """Begin to ask the server at an address, or of a listed model, unless that is under way."""
        if self.progress(what).state == "running":
            return
        self._asked[what], self._stops[what] = Asked("running"), threading.Event()
        args = (what, self._stops[what].is_set)
        self._threads[what] = threading.Thread(target=self._ask, args=args, name="join", daemon=True)
        self._threads[what].start()

    def progress(self, what: str) -> Asked:
        """Return how far it is; "done" where nothing was asked."""
        return self._asked.get(what, Asked("done"))

    def wait(self, what: str, timeout_s: float) -> Asked:
        """Return how far it is after it has ended, or after `timeout_s`."""
        if asking := self._threads.get(what):
            asking.join(timeout_s)
        return self.progress(what)

    def running(self) -> list[str]:
        """Return what is being asked."""
        return [what for what, asked in list(self._asked.items()) if asked.state == "running"]

    def stop(self, what: str) -> None:
        """Give up asking; what was known stays."""
        if stop := self._stops.get(what):
            stop.set()

    def _ask(self, what: str, stopped: Cancel) -> None:
        joined = bool(servers.ADDRESS.fullmatch(what))
        try:
            do = join if joined else asked_again
            model = do(what, self._folder, cancel=stopped)
            self._asked[what] = Asked("done", f"{model.label} {'is listed' if joined else 'was asked'}.")
        except WriterError as error:
            self._asked[what] = Asked("failed", str(error))
        except Exception as error:  # a bug ends on the page too, and not in a wait without an end
            log.error("Asking a server stopped by a bug, %s:\n%s", type(error).__name__, traceback.format_exc(limit=-4))
            self._asked[what] = Asked("failed", BUG)


@cache
def joins_into(folder: Path) -> Joins:
    """Return the servers that this process asks for a folder of models, the same for everyone who looks."""
    return Joins(folder)
