"""A request -> the page of the writer who is signed in, or the page where one signs in.

The one place that knows who somebody is. Each writer's page is a Gradio app of its own over that writer's workspace, so
sessions, event streams and ids of others do not exist behind the door. All are built before the first request: Gradio
builds pages in variables that the threads of pages in use share.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from writer_r1.ui.sign_in import Sessions, sign_in_page, within

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
LONGEST_FORM = 16_384  # bytes
# Gradio's ways of handing files in and out of a folder that its apps share, and of ending an event whichever app it is
# of; no part of our page uses them.
WAYS = (
    "file=",
    "file/",
    "upload",
    "proxy=",
    "deep_link",
    "stream/",
    "process_recording",
    "dev/",
    "log",
    "cancel",
    "reset",
)
UNUSED = tuple(prefix + way for prefix in ("/", "/gradio_api/") for way in WAYS)
SAFE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # with none, browsers do not say either where a form was sent from
    "x-content-type-options": "nosniff",
}


def door(pages: Mapping[str, Any], writers: Callable[[], Mapping[str, str]], cookie: str) -> Starlette:
    """Return the app that lets each writer to the own page; `writers` are those who may sign in at this moment.

    `pages` are ASGI apps with a lifespan, by the writer's name; `cookie` is the name that holds a session's token.
    """
    sessions = Sessions(writers)

    @asynccontextmanager
    async def alive(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for page in pages.values():
                await stack.enter_async_context(page.router.lifespan_context(page))
            yield

    async def shown(request: Request) -> Response:
        return HTMLResponse(sign_in_page(onward=within(request.query_params.get("onward", "/"))), headers=SAFE)

    async def signed_in(request: Request) -> Response:
        if foreign(request) or int(request.headers.get("content-length") or LONGEST_FORM + 1) > LONGEST_FORM:
            return PlainTextResponse("Sign in from the page of this studio.", 403)
        form = await request.form()
        name, password, onward = (str(form.get(key) or "") for key in ("name", "password", "onward"))
        name, address = name.strip().lower(), request.client.host if request.client else ""
        token, said = await run_in_threadpool(sessions.begin, name, password, address)
        if token and name not in pages:  # added since the studio was started
            sessions.end(token)
            token, said = "", "This studio lets you in when it is started again; ask whoever runs it."
        if not token:
            return HTMLResponse(sign_in_page(name[:32], said, within(onward)), 200, SAFE)
        answer = RedirectResponse(within(onward), 303, SAFE)
        secure = request.url.scheme == "https"
        answer.set_cookie(cookie, token, httponly=True, samesite="lax", secure=secure, path="/")
        return answer

    async def signed_out(request: Request) -> Response:
        if foreign(request):
            return PlainTextResponse("Sign out from the page of this studio.", 403)
        sessions.end(request.cookies.get(cookie, ""))
        answer = RedirectResponse(SIGN_IN, 303, SAFE)
        answer.delete_cookie(cookie, path="/")
        return answer

    routes = [
        Route(SIGN_IN, shown),
        Route(SIGN_IN, signed_in, methods=["POST"]),
        Route(SIGN_OUT, signed_out, methods=["POST"]),
        Mount("/", Inside(pages, sessions, cookie)),
    ]
    return Starlette(routes=routes, lifespan=alive)


class Inside:
    """Hands a request to the page of whoever is signed in."""

    def __init__(self, pages: Mapping[str, ASGIApp], sessions: Sessions, cookie: str) -> None:
        self._pages, self._sessions, self._cookie = pages, sessions, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the page of the writer, or with the way to sign in."""
        if scope["type"] != "http":
            return  # the page opens no other connection
        request = Request(scope)
        page = self._pages.get(self._sessions.name_of(request.cookies.get(self._cookie, "")))
        if page is None:
            await refusal(request)(scope, receive, send)
        elif scope["path"].startswith(UNUSED) or (request.method not in ("GET", "HEAD") and foreign(request)):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
        else:
            await page(scope, receive, send)


def refusal(request: Request) -> Response:
    """Return the way to sign in for a page that is opened, and for all else no more than that it is needed."""
    if request.method == "GET" and request.url.path == "/":
        onward = within(f"/?{request.url.query}" if request.url.query else "/")
        return RedirectResponse(f"{SIGN_IN}?onward={quote(onward, safe='')}", 303, SAFE)
    return PlainTextResponse("Sign in first.", 401, SAFE)


def foreign(request: Request) -> bool:
    """Return whether another site's page sent this; browsers say so where they send anything but a plain visit."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
