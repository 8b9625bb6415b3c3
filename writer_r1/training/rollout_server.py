"""A vLLM server that writes rollouts: an adapter put on it while it runs; its replies -> rollouts, or why not.

What vLLM's interface has beyond OpenAI's is used: adapters loaded by name and folder, prompts and replies as token ids.
Nothing is believed. After an adapter was loaded, the server's log-probs of a known sentence are held against our own:
another base, or an adapter that it only says it wears, is told apart by numbers and not by a name. Every reply is
looked through before anything is learned from it. Only its tokens and numbers are read, never its words.
"""

import asyncio
import contextlib
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from writer_r1.errors import ModelError
from writer_r1.llm.calls import Calls, Patience
from writer_r1.servers import Server
from writer_r1.training.policy import Rollout

SENTENCE = "The lamp is lit again tonight, and the sea is calm and old."
WIDEST = 0.2  # nats a token, the same weights in 16 bits are 0.01 to 0.05 apart, another model far more: ours, by guess
IMPOSSIBLE = -9999.0  # what vLLM writes for minus infinity, which no JSON can hold
ROUNDING = 1e-3  # above 0, which a log-prob of 16 bits may be
VERSION = re.compile(r"writer-r1-.*-v(\d+)-[0-9a-f]{8}")
# At temperature 1 with nothing cut off, as the policy samples; vLLM takes what is not sent from the model's settings.
WHOLE = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}
AS_IT_IS = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}


class Unsound(Exception):
    """A reply that nothing can be learned from; says why."""


class Away(Exception):
    """A server that cannot write at present; says why."""


class Known(NamedTuple):
    """A sentence as tokens, and the policy's log-probs of each after the first."""

    tokens: tuple[int, ...]
    logp: tuple[float, ...]


class Worn(NamedTuple):
    """The policy's adapter as it was after `version` updates, in a folder that servers can read.

    The name holds the version and a digest of the weights: vLLM keeps what it has read by the adapter's name, so that
    other weights under a known name would be answered with states of the old ones (vllm-project/vllm issue 42125).
    """

    name: str
    folder: Path
    version: int
    known: Known


class Limits(NamedTuple):
    """What a sound reply keeps to: its longest length, the tokens that end it, and how many words there are."""

    most: int
    ends: tuple[int, ...]
    words: int


class RolloutServer:
    """One server. `wears` is the adapter that it can be asked for, `why` says why that is none."""

    def __init__(self, server: Server, patience: Patience, launch: str) -> None:
        self.server, self._launch, self.wears, self.why = server, launch, "", ""
        self.calls = Calls(server, patience._replace(away_s=0.0))  # who waits, and how long, is not decided here
        self._first_s, self._most_s = patience.first_s, patience.most_s
        self._wait_s, self._again_at = patience.first_s, 0.0

    def left(self, why: str) -> None:
        """Ask it nothing for a while, each time longer until it has answered."""
        if not self.why:
            print(f"{self.server.host} writes no rollouts for now: it {why}", flush=True)
        self.wears, self.why, self._again_at = "", why, asyncio.get_running_loop().time() + self._wait_s
        self._wait_s = min(2 * self._wait_s, self._most_s)

    def due_s(self) -> float:
        """Return in how many seconds it may be asked again; 0 or less is now."""
        return self._again_at - asyncio.get_running_loop().time()

    async def wear(self, adapter: Worn) -> None:
        """Take off what it wore and put the adapter on; whether it went well is in `wears` and `why`."""
        try:
            listed = await self._listed()
            for name, folder in listed.items():  # first, since it may have room for one only
                if folder.parent == adapter.folder.parent and name != adapter.name:
                    await self._take_off(name)
            if adapter.name not in listed:
                await self._load(adapter)
            await self._compare(adapter)
        except Away as away:
            self.left(str(away))
            return
        if self.why:
            print(f"{self.server.host} writes rollouts again", flush=True)
        self.wears, self.why = adapter.name, ""

    async def take_off(self) -> None:
        """Leave it as it was found, where it can be reached."""
        with contextlib.suppress(Away):
            await self._take_off(self.wears)

    async def rollout(self, adapter: Worn, prompt: Sequence[int], seed: int, limits: Limits) -> Rollout:
        """Return one reply, with the version of the adapter that the server says it wore.

        Raises:
            Away: there is none.
            Unsound: nothing can be learned from it.
        """
        more = AS_IT_IS | {"stop_token_ids": list(limits.ends), "return_token_ids": True}
        body = self._body(adapter, prompt) | {"max_tokens": limits.most, "seed": seed, "extra_body": more}
        reply = await self._ask(lambda: self.calls.client.completions.create(**body))
        found = sound(reply, prompt, limits)
        self._wait_s = self._first_s
        return found

    def _body(self, adapter: Worn, tokens: Sequence[int]) -> dict[str, Any]:
        return {"model": adapter.name, "prompt": list(tokens), "logprobs": 1, **WHOLE}

    async def _listed(self) -> dict[str, Path]:
        """Return what the server has by name: each model's and adapter's folder, as it was told."""
        listed = await self._ask(self.calls.client.models.list)
        rows = getattr(listed, "data", None) or []
        return {str(getattr(row, "id", "")): Path(str(getattr(row, "root", ""))) for row in rows}

    async def _load(self, adapter: Worn) -> None:
        told = {"lora_name": adapter.name, "lora_path": str(adapter.folder)}
        try:
            await self._ask(lambda: self.calls.client.post("/load_lora_adapter", body=told, cast_to=str))
        except Away as away:
            status = _status(away)
            if not 400 <= status < 500 or status in (401, 403, 429):
                raise
            raise Away(
                f"loads no adapter ({status}): start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and "
                f"{self._launch}, where it can read {str(adapter.folder.parent)!r}"
            ) from away

    async def _take_off(self, name: str) -> None:
        told = {"lora_name": name}
        try:
            await self._ask(lambda: self.calls.client.post("/unload_lora_adapter", body=told, cast_to=str))
        except Away as away:
            if not _status(away):
                raise  # nobody there; a refusal says that it is gone already

    async def _compare(self, adapter: Worn) -> None:
        """Ask how likely a known sentence is.

        Raises:
            Away: it is not as likely as for the policy.
        """
        known = adapter.known
        more = AS_IT_IS | {"return_token_ids": True}  # without it vLLM wants the words of what is echoed
        body = self._body(adapter, known.tokens) | {"max_tokens": 1, "echo": True, "extra_body": more}
        reply = await self._ask(lambda: self.calls.client.completions.create(**body))
        choices = getattr(reply, "choices", None)
        told = getattr(getattr(choices[0], "logprobs", None), "token_logprobs", None) if choices else None
        if not isinstance(told, list) or not all(map(_is_logp, rest := told[1 : len(known.tokens)])):
            raise Away("tells no log-probabilities of what it reads, so that its weights cannot be compared")
        if len(rest) != len(known.logp):
            raise Away(f"reads {len(known.tokens)} tokens as {len(told)}")
        gap = fmean(abs(a - b) for a, b in zip(rest, known.logp, strict=True))
        if gap > WIDEST:
            raise Away(
                f"has other weights: its log-probabilities of a known sentence are {gap:.2f} a token from ours; start "
                f"it with {self._launch}"
            )

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await self.calls.patiently(ask)
        except ModelError as error:
            raise Away(why_of(error.__cause__, self.server)) from error.__cause__


