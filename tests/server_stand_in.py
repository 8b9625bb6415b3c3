"""An OpenAI-compatible server on loopback around one of our models, and a proxy that spoils what goes through it."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import uvicorn
from stand_ins import closed_port
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from writer_r1.llm import LLM, Finish, Message, Request, Sampling
from writer_r1.servers import Abilities, Server, server_of

ALL = Abilities(logprobs=True, schema_as="json_schema", goes_on="plain", sampling=True)
KNOWN = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "stop", "stream"}
MORE = {"min_p", "repeat_penalty", "repetition_penalty"}
FLAGS = {"continue_final_message", "add_generation_prompt"}
LIKELIEST = 20


class Refused(Exception):
    pass


class StandIn:
    """Serves `llm` under the name `model`; it does what `can` says and refuses the rest, as strict servers do."""

    def __init__(self, llm: LLM, can: Abilities = ALL, key: str = "", model: str = "small") -> None:
        self.llm, self.can, self.key, self.model = llm, can, key, model
        self.also: list[str] = []  # other models that it lists
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.now = self.most = self.stopped = 0
        self.pause_s = 0.0  # before each answer, so that calls overlap
        self.patterns = True  # takes schemas that have one
        self._one = threading.Lock()

    @property
    def server(self) -> Server:
        return server_of(f"{self.url}#{self.model}").model_copy(update={"can": self.can})

    def start(self) -> None:
        routes = [
            Route("/v1/models", self._models),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=self.port, log_level="error", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _models(self, asked: Asked) -> Response:
        if self._locked(asked):
            return failure(401, f"Incorrect API key provided: {asked.headers.get('authorization')}")
        names = [self.model, *self.also]
        rows = [{"id": name, "object": "model", "max_model_len": 4096} for name in names]
        return JSONResponse({"object": "list", "data": rows})

    def _locked(self, asked: Asked) -> bool:
        self.headers.append(dict(asked.headers))
        return bool(self.key) and asked.headers.get("authorization") != f"Bearer {self.key}"

    async def _chat(self, asked: Asked) -> Response:
        body = await asked.json()
        self.bodies.append(body)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self._locked(asked):
                return failure(401, f"Incorrect API key provided: {asked.headers.get('authorization')}")
            if body["model"] != self.model:
                return failure(404, f"The model {body['model']!r} does not exist", "model_not_found")
            request, sampling = self._read(body)
            await asyncio.sleep(self.pause_s)
            if body.get("stream"):
                return StreamingResponse(self._stream(request, sampling), media_type="text/event-stream")
            return JSONResponse(await asyncio.to_thread(self._whole, request, sampling, bool(body.get("logprobs"))))
        except Refused as error:
            return failure(400, str(error))
        finally:
            self.now -= 1

    def _read(self, body: dict[str, Any]) -> tuple[Request, Sampling]:
        allowed = KNOWN | (MORE if self.can.sampling else set()) | (FLAGS if self.can.goes_on == "flagged" else set())
        allowed |= {"logprobs", "top_logprobs"} if self.can.logprobs else set()
        allowed |= {"response_format"} if self.can.schema_as else set()
        if odd := body.keys() - allowed:
            raise Refused(f"Unrecognized request arguments: {sorted(odd)}")
        schema = None
        if form := body.get("response_format"):
            if form["type"] != self.can.schema_as:
                raise Refused(f"response_format {form['type']!r} is not supported")
            schema = form["schema"] if form["type"] == "json_object" else form["json_schema"]["schema"]
            if not self.patterns and "pattern" in str(schema):
                raise Refused("schema keyword 'pattern' is not supported")
        messages = [Message(**m) for m in body["messages"]]
        answer = ""
        onward = self.can.goes_on == "plain" or body.get("continue_final_message")
        if messages[-1].role == "assistant" and onward:
            answer = messages.pop().content
        sampling = Sampling(
            body["max_tokens"],
            body["temperature"],
            body.get("top_p", 1.0),
            body.get("min_p", 0.05),
            body.get("repeat_penalty", 1.0),
            body.get("seed", 0),
            tuple(body.get("stop", ())),
        )
        return Request(tuple(messages), answer, schema), sampling

    async def _stream(self, request: Request, sampling: Sampling) -> Any:
        loop, coming, left = asyncio.get_running_loop(), asyncio.Queue[Any](), threading.Event()

        def work() -> None:
            with self._one:
                replies = self.llm.stream(request, sampling, left.is_set)
                while True:
                    try:
                        item: Any = next(replies)
                    except StopIteration as end:
                        item = end.value
                    except Exception as error:  # the stream then breaks off, instead of standing still
                        item = error
                    loop.call_soon_threadsafe(coming.put_nowait, item)
                    if isinstance(item, Finish):
                        self.stopped += item.reason == "cancelled"
                    if not isinstance(item, str):
                        return

        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            while isinstance(item := await coming.get(), str):
                yield part({"content": item})
            if isinstance(item, Exception):
                raise item
            yield part({}, "length" if item.reason == "length" else "stop")
            yield "data: [DONE]\n\n"
        finally:
            left.set()
            await asyncio.shield(working)

    def _whole(self, request: Request, sampling: Sampling, logprobs: bool) -> dict[str, Any]:
        with self._one:
            pieces: list[str] = []
            replies = self.llm.stream(request, sampling)
            while True:
                try:
                    pieces.append(next(replies))
                except StopIteration as end:
                    why = "length" if end.value.reason == "length" else "stop"
                    break
            choice: dict[str, Any] = {"index": 0, "finish_reason": why}
            choice["message"] = {"role": "assistant", "content": "".join(pieces)}
            if logprobs:
                rows = [
                    {"token": piece, "logprob": 0.0, "bytes": None, "top_logprobs": self._likeliest(request, said)}
                    for piece, said in zip(pieces or [""], before(pieces or [""]), strict=True)
                ]
                choice["logprobs"] = {"content": rows}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": self.model, "choices": [choice]}

    def _likeliest(self, request: Request, said: str) -> list[dict[str, Any]]:
        """Return the likeliest next tokens: a real model's, or of a scripted one the digits that it would judge by."""
        real: Any = self.llm
        request = request._replace(answer=request.answer + said)
        if hasattr(real, "encode"):
            head, tail = real.encode(request)
            real._seq.fill(head + tail, lambda: False)
            row = real._seq.row(-1)
            row = row - row.max() - np.log(np.exp(row - row.max()).sum())
            likely = row.argsort()[::-1][:LIKELIEST]
            found = [(real._piece(int(t)).decode("utf-8", "replace"), float(row[t])) for t in likely]
        else:
            *_, last = request.messages
            draft, _, question = last.content.rpartition("\n\n")
            request = request._replace(messages=(*request.messages[:-1], last._replace(content=draft)))
            found = list((real.choice_logprobs(request, [question], list("123456789")) or [{}])[0].items())
            found += [(f"other{i}", -20.0) for i in range(3)]
        return [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in found]


