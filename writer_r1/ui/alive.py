"""The name of what the studio serves -> every open page, which asks for it and loads itself anew where it changed."""

import secrets

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Alive:
    """Answers `/studio/alive`, so that an open page notices a studio that went or came, or another library in it."""

    born = secrets.token_hex(4)

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the page's question, or pass on what is none."""
        if scope["type"] == "http" and scope["path"] == "/studio/alive":
            await PlainTextResponse(Alive.born, headers={"cache-control": "no-store"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def renew() -> None:
    """Have every open page keep what was typed and load itself anew."""
    Alive.born = secrets.token_hex(4)
