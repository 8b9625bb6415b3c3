"""Servers of the user's own that hold models -> those models, by name; and where a text for one goes.

A server is known by its address and the name that it has for the model. What it was found to be able to do is data
beside that (`Abilities`). Its key is in the environment or the system's keyring, and is never written down here.
"""

import importlib.util
import ipaddress
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from filelock import FileLock
from pydantic import Field, TypeAdapter

from writer_r1.errors import ModelError
from writer_r1.trajectory import Noun
from writer_r1.user_lists import free_name, read_list
from writer_r1.whole_file import write_whole

FILE = "servers.json"
CONTEXT = 8192  # tokens, where a server does not say how many a model reads
AT_ONCE = 4
ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
SERVICE = "writer-r1"  # in the system's keyring


class Abilities(Noun):
    """What a server was found to do. What it cannot do has a fallback or is left out, and is never made up."""

    logprobs: bool = False  # of the likeliest tokens; without them it cannot score
    schema_as: Literal["", "json_schema", "json_object"] = ""  # how it takes a JSON schema; "" as words of the prompt
    goes_on: Literal["", "plain", "flagged"] = ""  # how it takes the beginning of an answer; "" as words of the prompt
    sampling: bool = False  # min_p and repeat_penalty beside what OpenAI's interface has
    thinks: bool = False  # aloud, before it answers: that takes the room of short answers


class Server(Noun):
    """A model on a server. `can` is None until it was asked; `at_once` calls are under way at most."""

    name: str
    url: str
    model: str
    context: int = Field(default=CONTEXT, ge=256)
    at_once: int = Field(default=AT_ONCE, ge=1, le=256)
    can: Abilities | None = None

    @property
    def host(self) -> str:
        """Return the host and, where one is given, the port."""
        return urlsplit(self.url).netloc

    @property
    def here(self) -> bool:
        """Return whether the server runs on this machine, so that no text leaves it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def leaving(self) -> str:
        """Return in a sentence that text leaves this machine, and for where; nothing where it stays."""
        if self.here:
            return ""
        plain = "" if self.url.startswith("https:") else ", unencrypted"
        return f"Text leaves this machine: all that {self.model} reads is sent to {self.host}{plain}."

    @property
    def key_name(self) -> str:
        """Return the environment variable that a key for this server is read from; no other server is sent it."""
        return key_name(self.host)


def key_name(host: str) -> str:
    """Return the environment variable that a key for a host is read from."""
    return "WRITER_R1_KEY_" + re.sub(r"[^A-Z0-9]+", "_", host.upper())


def able(server: Server) -> str:
    """Return in sentences what a model's server can and cannot do, for who chooses it."""
    can = server.can
    if can is None:
        return "It is not known yet what it can do; press “Test connection”."
    if can.logprobs:
        rows = ["It can write and judge: it tells how likely it finds each answer, and scores are made of that."]
    else:
        rows = ["It can write, but not score: it does not tell how likely it finds an answer; let another model judge."]
    if not can.goes_on:
        rows.append("It can only be asked to begin an answer in a given way, so more of its answers go astray.")
    if not can.schema_as:
        rows.append("It cannot be held to the form of an answer: advice that cannot be read is left out.")
    if not can.sampling:
        rows.append(
            "It cannot be told to avoid saying a thing again: a text that runs in circles is noticed and not taken."
        )
    if can.thinks:
        rows.append("It thinks aloud before it answers, so short answers may be cut off: choose a model that does not.")
    return " ".join(rows)


LIST = TypeAdapter(tuple[Server, ...])


def server_of(address: str, model: str = "", at_once: int = AT_ONCE) -> Server:
    """Return the model that `URL#NAME`, or `URL` and a name, mean; it was asked nothing yet.

    Raises:
        ModelError: it is no address of a server.
    """
    url, _, named = address.strip().partition("#")
    url, model = url.rstrip("/"), model or named
    try:
        parts = urlsplit(url)
        sound = bool(ADDRESS.fullmatch(url) and parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise ModelError(f"{address[:80]!r} is no address of a server; write one such as http://127.0.0.1:8080/v1.")
    if parts.username or parts.password or parts.query:
        raise ModelError(
            f"An address holds no key, password or question mark; put the key of {parts.hostname} into the environment "
            f"variable {key_name(parts.netloc.rpartition('@')[2])}."
        )
    url = url if parts.path else f"{url}/v1"
    words = f"{model} {parts.hostname}" if model else parts.netloc
    name = re.sub(r"[^a-z0-9._-]+", "-", words.lower()).strip("-.")
    return Server(name=name, url=url, model=model, at_once=at_once)


def read(folder: Path) -> tuple[Server, ...]:
    """Return the servers that the user added.

    Raises:
        ModelError: their list cannot be read.
    """
    return read_list(folder / FILE, LIST, "add them")


def find(name: str, folder: Path) -> Server | None:
    """Return the server's model that goes by this name, or by `URL#NAME`; one that was not added is asked nothing yet.

    Raises:
        ModelError: it looks like an address and is none, or names no model.
    """
    known = read(folder)
    if not ADDRESS.fullmatch(name.strip()):
        return next((s for s in known if s.name == name.strip().lower()), None)
    meant = server_of(name)
    if not meant.model:
        raise ModelError(f"{name[:80]!r} names no model; write {meant.url}#MODEL, or run: writer-r1 models add {name}")
    return next((s for s in known if (s.url, s.model) == (meant.url, meant.model)), meant)


def keep(server: Server, folder: Path, taken: set[str]) -> Server:
    """Return the server as it is listed from now on, under a name of its own; its place is that of the same model."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{FILE}.lock"):
        known = read(folder)
        before = next((s.name for s in known if (s.url, s.model) == (server.url, server.model)), None)
        taken |= {s.name for s in known}
        server = server.model_copy(update={"name": before or free_name(server.name, taken)})
        kept = [s for s in known if s.name != server.name]
        write_whole(folder / FILE, LIST.dump_json((*kept, server), indent=2))
    return server


def forget(name: str, folder: Path) -> bool:
    """Return whether a model of this name was on the list; it is no longer."""
    if not (folder / FILE).exists():
        return False
    with FileLock(folder / f"{FILE}.lock"):
        known = read(folder)
        if all(s.name != name for s in known):
            return False
        write_whole(folder / FILE, LIST.dump_json(tuple(s for s in known if s.name != name), indent=2))
    return True


def key_of(server: Server) -> str:
    """Return the key of a server, from the environment or, where `keyring` is installed, the system's keyring."""
    return key_of_host(server.host)


def key_of_host(host: str) -> str:
    """Return the key for a host, as `key_of` has it."""
    if key := os.environ.get(key_name(host), "").strip():
        return key
    if importlib.util.find_spec("keyring") is None:
        return ""
    import keyring

    try:
        return str(keyring.get_password(SERVICE, host) or "")
    except keyring.errors.KeyringError:  # a machine without a keyring that can be opened
        return ""
