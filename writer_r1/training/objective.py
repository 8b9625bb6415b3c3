"""Log-probabilities, rewards -> the loss of MRPO: group-relative, clipped, with a term for replayed rollouts.

Pure functions of tensors. What MRPO's equations are the paper does not say publicly; this is our reconstruction
(`docs/papers.md`): GRPO's advantage over the fresh group, DAPO's clip and token mean, RePO's term on the ratio to
stored log-probabilities, a truncated importance weight between sampler and trainer, Schulman's k3 against the base.

Notation: B rows of T tokens; `mask` is True where a token of the reply is; log-probabilities are natural.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from writer_r1.training.config import Objective, Replay

EPSILON = 1e-4  # added to the spread in the published forms
MOST_FRESH, MOST_REPLAYED = 3.0, 2.0  # an advantage beyond these is one lucky draw
LEAST_CONTRAST = 0.25  # what a criterion keeps of its weight, as a share of the largest gain, where all texts meet it
OVERFLOW = 20.0  # largest |log ratio| that is exponentiated
FLAT = 1e-6  # spread under which all rewards of a group count as equal


class Fresh(NamedTuple):
    """Rows just sampled. `sampled` are the sampler's log-probs, `old` the trainer's before its first step on them."""

    logp: Tensor  # (B, T), with gradient
    sampled: Tensor  # (B, T)
    advantage: Tensor  # (B,), or (B, T) where the parts of a row have credit of their own
    mask: Tensor  # (B, T)
    old: Tensor | None = (
        None  # (B, T); without it this is the only step on these rows, and the policy is its own old one
    )
    reference: Tensor | None = None  # (B, T), of the base model
    aided: Tensor | None = None  # (B,), True where the sampler had lessons in its prompt and the trainer has none


class Replayed(NamedTuple):
    """Rows from the buffer. `stored` are the log-probs of the policy that sampled them, never recomputed."""

    logp: Tensor  # (B, T), with gradient
    stored: Tensor  # (B, T)
    advantage: Tensor  # (B,), or (B, T)
    mask: Tensor  # (B, T)


class Tokens(NamedTuple):
    """How many tokens the whole update has, over all micro-batches and processes."""

    fresh: int
    replayed: int = 0


def advantages(
    fresh: Tensor, replayed: Tensor, *, baseline: str = "fresh", scale: bool = True, noise: float = 0.05
) -> tuple[Tensor, Tensor]:
    """Return the advantages of fresh (G,) and replayed (K,) rewards; a reward of NaN (unscored) gets 0.

    "fresh": the mean of the fresh group is the baseline, since it estimates the value under the current policy; the
    spread is divided by, but never by less than the judge's own `noise`. "mixed" and "split" are RePO's forms: one
    mean and spread over all rows, or one for each part (a lone replayed row is then held against the fresh ones).
    Without `scale` it is Dr.GRPO's: the difference to the mean.
    """
    known = fresh[~fresh.isnan()]
    if known.numel() < 2:
        return torch.zeros_like(fresh), torch.zeros_like(replayed)
    if baseline == "fresh":
        spread = spread_of(known, noise, scale)
        ours = ((fresh - known.mean()) / spread).clamp(-MOST_FRESH, MOST_FRESH)
        theirs = ((replayed - known.mean()) / spread).clamp(0.0, MOST_REPLAYED)
    elif baseline == "mixed":
        whole = _standard(torch.cat([fresh, replayed]), torch.cat([known, replayed]), scale)
        ours, theirs = whole[: len(fresh)], whole[len(fresh) :]
    elif baseline == "split":
        ours = _standard(fresh, known, scale)
        lone = _standard(replayed, known, scale).clamp(0.0, MOST_REPLAYED)
        theirs = _standard(replayed, replayed, scale) if len(replayed) > 1 else lone
    else:
        raise ValueError(f"no such baseline: {baseline!r}")
    return ours.nan_to_num(0.0), theirs.nan_to_num(0.0)


def spread_of(known: Tensor, noise: float, scale: bool = True) -> Tensor:
    """Return what the differences in a group are divided by: its sample spread, but never less than `noise`."""
    return known.std().clamp(min=max(noise, FLAT)) if scale else known.new_tensor(1.0)


def in_group(values: Tensor, noise: float, *, scale: bool = True, of: Tensor | None = None) -> Tensor:
    """Return `(x - mean) / max(spread, noise)` of the values (G,) of a group; what is NaN is left out and gets 0.

    With `of` mean and spread are those of another group, which the values are held against.
    """
    group = values if of is None else of
    known = group[~group.isnan()]
    if known.numel() < 2:
        return torch.zeros_like(values)
    return ((values - known.mean()) / spread_of(known, noise, scale)).nan_to_num(0.0)


def per_criterion(scores: Tensor, weights: Tensor, *, scale: bool = True, noise: float = 0.05) -> Tensor:
    """Return the advantages (G,) of a group whose scores (G, K) are put to one scale before they are summed.

    So a criterion on which texts hardly differ is heard beside one on which they differ much. Weights (K,) sum to 1,
    which is why the sum is not put to one scale again over the batch.

    Source: GDPO, arXiv 2601.05242, with the sample spread and a floor of the judge's `noise`.
    """
    heads = torch.stack([in_group(head, noise, scale=scale) for head in scores.T])
    return (weights @ heads).clamp(-MOST_FRESH, MOST_FRESH)


def contrast_weights(scores: Tensor, weights: Tensor) -> Tensor:
    """Return the weights (K,) with which a group is trained: more for a criterion on which its scores (G, K) differ.

    `w_k (0.25 + spread_k / largest spread)`, with the sum of the given weights; those if nothing differs at all.

    Source: the idea is POW3R's, arXiv 2605.20164; the formula is ours.
    """
    heads = [head[~head.isnan()] for head in scores.T]
    spreads = torch.stack([h.std() if h.numel() > 1 else scores.new_zeros(()) for h in heads])
    if spreads.max() < FLAT:
        return weights
    found = weights * (LEAST_CONTRAST + spreads / spreads.max())
    return found * (weights.sum() / found.sum())


def residual(values: Tensor, lengths: Tensor) -> Tensor:
    """Return the values (G,) of a group without what a straight line through their lengths (G,) explains of them.

    The mean stays. Where all are equally long nothing is explained.
    """
    known = ~values.isnan()
    centred = lengths - lengths[known].mean()
    across = centred[known].square().sum()
    if known.sum() < 3 or across < FLAT:  # a line through two points explains everything
        return values
    slope = (centred[known] * (values[known] - values[known].mean())).sum() / across
    return values - slope * centred


def _standard(rewards: Tensor, over: Tensor, scale: bool) -> Tensor:
    centred = rewards - over.mean()
    return centred / (over.std() + EPSILON) if scale else centred


def is_flat(rewards: Tensor) -> bool:
    """Return whether a group's rewards are all equal, so that there is nothing to learn from their differences."""
    known = rewards[~rewards.isnan()]
    return known.numel() < 2 or bool(known.max() - known.min() < FLAT)


