"""What a prompt's texts earn, by criterion -> how much likelier or less likely each of them is to be made.

By default that is the group's advantage of the one reward. Three choices change what a fresh text is held to, each off
until it was measured to help (`config.Objective`): criteria put to one scale before they are summed, weights by how
much a group's texts differ on a criterion, and the reward without what length explains of it. What is reported, stored
and replayed is always the reward with its true weights.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from writer_r1.training.config import Objective
from writer_r1.training.objective import FLAT, advantages, contrast_weights, is_flat, per_criterion, residual
from writer_r1.training.rewards import Reward

TOGETHER = 0.5  # correlation of reward and length from which one stands for the other
LONG = 20  # updates in a row


class Advantage(NamedTuple):
    """Of a group's fresh and stored texts; `weights` are those that the criteria were trained with, by name."""

    fresh: Tensor  # (G,)
    replayed: Tensor  # (K,)
    weights: dict[str, float]
    flat: bool  # there is nothing to learn from the fresh ones


def of_group(
    rewards: Sequence[Reward], lengths: Sequence[int], replayed: Sequence[float], objective: Objective, together: int
) -> Advantage:
    """Return the advantages of a group; `lengths` are of its texts, in tokens, `replayed` what stored ones earned.

    `together` is for how many updates reward and length have gone together, see `counted`.
    """
    values, earned = torch.tensor([r.value for r in rewards]), torch.tensor(list(replayed))
    scale, noise = objective.scale, objective.noise
    ours, theirs = advantages(values, earned, baseline=objective.baseline, scale=scale, noise=noise)
    apart, contrast = objective.aggregation == "normalize_then_sum", objective.contrast
    straight = objective.length_residual and together >= LONG
    if not (apart or contrast or straight):
        return Advantage(ours, theirs, {}, is_flat(values))
    names, scores, weights = by_criterion(rewards)
    if contrast:
        weights = contrast_weights(scores, weights)
    if straight:
        long = torch.tensor(lengths, dtype=torch.float32)
        scores = torch.stack([residual(head, long) for head in scores.T], 1)
    if apart:
        ours = per_criterion(scores, weights, scale=scale, noise=noise)
    else:
        said = (weights * ~scores.isnan()).sum(1)  # an unscored criterion leaves both sums
        ours, _ = advantages(scores.nan_to_num(0.0) @ weights / said, torch.empty(0), scale=scale, noise=noise)
    return Advantage(ours, theirs, dict(zip(names, weights.tolist(), strict=True)), bool(ours.abs().max() < FLAT))


def by_criterion(rewards: Sequence[Reward]) -> tuple[list[str], Tensor, Tensor]:
    """Return the names of a group's criteria, its scores (G, K) and their true weights (K,), which sum to 1.

    A text that is no piece has 0 throughout, one that was not scored NaN. Where a reward is no sum of criteria, it is
    the only one.
    """
    names = list(dict.fromkeys(name for r in rewards for name in r.weights))
    if not names:
        return ["reward"], torch.tensor([[r.value] for r in rewards]), torch.ones(1)
    rows = [
        [math.nan if math.isnan(r.value) else 0.0 if r.gated else r.scores.get(name, math.nan) for name in names]
        for r in rewards
    ]
    held = [[r.weights[name] for r in rewards if name in r.weights] for name in names]
    weights = torch.tensor([sum(w) / len(w) for w in held])
    return names, torch.tensor(rows), weights / weights.sum()


def counted(before: int, correlation: float | None) -> int:
    """Return for how many updates in a row reward and length have gone together; None tells nothing."""
    return before if correlation is None else before + 1 if abs(correlation) > TOGETHER else 0
