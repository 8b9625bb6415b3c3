"""Rewards and values of tokens -> advantages, returns and the value's loss: PPO with a critic, as an option.

Pure functions of tensors; the policy's clipped gain is `objective.clipped`. That R2-Write trains with PPO is known to
us at second hand; these are the published formulas (GAE: arXiv 1506.02438, PPO: arXiv 1707.06347), not its settings.

Notation: B rows of T tokens; `mask` is True where a token of the reply is.
"""

import torch
from torch import Tensor

WHITE = 1e-8  # added to the variance that is divided by


def generalised_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float = 1.0, smoothing: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return advantages and returns (B, T) by generalised advantage estimation; 0 outside the mask.

    `A_t = delta_t + discount smoothing A_{t+1}`, `delta_t = r_t + discount V_{t+1} - V_t`; after a row's last token
    the value is 0.
    """
    rewards, values = rewards.where(mask, 0.0), values.where(mask, 0.0)
    advantages = torch.zeros_like(rewards)
    running, after = rewards.new_zeros(rewards.shape[0]), rewards.new_zeros(rewards.shape[0])
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + discount * after - values[:, t]
        running = torch.where(mask[:, t], delta + discount * smoothing * running, running)
        after = torch.where(mask[:, t], values[:, t], after)
        advantages[:, t] = running.where(mask[:, t], 0.0)
    return advantages, advantages + values


def segment_advantages(pay: Tensor, parts: Tensor, mask: Tensor) -> Tensor:
    """Return for each token (B, T) the pay that is still to come in its own part of the thought.

    Beside the advantages of the outcome this credits a reflection for its revision and no draft for being mended, since
    pay does not flow back over the edge of a part.
    """
    pay, found = pay.where(mask, 0.0), torch.zeros_like(pay)
    for part in parts[mask].unique().tolist():
        own = (parts == part) & mask
        found += pay.where(own, 0.0).flip(1).cumsum(1).flip(1).where(own, 0.0)
    return found


def whitened(advantages: Tensor, mask: Tensor) -> Tensor:
    """Return the advantages with mean 0 and variance 1 over the tokens of the batch; 0 outside the mask."""
    known = advantages[mask]
    if known.numel() < 2:
        return torch.zeros_like(advantages)
    scaled = (advantages - known.mean()) * torch.rsqrt(known.var() + WHITE)
    return scaled.where(mask, 0.0)


def value_loss(values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, clip: float = 0.2) -> Tensor:
    """Return PPO's clipped loss of the value: half the mean of the worse of two squared errors.

    One is of the value, one of the value held within `clip` of what it was when the rows were sampled.
    """
    near = old + (values - old).clamp(-clip, clip)
    worse = torch.maximum((values - returns).square(), (near - returns).square())
    return 0.5 * worse.where(mask, 0.0).sum() / mask.sum().clamp(min=1)
