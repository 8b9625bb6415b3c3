"""A model and a LoRA adapter -> the same model with the adapter on while it answers, and off again after each answer.

The adapter is switched on the live context, which takes less than a millisecond. Whoever asks the model itself, as a
judge does, never meets the adapter: it is only on inside a call of `Adapted`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from writer_r1.errors import ModelError
from writer_r1.llm import LLM, Cancel, Reading, Reply, Request, Sampling, never


class Wearing(LLM, Protocol):
    """A model that can put an adapter on."""

    def wear(self, adapter: Any, strength: float) -> None:
        """Put a loaded adapter on, or where it is None take it off."""
        ...

    def adapted(self, path: Path, strength: float) -> "Adapted":
        """Return this model with an adapter on; see `LLM.adapted`."""
        ...


def load_lora(model: Any, path: Path) -> Any:
    """Return llama.cpp's handle of an adapter, which lives as long as the model.

    Raises:
        ModelError: it cannot be read, or does not fit the model.
    """
    import llama_cpp

    handle = llama_cpp.llama_adapter_lora_init(model, str(path).encode())
    if not handle:
        raise ModelError(f"llama.cpp cannot use the adapter {path.parent.name!r} with this model; train it anew.")
    return handle


class Adapted:
    """An `LLM`: `base` with an adapter on at `strength`, 1 as it was trained, 0 as if it was not there."""

    def __init__(self, base: Wearing, handle: Any, strength: float) -> None:
        self._base, self._handle, self._strength = base, handle, strength
        self.name, self.context_tokens = base.name, base.context_tokens

    @contextmanager
    def _on(self) -> Iterator[None]:
        self._base.wear(self._handle, self._strength)
        try:
            yield
        finally:
            self._base.wear(None, 0.0)

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the reply as text deltas; see `LLM.stream`."""
        with self._on():
            return (yield from self._base.stream(request, sampling, cancel))

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return `count` different replies; see `LLM.drafts`."""
        with self._on():
            return self._base.drafts(request, sampling, count, cancel)

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return the log-probability of each choice per suffix; see `LLM.choice_logprobs`."""
        with self._on():
            return self._base.choice_logprobs(request, suffixes, choices, cancel)

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return how `text` reads to the model; see `LLM.read`."""
        with self._on():
            return self._base.read(request, text, cancel)

    def warm(self, request: Request) -> None:
        """Do nothing: what is evaluated ahead of time is dropped when the adapter goes off."""

    def count(self, text: str) -> int:
        """Return how many tokens `text` is."""
        return self._base.count(text)

    def adapted(self, path: Path, strength: float) -> "Adapted":
        """Return the base with another adapter in the place of this one."""
        return self._base.adapted(path, strength)

    def close(self) -> None:
        """Do nothing: the base is not this one's to free."""