def masked_mean(values: Tensor, mask: Tensor, count: int | None = None) -> Tensor:
    """Return the sum of `values` (B, T) where `mask` is True, divided by `count` or by how many those are."""
    return values.where(mask, 0.0).sum() / (max(1, int(mask.sum())) if count is None else max(1, count))


def ratio(log_ratio: Tensor) -> Tensor:
    """Return the ratio of two probabilities from their log-ratio, kept from overflow."""
    return log_ratio.clamp(-OVERFLOW, OVERFLOW).exp()


def clipped(log_ratio: Tensor, advantage: Tensor, low: float, high: float) -> Tensor:
    """Return PPO's clipped gain of each token: `min(r A, clip(r, 1 - low, 1 + high) A)`, of shape (B, T)."""
    r = ratio(log_ratio)
    return torch.minimum(r * advantage, r.clamp(1 - low, 1 + high) * advantage)


def importance(old: Tensor, sampled: Tensor, cap: float) -> Tensor:
    """Return the truncated importance weight of each token: `min(old / sampled, cap)`, without gradient."""
    return ratio(old.detach() - sampled).clamp(max=cap)


def kept(log_ratio: Tensor, mask: Tensor, low: float, high: float) -> Tensor:
    """Return, per row (B,), whether the geometric mean of its ratios is within [low, high]; length does not matter."""
    mean = log_ratio.detach().where(mask, 0.0).sum(1) / mask.sum(1).clamp(min=1)
    return (ratio(mean) >= low) & (ratio(mean) <= high)


def k3(logp: Tensor, reference: Tensor) -> Tensor:
    """Return Schulman's estimate of the divergence from the reference at each token; never below 0."""
    d = (reference - logp).clamp(-OVERFLOW, OVERFLOW)
    return d.exp() - d - 1


def fresh_loss(rows: Fresh, objective: Objective, tokens: Tokens) -> Tensor:
    """Return the fresh rows' part of the loss, divided by all tokens of the update.

    A row written with lessons is learned as if without: its weight is the ratio to the log-probs with them, and tokens
    that hardly could be without them teach nothing. Source: EMPO2, arXiv 2602.23008.
    """
    old = rows.logp.detach() if rows.old is None else rows.old
    weight = importance(old, rows.sampled, objective.importance_cap)
    gain = clipped(rows.logp - old, by_token(rows.advantage), objective.clip_low, objective.clip_high)
    loss = -masked_mean(weight * gain, rows.mask & ~beyond(rows, objective), tokens.fresh + tokens.replayed)
    if rows.reference is None:
        return loss
    return loss + objective.kl * masked_mean(k3(rows.logp, rows.reference), rows.mask, tokens.fresh)


def by_token(advantage: Tensor) -> Tensor:
    """Return advantages (B,) or (B, T) in a shape that goes with (B, T)."""
    return advantage if advantage.dim() == 2 else advantage[:, None]


def beyond(rows: Fresh, objective: Objective) -> Tensor:
    """Return the tokens (B, T) of rows written with lessons that are all but impossible without them."""
    if rows.aided is None or not objective.memory_floor:
        return torch.zeros_like(rows.mask)
    old = rows.logp.detach() if rows.old is None else rows.old
    return rows.aided[:, None] & (old < math.log(objective.memory_floor))


def replay_loss(rows: Replayed, objective: Objective, replay: Replay, tokens: Tokens) -> Tensor:
    """Return the replayed rows' part of the loss; rows whose policy is too far from this one count as 0."""
    log_ratio = rows.logp - rows.stored
    near = kept(log_ratio, rows.mask, replay.ratio_low, replay.ratio_high)
    gain = clipped(log_ratio, by_token(rows.advantage), objective.clip_low, objective.clip_high)
    return -replay.weight * masked_mean(gain, rows.mask & near[:, None], tokens.fresh + tokens.replayed)


def supervised_loss(logp: Tensor, mask: Tensor, tokens: int) -> Tensor:
    """Return the mean negative log-probability of the given texts: SFT is the same step with weight 1."""
    return -masked_mean(logp, mask, tokens)


def effective_rows(weights: Tensor) -> float:
    """Return the effective sample size of importance weights: `(sum w)^2 / sum w^2`."""
    return float(weights.sum() ** 2 / weights.square().sum().clamp(min=1e-12)) if weights.numel() else 0.0
