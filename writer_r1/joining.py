"""An address -> a server's model on the list of models, after it was asked what it can do; the same for one listed."""

from pathlib import Path

from writer_r1 import catalog, servers
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