def before(pieces: list[str]) -> Iterator[str]:
    said = ""
    for piece in pieces:
        yield said
        said += piece


def part(delta: dict[str, Any], why: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": why}
    row = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(row)}\n\n"


def failure(status: int, message: str, code: str = "") -> Response:
    return JSONResponse({"error": {"message": message, "code": code, "type": "error"}}, status)


class Proxy:
    """Passes calls on to a server, each spoiled by the next of `faults`, while there are any.

    A fault is a status, "garbage", "nonsense" (JSON of another shape), "html", a number of parts after which the stream
    is "cut" (loud, inside a chunk) or "ends" (as if it were whole), or seconds of silence.
    """

    def __init__(self, target: StandIn) -> None:
        self.target, self.faults, self.seen = target, list[Any](), 0
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.retry_after = ""
        self.location = ""

    @property
    def server(self) -> Server:
        return server_of(f"{self.url}#{self.target.model}").model_copy(update={"can": self.target.can})

    def back(self) -> None:
        """Answer at the port, from now on."""
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), Spoiling)
        self._http.daemon_threads = True
        self._http.proxy = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def away(self) -> None:
        """Be gone: whoever calls is refused by the system."""
        self._http.shutdown()
        self._http.server_close()


class Spoiling(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = True
        proxy.seen += 1
        fault = proxy.faults.pop(0) if proxy.faults else None
        with contextlib.suppress(OSError):  # the client may be gone
            match fault:
                case int(status):
                    self._whole(status, b'{"error": {"message": "as told"}}')
                case "garbage":
                    self._whole(200, b'{"choices": [{"delta": \xff\xfe nonsense', "application/json")
                case "nonsense":
                    self._whole(200, b'{"hello": ["world"]}')
                case "html":
                    self._whole(200, b"<html><body>Welcome</body></html>", "text/html")
                case float(seconds):
                    time.sleep(seconds)
                    self._forward(proxy, raw)
                case (kind, after):
                    self._forward(proxy, raw, kind, after)
                case _:
                    self._forward(proxy, raw)

    def _whole(self, status: int, body: bytes, kind: str = "application/json") -> None:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in (("Retry-After", proxy.retry_after), ("Location", proxy.location)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _forward(self, proxy: Proxy, raw: bytes, kind: str = "", after: int = 0) -> None:
        inner = http.client.HTTPConnection("127.0.0.1", proxy.target.port, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        inner.request(self.command, self.path, raw, headers)
        reply = inner.getresponse()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.headers["Content-Type"])
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        parts = 0
        while line := reply.readline():
            if kind and line.startswith(b"data:") and (parts := parts + 1) > after:
                if kind == "cut":
                    self.wfile.write(b"40\r\ndata: {")  # a chunk that says it is longer than it is
                else:
                    self.wfile.write(b"0\r\n\r\n")
                inner.close()
                return
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")
        inner.close()

    def log_message(self, *args: object) -> None:
        pass
