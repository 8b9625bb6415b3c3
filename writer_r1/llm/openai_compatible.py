"""A model on an OpenAI-compatible server behind the `LLM` border: vLLM, llama-server, Ollama, LM Studio, hosted ones.

What a server can do is data (`servers.Abilities`). Without log-probabilities there are no scores (`choice_logprobs` is
None); a JSON schema and the beginning of an answer are told in words instead. No server gives hidden states, so none
reads a text (`read`), and what readers would say comes from the fit that needs no model.
"""

import asyncio
import math
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from writer_r1.errors import ModelError
from writer_r1.llm import Cancel, Finish, Message, Reading, Reply, Request, Sampling, never
from writer_r1.llm.answering import Rest, chat, place
from writer_r1.llm.calls import POLL_S, Broken, Calls, Given, Patience
from writer_r1.llm.deltas import Deltas
from writer_r1.servers import Abilities, Server

LIKELIEST = 20  # tokens whose log-probabilities are asked for: the most that OpenAI's and vLLM's interface give
BYTES_PER_TOKEN = 3  # of English it is about 4: a count that is a little too high wastes room, one too low cuts texts
STOPS = 4  # the most that OpenAI's interface takes; all are looked for here
REPEATED = 16  # more tokens where an answer may repeat its beginning, or take a few to come to the point
End = Literal["stop", "length"]


