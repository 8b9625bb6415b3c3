"""An address -> the model that is there and what its server can do, found out by asking it.

What a server says of itself is taken only for names and sizes. That it gives log-probabilities, keeps to a schema or
goes on from the beginning of an answer is believed when it was seen. Nothing of the user's is sent.
"""

import asyncio
import json
from typing import Any

from writer_r1.errors import ModelError
from writer_r1.llm import Cancel, Message, Request, never
from writer_r1.llm.answering import chat
from writer_r1.llm.calls import Calls, Given, Patience, trouble_of
from writer_r1.llm.openai_compatible import LIKELIEST, schema_as
from writer_r1.servers import Abilities, Server

QUICK = Patience(away_s=5.0, silent_s=60.0)
SIZES = ("max_model_len", "max_context_length", "context_length", "n_ctx")  # of vLLM, LM Studio, OpenRouter, llama.cpp
HELLO = Message("user", "Say hello in one word.")
# A break inside a word: only a server that goes on from there says what is left of it.
DAYS = Message("user", "Write this line and nothing else: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday.")
BEGUN, LEFT = "Monday, Tuesday, Wednes", "day"
COLOURS = ["green", "blue"]
# With a pattern, as advice has one: a server that refuses those would refuse every reflection.
SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": COLOURS},
        "edit": {"type": "string", "pattern": "^(Add|Cut) [a-z]{3,9}[.!?]$"},
    },
    "required": ["colour", "edit"],
    "additionalProperties": False,
}


def probed(server: Server, cancel: Cancel = never, patience: Patience = QUICK) -> Server:
    """Return the server with the model that it has, how much that reads at once, and what it can do.

    Raises:
        ModelError: it cannot be reached, wants a key, or has no such model; or it was stopped.
    """
    calls = Calls(server, patience)
    try:
        return calls.run(_probed(calls), cancel)
    except Given:
        raise ModelError(f"Asking {server.host} was stopped; nothing was added or changed.") from None
    finally:
        calls.close()


async def _probed(calls: Calls) -> Server:
    listed = await calls.patiently(lambda: _models(calls))
    server = _chosen(calls.server, listed)
    calls.server = server
    choice = await calls.patiently(lambda: calls.client.chat.completions.create(**_body(server, HELLO, 24)))
    can = Abilities(thinks=_thinks(choice), logprobs=await _logprobs(calls), sampling=await _sampling(calls))
    schemas = [form for form in ("json_schema", "json_object") if await _keeps_schema(calls, form)][:1]
    onward = [form for form in ("plain", "flagged") if await _goes_on(calls, form)][:1]
    found = can.model_dump() | {"schema_as": "".join(schemas), "goes_on": "".join(onward)}
    context = _size(_facts(listed, server.model)) or server.context
    return server.model_copy(update={"can": Abilities.model_validate(found), "context": context})


async def _models(calls: Calls) -> list[Any]:
    """Return the models that a server lists; none where it keeps no list."""
    import openai

    try:
        return list((await calls.client.models.list()).data or [])
    except openai.NotFoundError:
        return []


def _chosen(server: Server, listed: list[Any]) -> Server:
    """Return the server with its model, which is on the list, or the only one there.

    Raises:
        ModelError: there is no such model, or none was named and there are several.
    """
    names = [str(m.id) for m in listed]
    if server.model in names or (server.model and not names):
        return server
    known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    if server.model:
        raise ModelError(f"{server.host} has no model {server.model!r}; it has {known}.")
    if len(names) != 1:
        has = f"has {known}" if names else "does not say which models it has"
        raise ModelError(f"{server.host} {has}; name one: --model NAME, or {server.url}#NAME.")
    return server.model_copy(update={"model": names[0]})


def _facts(listed: list[Any], model: str) -> dict[str, Any]:
    found: dict[str, Any] = next((m.model_dump() for m in listed if str(m.id) == model), {})
    return found | (found.get("meta") or {})


def _size(facts: dict[str, Any]) -> int:
    return next((int(facts[k]) for k in SIZES if isinstance(facts.get(k), int) and facts[k] >= 256), 0)


def _body(server: Server, message: Message, max_tokens: int, **more: Any) -> dict[str, Any]:
    said = {"model": server.model, "messages": [message._asdict()], "max_tokens": max_tokens, "temperature": 0}
    return said | more


async def _tried(calls: Calls, body: dict[str, Any]) -> Any:
    """Return the first choice of a reply, or None where the server refuses to answer what it was asked so.

    Raises:
        ModelError: it cannot be asked at all.
    """
    import openai

    try:
        reply = await asyncio.wait_for(calls.client.chat.completions.create(**body), QUICK.silent_s)
    except (openai.APIStatusError, openai.APIResponseValidationError, json.JSONDecodeError, TimeoutError):
        return None
    except openai.APIError as error:
        raise trouble_of(error, calls.server).error from error
    return next(iter(getattr(reply, "choices", None) or []), None)


def _text(choice: Any) -> str:
    return str(getattr(getattr(choice, "message", None), "content", None) or "")


def _thinks(reply: Any) -> bool:
    choice = next(iter(getattr(reply, "choices", None) or []), None)
    message = getattr(choice, "message", None)
    aloud = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    return bool(aloud) or _text(choice).lstrip().startswith("<think>")


async def _logprobs(calls: Calls) -> bool:
    choice = await _tried(calls, _body(calls.server, HELLO, 1, logprobs=True, top_logprobs=LIKELIEST))
    content = getattr(getattr(choice, "logprobs", None), "content", None) or []
    return bool(content) and len(getattr(content[0], "top_logprobs", None) or []) > 9


async def _sampling(calls: Calls) -> bool:
    more = {"min_p": 0.05, "repeat_penalty": 1.05, "repetition_penalty": 1.05}
    return await _tried(calls, _body(calls.server, HELLO, 2, extra_body=more)) is not None


async def _keeps_schema(calls: Calls, form: str) -> bool:
    choice = await _tried(calls, _body(calls.server, HELLO, 40, response_format=schema_as(form, SCHEMA)))
    try:
        row = json.loads(_text(choice))
    except json.JSONDecodeError:
        return False
    return isinstance(row, dict) and list(row) == ["colour", "edit"] and row["colour"] in COLOURS


async def _goes_on(calls: Calls, form: str) -> bool:
    messages, more = chat(Request((DAYS,), BEGUN), "", form)
    choice = await _tried(calls, _body(calls.server, DAYS, 6) | {"messages": messages, "extra_body": more})
    return _text(choice).startswith(LEFT)
