"""Token ids -> logits and sampled tokens: one llama.cpp context holding several sequences over one shared cache.

Sequence 0 is the working one and keeps its tokens between calls, so a prompt that begins like the last one costs only
its new tokens. The others are forks, which share the cells of what they were copied from. Starts of prompts that are
asked again and again are evaluated once and kept outside the cache: cells held in it would slow every token, since all
sequences attend over one pool. Knows nothing of text.

llama-cpp-python's own `Llama` never sets `n_seq_max`, hence the low-level calls.
"""

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from writer_r1.errors import ModelError
from writer_r1.llm import APART_BASE, APART_BY, APART_FROM, Cancel, Sampling, Taken, nobody
from writer_r1.llm.tap import Tap

Row = npt.NDArray[np.float32]  # (n_vocab,)
MAIN = (0,)  # the working sequence
PINS = 6
Pins = dict[tuple[int, ...], Any]  # tokens -> the state they leave, oldest first
STEP = 128  # prompt tokens evaluated between two looks at `cancel`: about a second for a 1.5B model on two cores


class Cancelled(Exception):
    """The caller's `cancel` said yes in the middle of a prompt."""


class Item(NamedTuple):
    token: int
    position: int
    sequences: tuple[int, ...]  # that hold it: those with the same start share its evaluation
    wanted: bool  # whether its logits are needed


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common at their start."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def branches(suffixes: Sequence[Sequence[int]], start: int) -> list[Item]:
    """Return the tokens of suffixes that go on from position `start`, those of a common beginning once.

    Suffix k is sequence k + 1; its last token is its own and wanted, so the wanted ones come in the suffixes' order.
    """
    items: list[Item] = []
    for k, suffix in enumerate(suffixes):
        for i in range(max((_common(other, suffix) for other in suffixes[:k]), default=0), len(suffix)):
            last = i == len(suffix) - 1
            also = () if last else [j + 1 for j, s in enumerate(suffixes[k + 1 :], k + 1) if i < _common(s, suffix)]
            items.append(Item(suffix[i], start + i, (k + 1, *also), last))
    return items


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return min(shared(a, b), len(a) - 1, len(b) - 1)


