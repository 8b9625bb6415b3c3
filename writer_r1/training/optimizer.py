"""Gradients of all micro-batches and processes -> one guarded step of AdamW.

Every process adds up the gradients of its own rows, divided by the tokens of the whole update; here they are summed.
So one process and several make the same step, and no wrapper around the model is needed.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object, reduce
from torch import Tensor

from writer_r1.errors import TrainingError
from writer_r1.training import sharding
from writer_r1.training.config import Config

MOST_SKIPPED = 3  # updates in a row without a usable gradient
FLOOR = 0.1  # of the learning rate, at the end
Said = TypeVar("Said")


class Stepped(NamedTuple):
    """What a step did. `gradient_norm` is before clipping; `skipped` says that it was no number."""

    gradient_norm: float
    learning_rate: float
    skipped: bool


class Crew:
    """The processes that train together; alone it is one of one.

    Where `sharded`, none holds the base whole, and each pass through it takes all of them (`sharding.py`).

    Raises:
        TrainingError: they were launched to share it out in a way that is not known here.
    """

    def __init__(self) -> None:
        self._state = PartialState(cpu=not torch.cuda.is_available())
        self.rank, self.count = self._state.process_index, self._state.num_processes
        self.is_main, self.device = self._state.is_main_process, self._state.device
        self.sharded = sharding.asked_for(self.count)

    def mine(self, count: int) -> list[int]:
        """Return which of so many rows are this process's."""
        return list(range(self.rank, count, self.count))

    def gathered(self, own: Sequence[tuple[int, Any]]) -> list[Any]:
        """Return the numbered rows of all processes, in the order of their numbers."""
        every = gather_object(list(own)) if self.count > 1 else own
        return [row for _, row in sorted(every, key=lambda pair: pair[0])]

    def agreed(self, here: Said) -> Said:
        """Return what the main process says, so that all do the same."""
        if self.count == 1:
            return here
        said = [here]
        broadcast_object_list(said)
        return said[0]

    def most(self, here: int) -> int:
        """Return the largest of what the processes say."""
        return max(gather_object([here])) if self.count > 1 else here

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return reduce(tensor, "sum") if self.count > 1 else tensor

    def sum_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Add up the gradients of all processes in each of them; one that had no rows counts as 0."""
        if self.count == 1 or not self.most(any(p.grad is not None for p in parameters)):
            return
        for p in parameters:
            p.grad = self.sum(torch.zeros_like(p) if p.grad is None else p.grad)


class Optimizer:
    """AdamW on the adapter, with warm-up and a cosine down to a tenth."""

    def __init__(self, parameters: list[Tensor], config: Config, crew: Crew) -> None:
        self._parameters, self._config, self._crew = parameters, config, crew
        self.adamw = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
        self.skipped = 0  # in a row

    def rate(self, step: int) -> float:
        """Return the learning rate of an update, counted from 0."""
        warm = max(1, round(self._config.warm_up * self._config.steps))
        if step < warm:
            return self._config.learning_rate * (step + 1) / warm
        done = (step - warm) / max(1, self._config.steps - warm)
        return self._config.learning_rate * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def step(self, number: int) -> Stepped:
        """Make update `number` with the gradients that are there, or skip it where they are no numbers.

        Raises:
            TrainingError: that happened three times in a row.
        """
        self._crew.sum_gradients(self._parameters)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_norm))
        rate = self.rate(number)
        if math.isfinite(norm):
            self.skipped = 0
            for group in self.adamw.param_groups:
                group["lr"] = rate
            self.adamw.step()
        else:
            self.skipped += 1
        self.adamw.zero_grad(set_to_none=True)
        if self.skipped >= MOST_SKIPPED:
            raise TrainingError(
                f"The gradient was no number in {MOST_SKIPPED} updates in a row (the last is number {number + 1}); the "
                "newest checkpoint is intact: begin a new run from its folder `adapter`, with a third of the rate.",
                "model",
            )
        return Stepped(norm, rate, not math.isfinite(norm))


def micro_batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return the places of rows in batches of like length, each at most `most` tokens with its padding, or one row."""
    batches, longest = list[list[int]](), 0
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        longest = lengths[place]  # rows come by length, so the newest is the longest
        if batches and (len(batches[-1]) + 1) * longest <= most:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def places(count: int, start: int, wanted: int, seed: int) -> list[int]:
    """Return `wanted` of `count` places from position `start` on of an endless shuffle, a new one for each round.

    It depends on the position alone, so nothing of the order has to be kept for a restart.
    """
    found = list[int]()
    for position in range(start, start + wanted):
        epoch, at = divmod(position, count)
        found.append(int(_shuffled(count, seed, epoch)[at]))
    return found


def _shuffled(count: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(1_000_003 * seed + epoch))
