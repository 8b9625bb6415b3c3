"""The policy's states -> what a thought is still to earn from each token on: the value head of PPO, as an option.

One linear map on the states that predict the tokens. It sends no gradient back, so that learning to tell a value moves
no word. The states are brought to length 1 first: how large they are is the base's business, and so one learning rate
does for every base. That, its rate and the smoothing are ours; GAE and the loss are in `ppo.py`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from writer_r1.training.optimizer import Crew
from writer_r1.training.ppo import generalised_advantages, value_loss, whitened

RATE = 3e-3  # of Adam; with states of length 1 a step moves a value by a few hundredths
SMOOTHING = 0.95  # of GAE
LEVEL = 1e-9  # variance of returns under which there is nothing to tell apart


class Valued(NamedTuple):
    """Of the thoughts of an update, a row (T,) each: whitened advantages, the values then, and what came to be."""

    advantages: list[Tensor]
    values: list[Tensor]
    returns: list[Tensor]


class Critic:
    """The value head of one run, and its optimizer."""

    def __init__(self, width: int, device: Any = "cpu") -> None:
        self.weight = torch.zeros(width, device=device, requires_grad=True)
        self.bias = torch.zeros((), device=device, requires_grad=True)
        self._adam = torch.optim.Adam([self.weight, self.bias], lr=RATE)

    @property
    def parameters(self) -> list[Tensor]:
        """Return what is learned."""
        return [self.weight, self.bias]

    def values(self, states: Tensor) -> Tensor:
        """Return the value at each of the states (N, H): (N,)."""
        return normalize(states.detach().float(), dim=1) @ self.weight + self.bias

    def learn(self, states: Tensor, mask: Tensor, old: Tensor, returns: Tensor, tokens: int) -> Tensor:
        """Add the gradient of some rows (B, T) of an update of so many tokens, and return their part of the loss."""
        now = torch.zeros(mask.shape, device=mask.device).masked_scatter(mask, self.values(states))
        loss = value_loss(now, old, returns, mask) * (mask.sum() / max(1, tokens))
        loss.backward()
        return loss.detach()

    def step(self, crew: Crew) -> None:
        """Make one step with the gradients of all processes, unless there is none or one is no number."""
        crew.sum_gradients(self.parameters)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if gradients and all(bool(g.isfinite().all()) for g in gradients):
            self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def write(self, path: Path) -> None:
        """Write head and optimizer to a file."""
        head = {"weight": self.weight.detach(), "bias": self.bias.detach()}
        torch.save(head | {"adam": self._adam.state_dict()}, path)

    def restore(self, path: Path) -> None:
        """Put head and optimizer where a file has them."""
        found = torch.load(path, weights_only=True)
        with torch.no_grad():
            self.weight.copy_(found["weight"])
            self.bias.copy_(found["bias"])
        self._adam.load_state_dict(found["adam"])


def valued(pay: Sequence[Tensor], values: Sequence[Tensor]) -> Valued:
    """Return what the tokens of an update's thoughts are held to, from what they are paid and were thought worth.

    A thought that could not be scored has a pay of NaN: it teaches nothing.
    """
    longest = max((len(row) for row in pay), default=0)
    mask = torch.tensor([[t < len(row) for t in range(longest)] for row in pay])
    known = torch.stack([row.isfinite().all() for row in pay])[:, None] & mask
    paid, worth = _padded(pay, longest).nan_to_num(0.0), _padded(values, longest)
    advantages, returns = generalised_advantages(paid, worth, known, smoothing=SMOOTHING)
    returns = returns.where(known, worth)
    held = whitened(advantages, known)
    rows = range(len(pay))
    return Valued([held[i, : len(pay[i])] for i in rows], list(values), [returns[i, : len(pay[i])] for i in rows])


def of_values(groups: Sequence[Valued]) -> dict[str, float | None]:
    """Return what an update's thoughts were thought worth, what came of them, and how much of that had been told.

    That is the share of the variance of the returns that the values explain, None where nothing varies.
    """
    if not groups:
        return {}
    told = torch.cat([row for group in groups for row in group.values])
    came = torch.cat([row for group in groups for row in group.returns])
    varies = came.numel() > 1 and float(came.var()) > LEVEL
    return {
        "value/mean": float(told.mean()),
        "value/return": float(came.mean()),
        "value/loss": float(0.5 * (came - told).square().mean()),
        "value/explained": float(1 - (came - told).var() / came.var()) if varies else None,
    }


def _padded(rows: Sequence[Tensor], longest: int) -> Tensor:
    return torch.stack([torch.cat([row, row.new_zeros(longest - len(row))]) for row in rows])