class Sequences:
    """A context with room for `cells` tokens and `forks` sequences beside the working one.

    `threads` are those for one token at a time and those for a batch, less what is `taken` by others at that moment:
    two that wait for each other on one core are many times slower than one.
    """

    def __init__(self, model: Any, *, cells: int, forks: int, threads: tuple[int, int], taken: Taken = nobody) -> None:
        import llama_cpp

        self._c = llama_cpp
        self.vocab = llama_cpp.llama_model_get_vocab(model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.cells, self.forks = cells, forks
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = 512
        params.n_seq_max = forks + 1
        params.n_threads, params.n_threads_batch = threads
        self._threads, self._taken, self._left = threads, taken, 0
        params.kv_unified = True  # one pool of cells, so that forks share their prefix
        self._tap = Tap(2 * llama_cpp.llama_model_n_layer(model) // 3, llama_cpp.llama_model_n_embd(model))
        params.cb_eval = self._tap.callback
        self._ctx = llama_cpp.llama_init_from_model(model, params)
        if not self._ctx:
            raise ModelError(f"llama.cpp could not set up a context of {cells} tokens; choose a smaller model.")
        self._memory = llama_cpp.llama_get_memory(self._ctx)
        self._batch = llama_cpp.llama_batch_init(params.n_batch, 0, params.n_seq_max)
        self.held: list[int] = []
        self._pins: Pins = {}
        self._base_pins = self._pins  # those that hold without an adapter

    def close(self) -> None:
        """Free the context."""
        self._c.llama_batch_free(self._batch)
        self._c.llama_free(self._ctx)

    def wear(self, adapter: Any, strength: float) -> None:
        """Evaluate with this LoRA adapter from now on, or where it is None with the base alone.

        What was evaluated before says nothing any more and is dropped; the base's pins are kept for the base.
        """
        handles, scales = (self._c.llama_adapter_lora_p_ctypes * 1)(adapter), (ctypes.c_float * 1)(strength)
        on = (handles, 1, scales) if adapter else (None, 0, None)
        if code := self._c.llama_set_adapters_lora(self._ctx, *on):
            raise RuntimeError(f"llama_set_adapters_lora returned {code}")
        self.forget()
        self._pins = {} if adapter else self._base_pins

    def decode(self, items: Sequence[Item], cancel: Cancel) -> None:
        """Evaluate `items` in steps. Logits of the last step stay readable with `row` by index in that step."""
        for start in range(0, len(items), STEP):
            if start and cancel():
                self.forget()
                raise Cancelled
            self._evaluate(items[start : start + STEP])

    def _evaluate(self, items: Sequence[Item]) -> None:
        if (left := self._taken()) != self._left:
            self._left = left
            self._c.llama_set_n_threads(self._ctx, *(max(1, n - left) for n in self._threads))
        batch = self._batch
        batch.n_tokens = len(items)
        for k, item in enumerate(items):
            batch.token[k], batch.pos[k] = item.token, item.position
            batch.n_seq_id[k] = len(item.sequences)
            for i, sequence in enumerate(item.sequences):
                batch.seq_id[k][i] = sequence
            batch.logits[k] = item.wanted
        code = self._c.llama_decode(self._ctx, batch)
        if code:
            self.forget()
            raise RuntimeError(f"llama_decode returned {code} for {len(items)} tokens")

    def row(self, index: int) -> Row:
        """Return a copy of the logits of item `index` of the last evaluated step (-1: the last wanted one)."""
        pointer = self._c.llama_get_logits_ith(self._ctx, index)
        return np.ctypeslib.as_array(pointer, shape=(self.n_vocab,)).copy()

    def rows(self, items: Sequence[Item], cancel: Cancel) -> list[Row]:
        """Evaluate `items` and return the logits of the wanted ones, in order."""
        rows: list[Row] = []
        for start in range(0, len(items), STEP):
            if start and cancel():
                self.forget()
                raise Cancelled
            step = items[start : start + STEP]
            self._evaluate(step)
            rows += [self.row(k) for k, item in enumerate(step) if item.wanted]
        return rows

    def read(self, tokens: Sequence[int], start: int, cancel: Cancel, each: Callable[[Row, int], None]) -> Row | None:
        """Make sequence 0 hold `tokens` and return the mean state two thirds up of those from `start` on.

        `each` is called with the logits that predict a token and the token, for every one from `start` on. None where
        the model names its layers in another way.
        """
        self.fill(tokens[:start], cancel)
        each(self.row(-1), tokens[start])
        self._tap.open()
        try:
            for at in range(start, len(tokens), STEP):
                if cancel():
                    self.forget()
                    raise Cancelled
                step = tokens[at : at + STEP]
                self._evaluate([Item(t, at + i, MAIN, True) for i, t in enumerate(step)])
                for k, following in enumerate(tokens[at + 1 : at + 1 + len(step)]):
                    each(self.row(k), following)
        finally:
            state = self._tap.close()
        self.held = list(tokens)
        return state

    def forget(self) -> None:
        """Empty the cache; the pins are kept."""
        self._c.llama_memory_clear(self._memory, True)
        self.held = []

    def remove(self, sequence: int, start: int = 0) -> bool:
        """Drop a sequence's cells from `start` on; False where the model cannot (recurrent layers)."""
        return bool(self._c.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def fork(self, source: int, target: int) -> None:
        """Make `target` a copy of `source`; their cells are shared."""
        self._c.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def fill(self, tokens: Sequence[int], cancel: Cancel) -> None:
        """Make sequence 0 hold exactly `tokens`, evaluating only what is new; logits of the last one are ready."""
        keep = min(shared(self.held, tokens), len(tokens) - 1)
        best = max(self._pins, key=lambda pin: shared(pin, tokens), default=())
        if (from_pin := min(shared(best, tokens), len(tokens) - 1)) > keep:
            keep = from_pin if self._restore(self._pins[best]) else 0
        if not self.remove(0, keep):
            self.forget()
            keep = 0
        self.held = list(tokens[:keep])
        last = len(tokens) - 1
        self.decode([Item(tokens[i], i, MAIN, i == last) for i in range(keep, len(tokens))], cancel)
        self.held = list(tokens)

    def pin(self, tokens: Sequence[int], cancel: Cancel) -> None:
        """Evaluate `tokens` and keep their state, so that later prompts that begin so cost only what follows."""
        if any(shared(pin, tokens) == len(tokens) for pin in self._pins):
            return
        self.fill(tokens, cancel)
        state = (ctypes.c_uint8 * self._c.llama_state_seq_get_size(self._ctx, 0))()
        self._c.llama_state_seq_get_data(self._ctx, state, len(state), 0)
        if len(self._pins) >= PINS:
            del self._pins[next(iter(self._pins))]
        self._pins[tuple(tokens)] = state

    def _restore(self, state: Any) -> bool:
        """Put a pinned state into sequence 0; False where it could not be read back, and sequence 0 is empty."""
        self.remove(0)
        self.held = []
        return bool(self._c.llama_state_seq_set_data(self._ctx, state, len(state), 0))

    def extend(self, token: int) -> None:
        """Append one token to sequence 0 and evaluate it."""
        self._evaluate([Item(token, len(self.held), MAIN, True)])
        self.held.append(token)

    def fork_rows(self, prefix: Sequence[int], suffixes: Sequence[Sequence[int]], cancel: Cancel) -> list[Row]:
        """Return the logits after `prefix + suffix` for every suffix; what several begin with is evaluated once."""
        self.fill(prefix, cancel)
        n, rows = len(prefix), list[Row]()
        while len(rows) < len(suffixes):
            group = self._group(suffixes[len(rows) :], self.cells - n)
            for k in range(len(group)):
                self.fork(0, k + 1)
            rows += self.rows(branches(group, n), cancel)
            for k in range(len(group)):
                self.remove(k + 1)
        return rows

    def _group(self, suffixes: Sequence[Sequence[int]], room: int) -> Sequence[Sequence[int]]:
        """Return the first suffixes that can be held side by side, at least one."""
        ends = accumulate(map(len, suffixes[: self.forks]))
        return suffixes[: max(1, sum(end <= room for end in ends))]

    def sampler(
        self, sampling: Sampling, seed: int, tokens: Callable[[str], list[int]], grammar: str | None = None
    ) -> Any:
        """Return a llama.cpp sampler chain; free it with `free_sampler`."""
        c = self._c
        chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        if sampling.repeat_penalty != 1.0:
            penalties = c.llama_sampler_init_penalties(self.n_vocab, 256, sampling.repeat_penalty, 0.0, 0.0)
            c.llama_sampler_chain_add(chain, penalties)
        if sampling.apart:
            c.llama_sampler_chain_add(chain, self._apart(sampling.apart, tokens))
        if grammar is not None:
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_grammar(self.vocab, grammar.encode(), b"root"))
        if sampling.temperature <= 0:
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
            return chain
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_k(64))
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_p(sampling.top_p, 1))
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_min_p(sampling.min_p, 1))
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_temp(sampling.temperature))
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_dist(seed & 0xFFFFFFFF))
        return chain

    def _apart(self, texts: Sequence[str], tokens: Callable[[str], list[int]]) -> Any:
        """Return a sampler to which a reply has said these texts already, each on a line of its own."""
        c, breaks = self._c, (ctypes.c_char_p * 1)(b"\n")
        dry = c.llama_sampler_init_dry(self.vocab, APART_BY, APART_BASE, APART_FROM, self.cells, breaks, 1)
        for text in texts:
            for token in tokens(f" {text}\n"):  # as words stand in a sentence
                c.llama_sampler_accept(dry, token)
        return dry

    def sample(self, chain: Any, index: int = -1) -> int:
        """Draw a token from the logits of item `index` of the last step (-1: the last)."""
        return int(self._c.llama_sampler_sample(chain, self._ctx, index))

    def free_sampler(self, chain: Any) -> None:
        """Free a sampler chain and everything in it."""
        self._c.llama_sampler_free(chain)

    def is_end(self, token: int) -> bool:
        """Return whether the token ends a reply."""
        return bool(self._c.llama_vocab_is_eog(self.vocab, token))
