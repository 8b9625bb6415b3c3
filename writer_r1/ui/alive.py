"""The name of what the studio serves -> every open page, which asks for it and loads itself anew where it changed."""

import secrets
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

EMPTIED = "emptied-"  # begins the name of a library from which all was deleted
_born = dict[Path, str]()


class Alive:
    """Answers `/studio/alive`, so that an open page notices a studio that went or came, or another library in it."""

    def __init__(self, app: ASGIApp, library: Path) -> None:
        self._app, self._library = app, library

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the page's question, or pass on what is none."""
        if scope["type"] == "http" and scope["path"] == "/studio/alive":
            await PlainTextResponse(born(self._library), headers={"cache-control": "no-store"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def born(library: Path) -> str:
    """Return the name of what is served of a library: another after each start, and after each `renew`."""
    return _born.setdefault(library, secrets.token_hex(4))


def renew(library: Path, how: str = "") -> None:
    """Have every open page of a library, which is one writer's, load itself anew.

    What was typed in it is kept first, or where the library was `EMPTIED` forgotten.
    """
    _born[library] = how + secrets.token_hex(4)
