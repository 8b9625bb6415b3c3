"""A call to a server -> its answer, however many tries that takes, or one sentence that says what to do.

A server may be busy, restarting or away for a while; a piece that is being written waits for it. All calls of this
process run in one event loop, so that one can be given up at any moment, which also tells the server to stop.
"""

import asyncio
import concurrent.futures
import json
import logging
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from typing import Any, NamedTuple, TypeVar

from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.llm import Cancel
from writer_r1.servers import Server, key_of

log = logging.getLogger(__name__)

POLL_S = 0.05  # how often a waiting call looks whether it was given up
REACH_S = 10.0  # to open a connection
BROKEN = 4  # tries of a call whose answers cannot be understood
PASSING = (408, 409, 425, 429)  # and whatever is the server's fault
TOO_LONG = ("context length", "context_length", "context size", "context window", "too many tokens", "maximum context")

Answer = TypeVar("Answer")


class Given(Exception):
    """The call was given up by whoever made it."""


class Broken(Exception):
    """The answer ended early, or is not what the interface says."""


NOT_UNDERSTOOD = (Broken, json.JSONDecodeError, UnicodeDecodeError)


class Patience(NamedTuple):
    """How long to wait, in seconds: before the second try, between tries at most, and for a server that is away.

    `silent_s` is how long one that was reached may say nothing: it may be reading a long text.
    """

    first_s: float = 0.5
    most_s: float = 15.0
    away_s: float = 300.0
    silent_s: float = 180.0


class Trouble(NamedTuple):
    """What went wrong, in a sentence; whether it may pass, and how long the server asked to wait."""

    error: ModelError
    passing: bool
    after_s: float = 0.0


class Calls:
    """The calls to one server: as many at once as it takes."""

    def __init__(self, server: Server, patience: Patience) -> None:
        self.server, self._patience = server, patience
        self._client: Any = None

    @property
    def client(self) -> Any:
        """Return the client of the `openai` package, made when it is first needed.

        Raises:
            ModelError: the package is not installed.
        """
        if self._client is None:
            self._client = _client(self.server, self._patience)
        return self._client

    async def patiently(self, ask: Callable[[], Awaitable[Answer]], come: Callable[[], int] = int) -> Answer:
        """Return what `ask` comes to, asked again for as long as what stops it may pass.

        `come` is how much of the answer has come; where that is more than before, patience begins anew.

        Raises:
            ModelError: it does not pass, or not in time.
        """
        loop, wait, before = asyncio.get_running_loop(), self._patience.first_s, 0
        failed_at, broken = 0.0, 0
        while True:
            try:
                async with _turn(self.server):
                    return await ask()
            except ModelError:
                raise
            except Exception as error:
                trouble = trouble_of(error, self.server)
                if come() > before:
                    before, wait, failed_at, broken = come(), self._patience.first_s, 0.0, 0
                broken += isinstance(error, NOT_UNDERSTOOD)
                failed_at = failed_at or loop.time()
                late = loop.time() + wait - failed_at > self._patience.away_s
                if not trouble.passing or late or broken >= BROKEN:
                    raise trouble.error from error
                log.info("%s: %s; asked again", self.server.host, type(error).__name__)
            await asyncio.sleep(max(wait * random.uniform(0.75, 1.25), trouble.after_s))
            wait = min(wait * 2, self._patience.most_s)

    def begin(self, work: Coroutine[Any, Any, Answer]) -> "concurrent.futures.Future[Answer]":
        """Return the answer to come; cancelling it gives the call up and closes its connection."""
        return asyncio.run_coroutine_threadsafe(work, _loop())

    def run(self, work: Coroutine[Any, Any, Answer], cancel: Cancel) -> Answer:
        """Return the answer.

        Raises:
            Given: `cancel` turned true before it came.
        """
        coming = self.begin(work)
        while True:
            concurrent.futures.wait([coming], POLL_S)
            if coming.done():
                return coming.result()
            if cancel():
                coming.cancel()
                raise Given

    def close(self) -> None:
        """Close what is open to the server."""
        client, self._client = self._client, None
        if client is not None:
            self.begin(client.close()).result(REACH_S)


