"""Logits -> the next token, by llama.cpp's steps in its order; tokens -> text, whole characters only.

Source: the sampler chain in `sequences.py`, step by step, so that one `Sampling` means one thing on both back ends.
Where it is greedy the tokens are the same; where it draws, the numbers of chance are others.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from writer_r1.llm import APART_BASE, APART_BY, APART_FROM, Sampling

LAST = 256  # tokens of the reply that a repeat penalty looks back on
TOP = 64
BREAK = -1  # between two texts
UNFINISHED = "\ufffd"


class Drawing:
    """Draws the tokens of one reply."""

    def __init__(self, sampling: Sampling, tokens: Callable[[str], list[int]]) -> None:
        import torch

        self._sampling, self._recent = sampling, deque[int](maxlen=LAST)
        self._said = [token for text in sampling.apart for token in (*tokens(f" {text}"), BREAK)]
        self._chance = torch.Generator().manual_seed(sampling.seed & 0xFFFFFFFF)

    def __call__(self, logits: Any, allowed: Any = None) -> int:
        """Return the next token; `allowed`, (vocabulary,) of bool, is where it may be."""
        row = logits.float().cpu().clone()
        if self._recent and (penalty := self._sampling.repeat_penalty) != 1.0:
            seen = list(set(self._recent))
            row[seen] = row[seen].where(row[seen] <= 0, row[seen] / penalty).where(row[seen] > 0, row[seen] * penalty)
        for follower, length in followed([*self._said, *self._recent]).items() if self._said else ():
            row[follower] -= APART_BY * APART_BASE ** (length - APART_FROM)
        if allowed is not None:
            row[~allowed] = float("-inf")
        token = int(row.argmax()) if self._sampling.temperature <= 0 else self._drawn(row)
        self._recent.append(token)
        return token

    def _drawn(self, row: Any) -> int:
        import torch

        top, tokens = row.topk(min(TOP, len(row)))  # best first
        chances = top.softmax(-1)
        keep = chances.cumsum(-1) - chances < self._sampling.top_p
        keep &= chances >= self._sampling.min_p * chances[0]
        top = top.masked_fill(~keep, float("-inf"))
        weights = (top / self._sampling.temperature).softmax(-1)
        return int(tokens[torch.multinomial(weights, 1, generator=self._chance)])


def followed(said: Sequence[int]) -> dict[int, int]:
    """Return which tokens would go on with something said before, and for how many tokens it has been followed."""
    found = dict[int, int]()
    for end in range(1, len(said)):
        length = 0
        while length < end and said[end - 1 - length] == said[-1 - length] != BREAK:
            length += 1
        if length >= APART_FROM and said[end] != BREAK:
            found[said[end]] = max(length, found.get(said[end], 0))
    return found


class Pieces:
    """The text of a reply, token by token: a token says what it adds to those before it.

    Source: incremental decoding as vLLM and text-generation-inference do it, over the last tokens only.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._ids = tokenizer, list[int]()
        self._start = self._shown = 0

    def add(self, token: int) -> str:
        """Return what the token adds; nothing while a character is unfinished."""
        self._ids.append(token)
        before = self._text(self._ids[self._start : self._shown])
        now = self._text(self._ids[self._start :])
        if len(now) <= len(before) or now.endswith(UNFINISHED):
            return ""
        self._start, self._shown = self._shown, len(self._ids)
        return now[len(before) :]

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
