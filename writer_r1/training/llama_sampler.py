"""Rollouts that llama.cpp writes on the base's own GGUF, the adapter beside it: on a CPU quicker than torch.

Side by side over one shared cache, each prompt read once. llama.cpp rounds states that torch does not, so what it
samples from is not quite the policy that is trained. Its own log-probs are therefore kept as the sampler's, and the
truncated weight between sampler and trainer makes up for the difference, which is told in every update's row. Chance is
that of `policy.Policy.sample`: a row depends on its seed alone.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from writer_r1.errors import TrainingError
from writer_r1.llm import Cancel, never
from writer_r1.llm.llamacpp import read_model
from writer_r1.llm.lora import load_lora
from writer_r1.llm.sequences import Cancelled, Item, Row, Sequences
from writer_r1.training.chance import choose, uniforms
from writer_r1.training.config import Config
from writer_r1.training.export import to_gguf_adapter
from writer_r1.training.policy import Policy, Rollout
from writer_r1.training.weights import Base

MOST_SEQUENCES = 255  # that llama.cpp holds beside the working one


class LlamaSampler:
    """The base in llama.cpp, which wears the policy's adapter as it is whenever it samples. Not thread-safe."""

    def __init__(self, policy: Policy, gguf: Path, config: Config) -> None:
        rows = config.group * config.prompts
        if rows > MOST_SEQUENCES:
            raise TrainingError(
                f"llama.cpp writes {MOST_SEQUENCES} texts side by side at most, and an update has {rows}; choose "
                "smaller groups, or rollouts 'torch'.",
                "settings",
            )
        self._policy, self._gguf, self._worn = policy, gguf, None
        self._model = read_model(gguf)
        prompts = (2 if config.memory_share else 1) * config.prompts
        cells = prompts * config.prompt_tokens + rows * config.text_tokens
        self._seq = Sequences(self._model, cells=cells, forks=rows, threads=(config.threads, config.threads))

    def close(self) -> None:
        """Free the model and its context."""
        import llama_cpp

        self._seq.close()
        llama_cpp.llama_model_free(self._model)

    def sample(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int], most: int, cancel: Cancel = never
    ) -> list[Rollout]:
        """Return one rollout of at most `most` tokens for each prompt and seed; an empty list means cancelled."""
        if not prompts:  # of fewer rows than processes this one has none
            return []
        self._wear()
        try:
            return self._draw(prompts, self._read(prompts, cancel), uniforms(seeds, most), cancel)
        except Cancelled:
            return []
        finally:
            self._seq.forget()

    def _wear(self) -> None:
        """Put the adapter on as it is now; the one before is freed."""
        import llama_cpp

        with TemporaryDirectory(prefix="writer-r1-") as room:
            self._policy.save(Path(room))
            adapter = load_lora(self._model, to_gguf_adapter(Path(room), self._gguf))
        self._seq.wear(adapter, 1.0)
        if self._worn is not None:
            llama_cpp.llama_adapter_lora_free(self._worn)
        self._worn = adapter

    def _read(self, prompts: Sequence[Sequence[int]], cancel: Cancel) -> list[Row]:
        """Read each prompt once for all its rows; return the logits of what follows, by row."""
        every, first = [tuple(p) for p in prompts], dict[tuple[int, ...], Row]()
        for prompt in dict.fromkeys(every):
            self._seq.fill(prompt, cancel)
            first[prompt] = self._seq.row(-1)
            for row, other in enumerate(every, 1):
                if other == prompt:
                    self._seq.fork(0, row)
        return [first[prompt] for prompt in every]

    def _draw(
        self, prompts: Sequence[Sequence[int]], logits: list[Row], chances: Tensor, cancel: Cancel
    ) -> list[Rollout]:
        count, most = chances.shape
        drawn: list[tuple[list[int], list[float], list[float]]] = [([], [], []) for _ in range(count)]
        alive, over = list(range(count)), set[int]()
        for t in range(most):
            if cancel():
                return []
            chosen = choose(torch.from_numpy(np.stack(logits)), chances[alive, t])
            items = list[Item]()
            for row, token, logp, entropy in zip(alive, *(part.tolist() for part in chosen), strict=True):
                for kept, value in zip(drawn[row], (token, logp, entropy), strict=True):
                    kept.append(value)
                if token in self._policy.ends:
                    over.add(row)
                else:
                    items.append(Item(token, len(prompts[row]) + t, (row + 1,), True))
            alive = [row for row in alive if row not in over]
            if not items or t + 1 == most:
                break
            logits = self._seq.rows(items, cancel)
        return [
            Rollout(tuple(ids), tuple(logp), sum(entropy) / len(entropy), row in over)
            for row, (ids, logp, entropy) in enumerate(drawn)
        ]


def open_sampler(policy: Policy, base: Base, config: Config) -> LlamaSampler:
    """Return llama.cpp on the base of a policy.

    Raises:
        TrainingError: the base is no GGUF.
    """
    if base.source.suffix.casefold() != ".gguf":
        raise TrainingError(
            f"llama.cpp writes for a GGUF base only, and {base.name!r} is a folder of safetensors; choose rollouts "
            "'torch', or a base of the Models page.",
            "settings",
        )
    return LlamaSampler(policy, base.source, config)