def _client(server: Server, patience: Patience) -> Any:
    try:
        import httpx2
        import openai
    except ImportError as e:
        raise ModelError(
            "Models on servers need the openai package: run pip install 'writer-r1[server]' and start again."
        ) from e
    for name in ("openai", "httpx", "httpx2", "httpcore2"):  # at debug level they log what is sent
        logging.getLogger(name).setLevel(logging.WARNING)
    waits = httpx2.Timeout(patience.silent_s, connect=REACH_S)
    # No redirect: it could lead the text to another host than the one that was named. No proxy to this machine itself.
    carrier = httpx2.AsyncClient(timeout=waits, follow_redirects=False, trust_env=not server.here)
    client = openai.AsyncOpenAI(
        base_url=server.url, api_key=key_of(server) or "none", max_retries=0, timeout=waits, http_client=carrier
    )
    # What the package takes from the environment is meant for OpenAI itself, and this may be another host.
    client.organization = client.project = None
    client._custom_headers = {}
    return client


def trouble_of(error: Exception, server: Server) -> Trouble:
    """Return what an exception of a call means for whoever wrote; a bug is raised again.

    What the server says is told only where it names the fault: it may quote the text or the key.
    """
    import openai

    host = server.host
    if isinstance(error, openai.APIStatusError):
        return _refused(error, server)
    if isinstance(error, openai.APIConnectionError):
        what = "is silent" if isinstance(error, openai.APITimeoutError) else "cannot be reached"
        return Trouble(
            ModelError(f"{host} {what}; see that the server runs, or choose another model on the Models page."), True
        )
    if isinstance(error, (openai.APIError, *NOT_UNDERSTOOD)):  # what came is no JSON, or breaks off
        return Trouble(
            ModelError(
                f"{host} answered what cannot be understood ({type(error).__name__}); see that {server.url} is an "
                "OpenAI-compatible interface (its address mostly ends in /v1) and try again."
            ),
            True,
        )
    raise error


def _refused(error: Any, server: Server) -> Trouble:
    host, status, code = server.host, int(error.status_code), str(getattr(error, "code", "") or "")
    said = str(getattr(error, "message", "")).lower()
    if status in (401, 403):
        key = f"put one into the environment variable {server.key_name}, or into the keyring, and start again"
        return Trouble(ModelError(f"{host} wants a key, or refuses the one it got ({status}): {key}."), False)
    if status in (400, 413, 422) and any(words in said for words in TOO_LONG):
        words = f"{server.model} on {host} cannot read so long a text at once; shorten it or choose another model."
        return Trouble(RequestTooLong(words), False)
    if status == 404 or "model" in code:
        words = f"{host} has no model {server.model!r} ({status}): look at its name, and add it again."
        return Trouble(ModelError(words), False)
    if "quota" in code:
        words = f"The account at {host} has nothing left ({code}); top it up, or choose another model."
        return Trouble(ModelError(words), False)
    if status in PASSING or status >= 500:
        busy = "is busy" if status == 429 else "has trouble of its own"
        words = f"{host} {busy} ({status}) and was asked again and again; try later, or choose another model."
        return Trouble(ModelError(words), True, _seconds(error.response.headers.get("retry-after", "")))
    moved = " It points to another address; add that one." if 300 <= status < 400 else ""
    words = f"{host} refuses the request ({status}{', ' + code if code else ''}).{moved or ' Choose another model.'}"
    return Trouble(ModelError(words), False)


def _seconds(said: str) -> float:
    """Return how long a server asked to wait, within reason; a date is none of ours to read."""
    return min(float(said), 60.0) if said.replace(".", "", 1).isdigit() else 0.0


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="servers", daemon=True).start()
    return loop


_turns: dict[tuple[str, int], asyncio.Semaphore] = {}


def _turn(server: Server) -> asyncio.Semaphore:
    """Return the turns at a server, which all its models share; only asked in the loop."""
    return _turns.setdefault((server.host, server.at_once), asyncio.Semaphore(server.at_once))
