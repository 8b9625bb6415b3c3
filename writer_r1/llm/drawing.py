"""Logits -> the next token, by llama.cpp's steps in its order; tokens -> text, whole characters only.

Source: the sampler chain in `sequences.py`, step by step, so that one `Sampling` means one thing on both back ends.
Where it is greedy the tokens are the same; where it draws, the numbers of chance are others.
"""

from collections import deque
from typing import Any

from writer_r1.llm import Sampling

LAST = 256  # tokens of the reply that a repeat penalty looks back on
TOP = 64
UNFINISHED = "\ufffd"


class Drawing:
    """Draws the tokens of one reply."""

    def __init__(self, sampling: Sampling) -> None:
        import torch

        self._sampling, self._recent = sampling, deque[int](maxlen=LAST)
        self._chance = torch.Generator().manual_seed(sampling.seed & 0xFFFFFFFF)

    def __call__(self, logits: Any, allowed: Any = None) -> int:
        """Return the next token; `allowed`, (vocabulary,) of bool, is where it may be."""
        row = logits.float().cpu().clone()
        if self._recent and (penalty := self._sampling.repeat_penalty) != 1.0:
            seen = list(set(self._recent))
            row[seen] = row[seen].where(row[seen] <= 0, row[seen] / penalty).where(row[seen] > 0, row[seen] * penalty)
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
