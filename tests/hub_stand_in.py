"""A model hub on this machine: its interface over real HTTP, and a second server as its storage, to which it redirects.

Refusals carry the headers of the real one. `hub.trouble` names a file and what befalls it in the storage: "cut" (once,
half way), "slow" (half way, until `go_on`), "no ranges", "damaged", "gone" (half way, for good); or the status that the
interface answers.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

SHA = "c" * 40
LARGE = 10  # bytes from which the stand-in keeps weights in its storage
TOKEN, OTHERS = "hf_of_the_owner", "hf_of_somebody_else"


class Seen(NamedTuple):
    place: str
    path: str
    query: dict[str, list[str]]
    key: str
    range: str


class Hub:
    """Repositories by name: their files, and whether they are "gated" or "private"."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.kind: dict[str, str] = {}
        self.trouble: dict[str, Any] = {}
        self.seen: list[Seen] = []
        self.half_sent, self.go_on = threading.Event(), threading.Event()
        self.servers = [Server(self, place) for place in ("interface", "storage")]
        self.url, self.storage = (f"http://127.0.0.1:{s.server_address[1]}" for s in self.servers)
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def ranges(self) -> list[str]:
        """Return which parts of files the storage was asked for, but for the looks at a beginning."""
        return [s.range for s in self.seen if s.place == "storage" and s.range != "bytes=0-524287"]

    def told(self, name: str) -> dict[str, Any]:
        files = [
            {"rfilename": path, "size": len(data)}
            | ({"lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": 130}} if is_large(path) else {})
            | {"blobId": blob(data)}
            for path, data in self.files[name].items()
        ]
        kind = self.kind.get(name, "")
        row = {"id": name, "sha": SHA, "downloads": 1234, "private": kind == "private", "siblings": files}
        return row | {"gated": "manual" if kind == "gated" else False, "tags": ["gguf", "license:apache-2.0"]}


def is_large(path: str) -> bool:
    return path.endswith((".gguf", ".safetensors", ".bin"))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub, place: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub, self.place = hub, place


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(200, b"")

    def do_GET(self) -> None:
        hub, url = self.server.hub, urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        hub.seen.append(Seen(self.server.place, path, query, key, self.headers.get("range", "")))
        if self.server.place == "storage":
            _, name, file = path.split("|")
            trouble = hub.trouble.get(file, "")
            if trouble == "cut":
                del hub.trouble[file]
            self.store(hub.files[name][file], trouble)
        elif status := hub.trouble.get("interface"):
            self.answer(status, b"<html>not now</html>")
        elif key and key not in (TOKEN, OTHERS):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif path == "/api/models":
            words = query["search"][0].lower().split()
            rows = [hub.told(n) for n in hub.files if all(w in n.lower() for w in words)]
            self.answer(200, json.dumps([{k: v for k, v in r.items() if k != "siblings"} for r in rows]).encode())
        elif path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/")
            if self.known(name, key):
                self.answer(200, json.dumps(hub.told(name)).encode())
        else:
            name, _, rest = path[1:].partition("/resolve/")
            self.resolve(name, rest.partition("/")[2], key)

    def known(self, name: str, key: str) -> bool:
        hidden = self.server.hub.kind.get(name) == "private" and key != TOKEN
        if name in self.server.hub.files and not hidden:
            return True
        if key:
            self.refuse(404, "RepoNotFound", "Repository not found")
        else:
            self.refuse(401, "", "Invalid username or password.")
        return False

    def resolve(self, name: str, file: str, key: str) -> None:
        hub = self.server.hub
        if not self.known(name, key):
            return
        if hub.kind.get(name) == "gated" and key != TOKEN:
            self.refuse(403 if key else 401, "GatedRepo", f"Access to model {name} is restricted.")
        elif file not in hub.files[name]:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif is_large(file):
            place = f"{hub.storage}/|{name}|{file}?signature=secret"
            self.answer(302, b"", {"Location": place, "X-Linked-Etag": f'"{sha256(hub.files[name][file])}"'})
        else:
            self.answer(200, hub.files[name][file])

    def store(self, data: bytes, trouble: str) -> None:
        """Send a file from where it is asked for."""
        hub = self.server.hub
        begin = int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if trouble == "damaged":
            data = data[:-1] + b"X"
        if trouble == "gone" and begin:
            return self.answer(503, b"")
        if trouble == "no ranges":
            begin = 0
        body = data[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may have been killed
            half = len(data) // 2 - begin
            if trouble in ("cut", "slow", "gone", "no ranges") and half > 0 and not hub.go_on.is_set():
                self.wfile.write(body[:half])
                self.wfile.flush()
                hub.half_sent.set()
                if trouble != "slow":
                    hub.go_on.set()  # once is enough
                    self.close_connection = True
                    return
                hub.go_on.wait(60)
                body = body[half:]
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        more = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.answer(status, json.dumps({"error": message}).encode(), more)

    def answer(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that has read enough goes away
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def hub_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Have a hub on this machine be the one that is asked, without a token of anybody's."""
    import os

    from huggingface_hub import constants

    stand_in = Hub()
    for name in [n for n in os.environ if n.lower().endswith("_proxy") or n.startswith(("HF_TOKEN", "HUGGING_FACE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", stand_in.url)  # for child processes
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.path.join(os.environ["HOME"], "no token"))
    yield stand_in
    stand_in.close()
