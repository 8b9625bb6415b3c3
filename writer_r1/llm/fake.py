"""A scripted model for tests: a function from request to reply text. Never used by the studio."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from writer_r1.llm import Cancel, Finish, Message, Reading, Reply, Request, Sampling, never

Script = Callable[[Request], str]


class FakeLLM:
    """Answers with `script(request)`, a few characters at a time, and remembers every request it saw."""

    def __init__(self, script: Script, *, name: str = "fake", context_tokens: int = 8192, delay_s: float = 0.0) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.script = script
        self.delay_s = delay_s
        self.seen: list[Request] = []
        self.judge: Callable[[str, str], float] = lambda draft, question: 5.0  # mean digit of the verdict
        self.closed = False
        self.worn: list[tuple[Path, float]] = []

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the scripted reply up to a stop text, in pieces of four characters, one "token" each."""
        self.seen.append(request)
        text, tokens = self.script(request), 0
        text = text[: min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=None)]
        for start in range(0, len(text), 4):
            if cancel():
                return Finish("cancelled", 0, tokens)
            if tokens >= sampling.max_tokens:
                return Finish("length", 0, tokens)
            if self.delay_s:
                time.sleep(self.delay_s)
            tokens += 1
            yield text[start : start + 4]
        return Finish("stop", 0, tokens)

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return a narrow distribution over numeric choices around `self.judge(request, suffix)`; [] if stopped."""
        self.seen += [
            Request((*request.messages[:-1], Message("user", request.messages[-1].content + s)), request.answer)
            for s in suffixes
        ]
        rows = []
        for suffix in suffixes:
            if cancel():
                return []
            centre = self.judge(request.messages[-1].content, suffix)
            raw = [math.exp(-4.0 * (i + 1 - centre) ** 2) for i in range(len(choices))]
            total = sum(raw)
            rows.append({c: math.log(max(r / total, 1e-30)) for c, r in zip(choices, raw, strict=True)})
        return rows

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return None: there is no model whose reading it could be."""
        return None

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return the scripted reply, numbered so that no two are equal."""
        self.seen.append(request)
        return [f"{self.script(request)} ({i + 1})" for i in range(count)]

    def warm(self, request: Request) -> None:
        """Nothing to do: there is no cache."""

    def count(self, text: str) -> int:
        """Return one token for every four characters."""
        return -(-len(text) // 4)

    def adapted(self, path: Path, strength: float) -> "FakeLLM":
        """Return this model, and remember what it was to wear."""
        self.worn.append((path, strength))
        return self

    def close(self) -> None:
        """Remember that the model was freed."""
        self.closed = True
