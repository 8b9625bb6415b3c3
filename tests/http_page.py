"""A page without a browser: what gradio's script in one asks the studio over HTTP, and the event stream it follows.

It knows the parts by their `elem_id` and keeps what each shows, from whole values and from the differences that gradio
sends; so what it shows in the end can be held against what the studio keeps.
"""

import asyncio
import json
import secrets
from typing import Any

import httpx
from gradio_client.utils import apply_diff

API = "/gradio_api"
KEPT_S = (
    2.0  # an idle connection: uvicorn closes one after 5 s, and what is sent at that moment is lost; browsers resend
)


def connections(address: str, timeout: float) -> httpx.AsyncClient:
    """Return the cookies and connections of a browser."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEPT_S)
    return httpx.AsyncClient(base_url=address, timeout=timeout, limits=limits)


class Refused(Exception):
    """Gradio answered a wish with an error."""


class HttpPage:
    """One page; `client` carries its cookies and the studio's address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.session = secrets.token_hex(6)
        self.shown: dict[str, Any] = {}
        self.messages = 0
        self._before: dict[str, list[Any]] = {}
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._early: dict[str, list[dict[str, Any]]] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        self._stream: asyncio.Task[None] | None = None
        self._following: list[asyncio.Task[Any]] = []

    async def open(self, query: str = "", config: dict[str, Any] | None = None) -> dict[str, Any]:
        """Load the page as a browser does, and what it asks for then; return what gradio says of its parts.

        Where that `config` is known, the page is taken to be in the browser's cache.
        """
        if config is None:
            assert (await self.client.get("/" + query)).status_code == 200
            config = (await self.client.get("/config")).json()
        self.names = {c["id"]: c["props"].get("elem_id") or f"#{c['id']}" for c in config["components"]}
        self.kinds = {c["id"]: c["type"] for c in config["components"]}
        self.values = {c["id"]: c["props"].get("value") for c in config["components"]}
        self.functions = {
            c["id"]: c["props"]["server_fns"] for c in config["components"] if c["props"].get("server_fns")
        }
        self.wishes: list[dict[str, Any]] = config["dependencies"]
        follow = next(w for w in self.wishes if len(w["outputs"]) > 6 and self._target(w) in self._states(w))
        self.follow = follow
        opened = next(w for w in self.wishes if w["targets"][0][1] == "load" and follow["inputs"][0] in w["outputs"])
        await self.ask(opened, [])
        return config

    def _states(self, wish: dict[str, Any]) -> list[str]:
        return [self.names[i] for i in wish["inputs"]] if len(wish["inputs"]) == 1 else []

    def _target(self, wish: dict[str, Any]) -> str:
        part, event = wish["targets"][0]
        return self.names.get(part, "") if event == "change" else ""

    @property
    def pending(self) -> list[str]:
        """The ids of the events that were not answered yet."""
        return list(self._waiting)

    def value(self, part: str) -> Any:
        """Return what a part held when the page was loaded."""
        return next(self.values[i] for i, name in self.names.items() if name == part)

    def wish(self, part: str, event: str) -> dict[str, Any]:
        """Return what gradio knows of an event of a part."""
        return next(w for w in self.wishes if [self.names.get(w["targets"][0][0]), w["targets"][0][1]] == [part, event])

    async def start(self, brief: str, rounds: int = 0, place: str = "{}") -> None:
        """Press Start."""
        wish = self.wish("start", "click")
        data = [self.values.get(i) for i in wish["inputs"]]
        data[0], data[1], data[2], data[-1] = brief, "", rounds, place
        await self.ask(wish, data)

    async def ask(self, wish: dict[str, Any], data: list[Any], event_data: Any = None) -> list[Any]:
        """Return the answer to a wish; what it makes the page follow is followed in the background."""
        event_id = await self.join(wish, data, event_data)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[event_id], self._asked[event_id] = answer, wish
        for message in self._early.pop(event_id, []):
            self._hear(message)
        if self._stream is None or self._stream.done():
            self._stream = asyncio.create_task(self._listen())
        found: list[Any] = await answer
        return found

    async def join(self, wish: dict[str, Any], data: list[Any], event_data: Any = None) -> str:
        """Return the id of an event that was put into gradio's queue."""
        said = {"data": data, "fn_index": wish["id"], "trigger_id": wish["targets"][0][0], "event_data": event_data}
        reply = await self.client.post(f"{API}/queue/join", json=said | {"session_hash": self.session})
        if reply.status_code != 200:
            raise Refused(reply.text)
        return str(reply.json()["event_id"])

    async def followed(self) -> None:
        """Wait until what the page follows is over."""
        while self._following:
            await self._following.pop(0)

    async def close(self) -> None:
        """Go away as a closed browser does."""
        for task in [*self._following, *([self._stream] if self._stream else [])]:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._following.clear()

    async def _listen(self) -> None:
        """Read the stream of this page until gradio closes it, which it does when nothing is pending."""
        path = f"{API}/queue/data?session_hash={self.session}"
        async with self.client.stream("GET", path, timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    self._hear(json.loads(line[5:]))
        if self._waiting:  # something was asked between its last word and its end
            await self._listen()

    def _hear(self, message: dict[str, Any]) -> None:
        event_id = message.get("event_id")
        if message["msg"] not in ("process_generating", "process_completed"):
            if message["msg"] == "unexpected_error":
                for answer in self._waiting.values():
                    answer.set_exception(Refused(message))
                self._waiting.clear()
            return
        if event_id not in self._waiting:
            self._early.setdefault(event_id, []).append(message)
            return
        self.messages += 1
        wish, output = self._asked[event_id], message["output"]
        if not message["success"]:
            self._before.pop(event_id, None)
            self._waiting.pop(event_id).set_exception(Refused(output))
            return
        data = output.get("data") or []
        if message["msg"] == "process_generating":
            before = self._before.get(event_id)
            data = data if before is None else [apply_diff(a, b) for a, b in zip(before, data, strict=True)]
            self._before[event_id] = data
        elif not data or event_id in self._before:
            data = self._before.pop(event_id, data)  # the end of a generator says nothing new
        self._show(wish, data)
        if message["msg"] == "process_completed":
            if self.follow["inputs"][0] in output.get("changed_state_ids", []):
                self._following.append(asyncio.create_task(self.ask(self.follow, [None])))
            del self._asked[event_id]
            self._waiting.pop(event_id).set_result(data)

    def _show(self, wish: dict[str, Any], data: list[Any]) -> None:
        for part, value in zip(wish["outputs"], data, strict=True):
            skipped = isinstance(value, dict) and value.get("__type__") == "update" and "value" not in value
            if not skipped:
                self.shown[self.names[part]] = value["value"] if isinstance(value, dict) and "value" in value else value