class OpenAICompatible:
    """A model on a server. Nothing is sent before it is asked something."""

    def __init__(self, server: Server, patience: Patience | None = None) -> None:
        self.server, self.can = server, server.can or Abilities()
        self.name, self.context_tokens = server.name, server.context
        self.calls = Calls(server, patience or Patience())

    def close(self) -> None:
        """Close what is open to the server."""
        self.calls.close()

    def adapted(self, path: Path, strength: float) -> "OpenAICompatible":
        """Refuse: a server wears only adapters of its own, which have names like models.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"{self.server.host} cannot use the adapter {path.parent.name!r} of this machine; add the name that the "
            "server has for an adapter as a model, or choose a model on this machine for writing."
        )

    def count(self, text: str) -> int:
        """Return about how many tokens `text` is: only the server could tell."""
        return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)

    def warm(self, request: Request) -> None:
        """Do nothing: what a server keeps is its own business."""

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return None: no server gives the hidden states of what it reads."""
        return None

    # replies

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the reply as text deltas; see `LLM.stream`."""
        coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None: nothing more comes
        done = self.calls.begin(self._answer(request, sampling, coming))
        done.add_done_callback(lambda _: coming.put(None))
        text, tokens, asked = Deltas(sampling.stop), 0, self.count("".join(m.content for m in request.messages))
        try:
            while True:
                try:
                    delta = coming.get(timeout=POLL_S)
                except queue.Empty:
                    delta = ""
                if cancel():
                    return Finish("cancelled", asked, tokens)
                if delta is None:
                    break
                tokens += bool(delta)
                if shown := text.add(delta.encode()):
                    yield shown
                if text.stopped:
                    return Finish("stop", asked, tokens)
            why = done.result()
            yield from text.rest()
            return Finish(why, asked, tokens)
        finally:
            done.cancel()  # closes the connection, which tells the server to stop

    async def _answer(self, request: Request, sampling: Sampling, out: "queue.SimpleQueue[str | None]") -> End:
        """Put the reply's text into `out` as it comes, going on where it broke off, and return why it ended."""
        said, rest = "", Rest(self._told(request))

        async def ask() -> End:
            nonlocal said, rest
            onward = bool(self.can.goes_on) and request.schema is None
            body = self._body(request, sampling, said if onward else "")
            again, rest = ("" if onward else said), Rest(self._told(request))
            stream = await self.calls.client.chat.completions.create(**body, stream=True)
            async with stream:
                async for chunk in stream:
                    choice = _first(chunk)
                    if choice is None:
                        continue
                    delta = rest.add(getattr(choice.delta, "content", None) or "")
                    if again:  # what was shown before it broke off comes once more
                        if not again.startswith(delta) and not delta.startswith(again):
                            return "length"  # it comes otherwise: what was shown stands, unfinished
                        again, delta = again[len(delta) :], delta[len(again) :]
                    if delta:
                        said += delta
                        out.put(delta)
                    if why := getattr(choice, "finish_reason", None):
                        return "length" if why == "length" else "stop"
            raise Broken("a reply without an end")

        return await self.calls.patiently(ask, lambda: len(said))

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return `count` replies, as many at once as the server takes; see `LLM.drafts`."""

        async def all_of_them() -> list[str]:
            seeded = [sampling._replace(seed=sampling.seed + i) for i in range(count)]
            return list(await asyncio.gather(*(self._whole(request, one) for one in seeded)))

        try:
            return self.calls.run(all_of_them(), cancel)
        except Given:
            return []

    async def _whole(self, request: Request, sampling: Sampling) -> str:
        """Return a reply in one piece: llama.cpp's Python server breaks off a stream when another call comes."""
        body = self._body(request, sampling, "")

        async def ask() -> Any:
            return _sound(await self.calls.client.chat.completions.create(**body))

        choice = await self.calls.patiently(ask)
        text = Deltas(sampling.stop)
        said = Rest(self._told(request)).add(getattr(choice.message, "content", None) or "")
        return "".join([text.add(said.encode()), *([] if text.stopped else text.rest())])

    # log-probabilities

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return the log-probability of each choice per suffix, as many calls at once as the server takes.

        Of a choice that is not among the likeliest tokens it is -inf; see `LLM.choice_logprobs`.
        """
        if not self.can.logprobs:
            return None

        async def all_of_them() -> list[dict[str, float] | None]:
            return list(await asyncio.gather(*(self._choice(_with(request, s), choices) for s in suffixes)))

        try:
            rows = self.calls.run(all_of_them(), cancel)
        except Given:
            return []
        found = [row for row in rows if row is not None]
        return found if len(found) == len(rows) else None

    async def _choice(self, request: Request, choices: Sequence[str]) -> dict[str, float] | None:
        """Return the log-probabilities at the first token that is the answer's own; None where none are told."""
        told = self._told(request)
        # At temperature 1 probabilities are the model's own on every server; where it must speak first, it is greedy.
        sampling = Sampling(max_tokens=REPEATED if told else 1, temperature=0.0 if told else 1.0, top_p=1.0)
        body = self._body(request, sampling, "") | {"logprobs": True, "top_logprobs": LIKELIEST}

        async def ask() -> Any:
            return _sound(await self.calls.client.chat.completions.create(**body))

        choice = await self.calls.patiently(ask)
        tokens = getattr(getattr(choice, "logprobs", None), "content", None) or []
        if (at := place([t.token for t in tokens], told) if told else 0) >= len(tokens):
            return None if not tokens else dict.fromkeys(choices, -math.inf)
        found = dict.fromkeys(choices, 0.0)
        for top in tokens[at].top_logprobs:
            if (word := top.token.strip()) in found:  # with and without a space before it
                found[word] += math.exp(top.logprob)
        return {c: math.log(p) if p > 0 else -math.inf for c, p in found.items()}

    # what is sent

    def _told(self, request: Request) -> str:
        """Return the beginning of the answer where it is told in words, so that the reply may repeat it."""
        return "" if self.can.goes_on else request.answer

    def _body(self, request: Request, sampling: Sampling, said: str) -> dict[str, Any]:
        messages, more = chat(request, said, self.can.goes_on)
        if self.can.sampling:  # by the names of llama.cpp and of vLLM
            repeat = sampling.repeat_penalty
            more |= {"min_p": sampling.min_p, "repeat_penalty": repeat, "repetition_penalty": repeat}
        room = sampling.max_tokens - self.count(said) + (REPEATED if self._told(request) else 0)
        body: dict[str, Any] = {
            "model": self.server.model,
            "messages": messages,
            "max_tokens": max(1, room),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "extra_body": more,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop[:STOPS])
        if request.schema is not None and self.can.schema_as:
            body["response_format"] = schema_as(self.can.schema_as, request.schema)
        return body


def schema_as(form: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return how a JSON schema is sent: as OpenAI has it, or as llama.cpp's Python server does."""
    if form == "json_object":
        return {"type": "json_object", "schema": schema}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _with(request: Request, suffix: str) -> Request:
    *before, last = request.messages
    return request._replace(messages=(*before, Message(last.role, last.content + suffix)))


def _first(chunk: Any) -> Any:
    """Return the first choice of a part of a reply, or None where it has none, as parts about usage have not.

    Raises:
        Broken: it is no part of a reply.
    """
    choices = getattr(chunk, "choices", None)
    if choices is None or not isinstance(choices, list):
        raise Broken("a part without choices")
    return choices[0] if choices and getattr(choices[0], "delta", None) is not None else None


def _sound(reply: Any) -> Any:
    """Return the first choice of a whole reply.

    Raises:
        Broken: it has none.
    """
    choices = getattr(reply, "choices", None)
    if not choices or not isinstance(choices, list) or getattr(choices[0], "message", None) is None:
        raise Broken("a reply without choices")
    return choices[0]
