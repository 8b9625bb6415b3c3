"""A GGUF file behind the `LLM` border, through llama.cpp.

The chat template comes from the file; see `chat` for how a request becomes tokens.
"""

import json
import math
import platform
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from writer_r1.errors import ModelError, RequestTooLong
from writer_r1.llm import Cancel, Finish, Reading, Reply, Request, Sampling, Taken, never, nobody
from writer_r1.llm.chat import Template, encode, piece, template_of
from writer_r1.llm.deltas import Deltas
from writer_r1.llm.lora import Adapted, load_lora
from writer_r1.llm.sequences import MAIN, Cancelled, Item, Row, Sequences
from writer_r1.processes import usable_cores

FORKS = 24
SMALL = 400_000_000  # parameters below which a second thread gains little alone and stalls beside other work
REPACKED = platform.machine().lower() not in ("x86_64", "amd64")  # how weights lie: docs/decisions/0010
FORK_CELLS = 1024  # room beside the context for what forks add to a shared prompt


class LlamaCpp:
    """A loaded GGUF model. Not thread-safe: the studio runs one model job at a time."""

    def __init__(
        self, path: Path, *, name: str, threads: int | None = None, taken: Taken = nobody, context: int = 8192
    ) -> None:
        import llama_cpp

        self._c, self.name, self.path = llama_cpp, name, path
        self._model = read_model(path)
        self.context_tokens = min(context, int(llama_cpp.llama_model_n_ctx_train(self._model)))
        cores, small = threads or usable_cores(), llama_cpp.llama_model_n_params(self._model) < SMALL
        cells, self.threads = self.context_tokens + FORK_CELLS, (1 if small and not threads else cores, cores)
        self._seq = Sequences(self._model, cells=cells, forks=FORKS, threads=self.threads, taken=taken)
        self._template = template_of(self._model, path.name)
        self._loras: dict[tuple[Path, int], Any] = {}

    def close(self) -> None:
        """Free the model and its context."""
        self._seq.close()
        self._c.llama_model_free(self._model)

    def adapted(self, path: Path, strength: float) -> Adapted:
        """Return this model with a LoRA adapter on; see `LLM.adapted`."""
        key = path, path.stat().st_mtime_ns
        if key not in self._loras:
            self._loras[key] = load_lora(self._model, path)
        return Adapted(self, self._loras[key], strength)

    def wear(self, adapter: Any, strength: float) -> None:
        """Put a loaded adapter on, or where it is None take it off; what was evaluated before is dropped."""
        self._seq.wear(adapter, strength)

    # text <-> tokens

    def _piece(self, token: int, special: bool = False) -> bytes:
        return piece(self._seq.vocab, token, special)

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """Return the token ids of `text`; with `special`, control tokens written in it count as such."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        out = (self._c.llama_token * room)()
        n = self._c.llama_tokenize(self._seq.vocab, data, len(data), out, room, False, special)
        return list(out[:n])

    def count(self, text: str) -> int:
        """Return how many tokens `text` is."""
        return len(self.tokens(text))

    def encode(self, request: Request) -> tuple[list[int], list[int]]:
        """Return the prompt up to the end of the last message's content, and what the template puts after it."""
        return encode(request, self._template, self.tokens)

    def _fits(self, prompt_tokens: int, reply_tokens: int) -> None:
        if prompt_tokens + reply_tokens > self.context_tokens:
            room = max(0, self.context_tokens - reply_tokens)
            raise RequestTooLong(
                f"This is about {prompt_tokens:,} tokens long and {self.name} reads at most {room:,} beside its answer "
                f"(roughly {int(room * 0.7):,} English words); shorten it or take one part of it. "
                "Nothing was cut or sent."
            )

    # replies

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the reply as text deltas; see `LLM.stream`."""
        head, tail = self.encode(request)
        prompt = head + tail
        self._fits(len(prompt), sampling.max_tokens)
        chain = self._seq.sampler(sampling, sampling.seed, self.tokens, _grammar(request.schema))
        text = Deltas(sampling.stop)
        n = 0
        try:
            self._seq.fill(prompt, cancel)
            while not cancel():
                token = self._seq.sample(chain)
                if self._seq.is_end(token):
                    yield from text.rest()
                    return Finish("stop", len(prompt), n)
                n += 1
                if delta := text.add(self._piece(token)):
                    yield delta
                if text.stopped:
                    return Finish("stop", len(prompt), n)
                if n >= sampling.max_tokens:
                    yield from text.rest()
                    return Finish("length", len(prompt), n)
                self._seq.extend(token)
        except Cancelled:
            pass
        finally:
            self._seq.free_sampler(chain)
        return Finish("cancelled", len(prompt), n)

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return `count` replies drawn side by side, one evaluation per step for all; see `LLM.drafts`."""
        head, tail = self.encode(request)
        prompt = head + tail
        self._fits(len(prompt), sampling.max_tokens)
        free = self._seq.cells - len(prompt)
        width = max(1, min(count, FORKS, free // sampling.max_tokens))
        texts: list[str] = []
        while len(texts) < count and not cancel():
            texts += self._side_by_side(prompt, sampling, range(len(texts), min(count, len(texts) + width)), cancel)
        return texts

    def _side_by_side(self, prompt: list[int], sampling: Sampling, numbers: range, cancel: Cancel) -> list[str]:
        seq = self._seq
        chains = {k: seq.sampler(sampling, sampling.seed + n, self.tokens) for k, n in enumerate(numbers, 1)}
        texts = {k: Deltas(sampling.stop) for k in chains}
        out = {k: "" for k in chains}
        try:
            seq.fill(prompt, cancel)
            for k in chains:
                seq.fork(0, k)
            alive, index = list(chains), dict.fromkeys(chains, -1)
            for step in range(sampling.max_tokens):
                items, going = list[Item](), list[int]()
                for k in alive:
                    token = seq.sample(chains[k], index[k])
                    if seq.is_end(token):
                        continue
                    out[k] += texts[k].add(self._piece(token))
                    if not texts[k].stopped:
                        items.append(Item(token, len(prompt) + step, (k,), True))
                        going.append(k)
                if not going or cancel():
                    break
                seq.decode(items, never)
                alive, index = going, {k: i for i, k in enumerate(going)}
        except Cancelled:
            return []
        finally:
            for k, chain in chains.items():
                seq.free_sampler(chain)
                seq.remove(k)
        return [out[k] + "".join(texts[k].rest()) for k in chains]

    # log-probabilities

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return the log-probability of each choice per suffix, in one forked batch; see `LLM.choice_logprobs`."""
        firsts = [self.tokens(c)[:1] for c in choices]
        if len({t for f in firsts for t in f}) != len(choices):
            return None
        head, tail = self.encode(request)
        tails = [self.tokens(s) + tail for s in suffixes]
        self._fits(len(head) + max(map(len, tails), default=0), 1)
        try:
            rows = self._seq.fork_rows(head, tails, cancel)
        except Cancelled:
            return []
        return [{c: float(r[f[0]]) for c, f in zip(choices, firsts, strict=True)} for r in map(_log_softmax, rows)]

    def token_logprobs(self, request: Request, reply: str, cancel: Cancel = never) -> list[float]:
        """Return log p of each token of `reply` after `request`, in nats, from one evaluation; nothing if cancelled."""
        head, tail = self.encode(request)
        prompt, ids = head + tail, self.tokens(reply)
        if not ids:
            return []
        self._fits(len(prompt) + len(ids), 0)
        items = [Item(t, len(prompt) + i, MAIN, True) for i, t in enumerate(ids[:-1])]
        try:
            self._seq.fill(prompt, cancel)
            rows = [self._seq.row(-1), *self._seq.rows(items, cancel)]
        except Cancelled:
            return []
        self._seq.held = prompt + ids[:-1]
        return [float(_log_softmax(r)[t]) for r, t in zip(rows, ids, strict=True)]

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return how `text` reads to the model; see `LLM.read`."""
        prompt, _ = self.encode(request)
        pieces = [self._piece(t, special=True) for t in prompt]
        start, end = _tokens_of(text.encode("utf-8", "replace"), pieces)
        if end - start < 2 or not start:
            return None
        self._fits(end, 0)
        seen: list[tuple[float, float, int]] = []

        def predicted(row: Row, token: int) -> None:
            shifted = row - row.max()
            weights = np.exp(shifted)
            total = float(weights.sum())
            entropy = math.log(total) - float(weights @ shifted) / total
            seen.append((math.log(total) - float(shifted[token]), entropy, int((shifted > shifted[token]).sum())))

        try:
            state = self._seq.read(prompt[:end], start, cancel, predicted)
        except Cancelled:
            return None
        if state is None:
            return None
        surprisal, entropy, rank = np.array(seen, dtype=np.float32).T
        words = tuple(p.decode("utf-8", "replace") for p in pieces[start:end])
        return Reading(words, surprisal, entropy, rank, state)

    def warm(self, request: Request) -> None:
        """Evaluate and pin the start of `request`, up to the end of its last message's content."""
        self._seq.pin(self.encode(request)[0], never)


def read_model(path: Path, *, vocabulary: bool = False) -> Any:
    """Return llama.cpp's handle of a GGUF file, or of its vocabulary alone; to be freed by the caller.

    Raises:
        ModelError: it cannot be read.
    """
    import llama_cpp

    llama_cpp.llama_log_set(_quiet(), None)
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.use_extra_bufts, params.vocab_only = REPACKED, vocabulary
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise ModelError(f"llama.cpp cannot read {path.name!r}; choose another model or add the file again.")
    return model


def read_template(path: Path) -> Template:
    """Return the chat template in a GGUF file, read without its weights.

    Raises:
        ModelError: it cannot be read, or has none.
    """
    import llama_cpp

    model = read_model(path, vocabulary=True)
    try:
        return template_of(model, path.name)
    finally:
        llama_cpp.llama_model_free(model)


def _tokens_of(text: bytes, pieces: Sequence[bytes]) -> tuple[int, int]:
    """Return the first token that holds something of the last `text` in these pieces, and the one after its last."""
    at = b"".join(pieces).rindex(text)
    ends = list(accumulate(map(len, pieces)))
    return bisect_right(ends, at), bisect_left(ends, at + len(text)) + 1


def _log_softmax(row: Row) -> Row:
    top = row.max()
    shifted = row - top
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), dtype=np.float32)


def _grammar(schema: dict[str, Any] | None) -> str | None:
    if schema is None:
        return None
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    return str(json_schema_to_gbnf(json.dumps(schema)))


_log_callback: Any = None


def _quiet() -> Any:
    """Return a llama.cpp log callback that drops everything; kept alive for the life of the process."""
    global _log_callback
    if _log_callback is None:
        import llama_cpp

        _log_callback = llama_cpp.llama_log_callback(lambda level, text, data: None)
    return _log_callback