def _status(away: Away) -> int:
    return int(getattr(away.__cause__, "status_code", 0))


def why_of(cause: BaseException | None, server: Server) -> str:
    """Return in a few words why a call failed; what the server said is not told: it may quote a text or the key."""
    import openai

    if isinstance(cause, openai.APIStatusError):
        if cause.status_code in (401, 403):
            key = f"put one into the environment variable {server.key_name}, or into the keyring"
            return f"wants a key, or refuses the one it got ({cause.status_code}): {key}"
        return f"refuses the request ({cause.status_code})"
    if isinstance(cause, openai.APITimeoutError):
        return "is silent"
    if isinstance(cause, openai.APIConnectionError):
        return "cannot be reached"
    return f"answers what cannot be understood ({type(cause).__name__})"


def version_of(name: object) -> int | None:
    """Return the version in the name of one of our adapters."""
    found = VERSION.fullmatch(name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def sound(reply: Any, prompt: Sequence[int], limits: Limits) -> Rollout:
    """Return the rollout in a reply; its entropy is estimated by the mean of its own surprise, in nats.

    Raises:
        Unsound: nothing can be learned from it.
    """
    choices = getattr(reply, "choices", None)
    if not isinstance(choices, list) or len(choices) != 1:
        raise Unsound("it is not one reply")
    tokens, told = getattr(choices[0], "token_ids", None), getattr(choices[0], "logprobs", None)
    logp = getattr(told, "token_logprobs", None)
    if not isinstance(tokens, list) or not isinstance(logp, list):
        raise Unsound("it has no token ids" if not isinstance(tokens, list) else "it has no log-probabilities")
    if len(tokens) != len(logp) or not 0 < len(tokens) <= limits.most:
        raise Unsound(f"it has {len(tokens)} tokens of {limits.most} at most, and {len(logp)} log-probabilities")
    if not all(type(t) is int and 0 <= t < limits.words for t in tokens):
        raise Unsound("it has tokens that the base does not know")
    if not all(map(_is_logp, logp)):
        raise Unsound("it has log-probabilities that are no such numbers")
    read = getattr(choices[0], "prompt_token_ids", None)
    if read is not None and read != list(prompt):
        raise Unsound("it answers another prompt")
    whole = tokens[-1] in limits.ends
    if any(t in limits.ends for t in tokens[:-1]) or not (whole or len(tokens) == limits.most):
        raise Unsound("it ends elsewhere than at its end")
    version = version_of(getattr(reply, "model", None))
    if version is None:
        raise Unsound("it does not say which adapter wrote it")
    return Rollout(tuple(tokens), tuple(map(float, logp)), -fmean(logp), whole, version)


def _is_logp(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and IMPOSSIBLE < value <= ROUNDING
