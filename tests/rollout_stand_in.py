"""A server on loopback with the part of vLLM's interface that rollouts need, which samples from a real tiny policy.

Its adapters are read from the folder that it is told, by PEFT, so its log-probs are truly theirs. It refuses what vLLM
refuses: a name that is not loaded, one that is loaded already, a folder that is not there, an argument that it does not
know. `spoil` changes replies, `dies_after` so many of them it is gone, as a killed process is.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from writer_r1.training.config import Config
from writer_r1.training.policy import Policy, open_policy
from writer_r1.training.weights import prepared

OPENAI = {"model", "prompt", "max_tokens", "logprobs", "echo", "seed", "temperature", "top_p"}
VLLM = {"frequency_penalty", "presence_penalty", "top_k", "min_p", "repetition_penalty", "stop_token_ids"}
KNOWN = OPENAI | VLLM | {"return_token_ids"}
PLAIN = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
Reply = dict[str, Any]
ONE = threading.Lock()  # transformers loads one model at a time


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RolloutStandIn:
    """One server. `asked` are the models that rollouts were asked of, `calls` the paths of everything else."""

    def __init__(self, base: Path, config: Config, *, loads: bool = True, key: str = "") -> None:
        self.base, self.config, self.loads, self.key = base, config, loads, key
        self.policies: dict[str, Policy] = {}
        self.roots: dict[str, str] = {}
        self.asked, self.calls, self.headers = list[str](), list[str](), list[dict[str, str]]()
        self.spoil: Callable[[Reply], Any] = lambda reply: reply
        self.swap: Callable[[str], str] = lambda folder: folder  # what is read in a folder's place
        self.pause_s = 0.0  # before a rollout
        self.dies_after: int | None = None
        self.died = threading.Event()
        self._port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> "RolloutStandIn":
        """Listen; again on the same port, without any adapter, where it was there before."""
        self._server = Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            for connection in list(server.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.policies.clear()
            self.died.set()

    # what it answers

    def get(self, path: str) -> Reply:
        if path != "/v1/models":
            raise Refused(404, "Not Found")
        base = {"id": "base", "object": "model", "root": str(self.base), "parent": None}
        worn = [{"id": n, "object": "model", "root": self.roots[n], "parent": "base"} for n in self.policies]
        return {"object": "list", "data": [base, *worn]}

    def post(self, path: str, body: Reply) -> Any:
        if path == "/v1/completions":
            return self.complete(body)
        if not self.loads or path not in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter"):
            raise Refused(404, "Not Found")
        name = body["lora_name"]
        if path == "/v1/unload_lora_adapter":
            if self.policies.pop(name, None) is None:
                raise Refused(404, f"The lora adapter '{name}' cannot be found.")
            return f"Success: LoRA adapter '{name}' removed successfully."
        if name in self.policies:
            raise Refused(400, f"The lora adapter '{name}' has already been loaded.")
        folder = Path(self.swap(body["lora_path"]))
        if not (folder / "adapter_config.json").exists():
            raise Refused(404, f"No adapter found for {folder}")
        try:
            worn = open_policy(prepared(str(self.base)), self.config.model_copy(update={"adapter": str(folder)}))
        except RuntimeError as error:  # of another shape
            raise Refused(500, str(error)) from error
        self.policies[name], self.roots[name] = worn, body["lora_path"]
        return f"Success: LoRA adapter '{name}' added successfully."

    def complete(self, body: Reply) -> Any:
        if odd := body.keys() - KNOWN:
            raise Refused(400, f"unknown arguments {sorted(odd)}")
        if any(body.get(name) != value for name, value in PLAIN.items()) or not body.get("logprobs"):
            raise Refused(400, "not sampled as the policy samples")
        policy, prompt = self.policies.get(body["model"]), body["prompt"]
        if policy is None:
            raise Refused(404, f"The model `{body['model']}` does not exist.")
        if body.get("echo"):
            if not body.get("return_token_ids"):
                raise Refused(500, "assert prompt_text is not None")
            with torch.no_grad():
                logp = policy.score([prompt[:1]], [prompt[1:]]).logp[0].tolist()
            return self.reply(body, [None, *logp, -1.0], {})
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            self.dies_after = None
            threading.Thread(target=self.stop, daemon=True).start()
            self.died.wait()
            raise ConnectionError
        self.asked.append(body["model"])
        if set(body["stop_token_ids"]) != set(policy.ends):
            raise Refused(400, "other ends")
        (one,) = policy.sample([prompt], [body["seed"]], body["max_tokens"])
        ids = {"token_ids": list(one.tokens), "prompt_token_ids": prompt} if body.get("return_token_ids") else {}
        return self.spoil(self.reply(body, list(one.logp), ids))

    def reply(self, body: Reply, logp: list[float | None], more: Reply) -> Reply:
        told = {"token_logprobs": logp, "tokens": ["?"] * len(logp), "top_logprobs": [], "text_offset": []}
        choice = {"index": 0, "text": "?", "finish_reason": "stop", "logprobs": told, **more}
        return {"id": "c", "object": "text_completion", "created": 0, "model": body["model"], "choices": [choice]}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: RolloutStandIn) -> None:
        super().__init__(address, Handler)
        self.stand_in, self.connections = stand_in, set[socket.socket]()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is what a dying server leaves."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self.answer(lambda: self.server.stand_in.get(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/completions" and not body.get("echo"):
            time.sleep(self.server.stand_in.pause_s)
        self.answer(lambda: self.server.stand_in.post(self.path, body))

    def answer(self, work: Callable[[], Any]) -> None:
        own = self.server.stand_in
        own.headers.append(dict(self.headers))
        if "completions" not in self.path:
            own.calls.append(self.path)
        status = 200
        try:
            if own.key and self.headers.get("Authorization") != f"Bearer {own.key}":
                raise Refused(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
            with ONE:
                found = work()
        except Refused as error:
            status, found = error.status, {"error": {"message": str(error), "code": error.status}}
        raw = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        pass
