"""A package index and a model hub on this machine, over real HTTP, for tests that download."""

import contextlib
import io
import re
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(package: str, members: dict[str, bytes]) -> tuple[str, bytes]:
    module, raw = package.replace("-", "_"), io.BytesIO()
    info = f"{module}-1.0.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nRequires-Dist: torch\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return f"{module}-1.0-py3-none-any.whl", raw.getvalue()


class Site(ThreadingHTTPServer):
    """A simple package index at /simple/ and a model hub at /hub/. `slow` names a file that stops half way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheels: dict[str, bytes] = {}
        self.hub: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.slow, self.half_sent, self.go_on = "", threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fetched(self) -> list[str]:
        return [re.search(r"_(\w+)", p)[1] for p in self.seen if p.endswith(".whl")]


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, name = self.path, self.path.rstrip("/").rsplit("/", 1)[-1]
        self.server.seen.append(path)
        if path.startswith("/simple/"):
            links = [w for w in self.server.wheels if w.split("-")[0] == name.replace("-", "_")]
            self.reply("".join(f'<a href="/wheels/{w}">{w}</a>' for w in links).encode(), kind="text/html")
        elif path.startswith("/wheels/"):
            self.reply(self.server.wheels[name])
        elif path.startswith("/hub/") and name in self.server.hub:
            self.reply(self.server.hub[name])
        else:
            self.send_error(404)

    def reply(self, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        for header, value in {"Content-Type": kind, "ETag": '"e1"', "X-Repo-Commit": "c" * 40}.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with contextlib.suppress(OSError):  # the client may have been killed
            if (
                self.server.slow
                and self.server.slow in self.path
                and kind != "text/html"
                and not self.server.go_on.is_set()
            ):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.server.half_sent.set()
                self.server.go_on.wait(60)
                body = body[len(body) // 2 :]
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
