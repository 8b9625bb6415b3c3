"""The model hub's HTTP interface -> its answers, or a clause that says why there is none and what to do.

Through huggingface_hub: its session, its reading of refusals, its login, offline mode and address (`HF_HUB_OFFLINE`,
`HF_ENDPOINT`). Not through its `HfApi`, which has no time limit for a search, tells the hub what is installed on this
machine, and may ask it for more than was asked. Nothing here is called but by somebody's wish.
"""

import contextlib
import errno
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from writer_r1 import __version__, servers
from writer_r1.errors import DownloadError

T = TypeVar("T")
REACH_S = 3.0
ASK_S = 10.0  # of silence
ANSWER_S = 30.0  # for a whole answer
POLL_S = 0.1
LARGEST = 50_000_000_000  # bytes; what is larger the hub gives by its own protocol only
OFFLINE = "the model hub is switched off by HF_HUB_OFFLINE"
AWAY = "the model hub cannot be reached"
GIVE = "set HF_TOKEN, or run: hf auth login"


class GivenUp(Exception):
    """The user no longer wants the answer."""


def endpoint() -> str:
    """Return the hub's address."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def offline() -> bool:
    """Return whether the user wants no request to the hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def token() -> str:
    """Return the user's token: `HF_TOKEN`, the hub's own login, or as the key of a server; an empty one without."""
    from huggingface_hub import get_token

    return get_token() or servers.key_of_host(urlsplit(endpoint()).netloc)


def headers(key: str) -> dict[str, str]:
    """Return what a request says of who asks."""
    return {"user-agent": f"writer-r1/{__version__}"} | ({"authorization": f"Bearer {key}"} if key else {})


def url_of(repository: str, revision: str, file: str) -> str:
    """Return where a file of a repository is."""
    return f"{endpoint()}/{repository}/resolve/{quote(revision, safe='')}/{quote(file)}"


def why(error: Exception, repository: str = "", key: str = "") -> str:
    """Return in a clause why the hub did not deliver, and what to do; nothing where `error` is no matter of the hub.

    What the hub says itself is not repeated: it may name an address that is signed, or quote a token.
    """
    from huggingface_hub import errors

    page = f"{endpoint()}/{repository}"
    if isinstance(error, errors.GatedRepoError):
        if not key:
            then = f"accept its terms at {page}, then give the studio your access token: {GIVE}"
            return f"the model {repository} is gated; {then}"
        opens = "your access token does not open it"
        return (
            f"the model {repository} is gated, and {opens}; accept its terms at {page} with the account of that token"
        )
    if isinstance(error, errors.EntryNotFoundError | errors.RevisionNotFoundError):
        return f"the repository {repository} no longer has this file; look at what it has now"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return OFFLINE
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error, repository, key)
    if type(error).__module__.startswith("httpx"):  # under its newer name or its older one
        return f"{AWAY}, or broke off; check the connection and try again"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room and try again"
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return "the model hub sent another size than it told; try again"
    return ""


def _refused(error: Any, repository: str, key: str) -> str:
    from huggingface_hub.errors import RepositoryNotFoundError

    response = error.response
    status, said = response.status_code, str(response.headers.get("X-Error-Message", ""))
    if status == 401 and key and ("Invalid" in said or not isinstance(error, RepositoryNotFoundError)):
        return f"the model hub does not accept your access token; make one at {endpoint()}/settings/tokens and {GIVE}"
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        opens = (
            "your access token does not open it" if key else f"it is private, and opens with an access token: {GIVE}"
        )
        return f"the model hub has no repository {repository}, or {opens}"
    if status == 403:
        return f"the model hub does not let your access token read {repository}; let it read there, or use another"
    if status == 429:
        return "the model hub asks for patience; wait a minute and try again"
    return f"the model hub answered with the error {status}; try again later"


def reachable() -> bool:
    """Return whether anything answers there, asked in a thread: looking up a name has no time limit of its own."""
    answers: list[bool] = []
    address = endpoint()

    def ask() -> None:
        with contextlib.suppress(OSError, ValueError):
            try:
                urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=REACH_S).close()
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


def asked(ask: Callable[[str], T], repository: str = "", stop: Callable[[], bool] = lambda: False) -> T:
    """Return what `ask` returns, given the user's token; it is asked in a thread, since no wait may be without an end.

    Raises:
        DownloadError: the hub is switched off or away, or refuses; one sentence.
        GivenUp: `stop` said so.
    """
    if offline():
        raise DownloadError(f"T{OFFLINE[1:]}; take that out of the environment to ask it.")
    answers: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        key = ""
        try:
            key = token()
            answers.append(ask(key))
        except Exception as error:
            sentence = why(error, repository, key)
            failures.append(DownloadError(f"{sentence[0].upper()}{sentence[1:]}.") if sentence else error)

    thread = threading.Thread(target=run, daemon=True, name="asking the hub")
    thread.start()
    deadline = time.monotonic() + ANSWER_S
    while thread.is_alive() and time.monotonic() < deadline:
        if stop():
            raise GivenUp
        thread.join(POLL_S)
    if failures:
        raise failures[0]
    if not answers:
        raise DownloadError(f"T{AWAY[1:]}; it said nothing for {ANSWER_S:.0f} seconds: try again later.")
    return answers[0]


def get(path: str, params: dict[str, Any], key: str) -> Any:
    """Return what the hub answers below `/api/`, as data."""
    from huggingface_hub import get_session, hf_raise_for_status

    response = get_session().get(f"{endpoint()}/api/{path}", params=params, headers=headers(key), timeout=ASK_S)
    hf_raise_for_status(response)
    try:
        return response.json()
    except ValueError as error:
        raise DownloadError(strange()) from error


def strange() -> str:
    """Return in a sentence that an answer is none of a model hub."""
    return f"{endpoint()} answered something that is not understood; is HF_ENDPOINT the address of a model hub?"


def beginning(repository: str, revision: str, file: str, *, count: int, key: str) -> bytes:
    """Return the first `count` bytes of a file."""
    from huggingface_hub import get_session, hf_raise_for_status

    told = headers(key) | {"range": f"bytes=0-{count - 1}", "accept-encoding": "identity"}
    data = b""
    with get_session().stream("GET", url_of(repository, revision, file), headers=told, timeout=ASK_S) as response:
        if response.status_code >= 400:
            response.read()
        hf_raise_for_status(response)
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) >= count:
                break
    return data[:count]
