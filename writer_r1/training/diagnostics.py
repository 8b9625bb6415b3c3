"""Tensors and texts of an update -> the numbers of its row in `metrics.jsonl`; names are TRL's where TRL has them."""

import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

import torch
from torch import Tensor

from writer_r1.training.config import Objective, Replay
from writer_r1.training.objective import (
    Fresh,
    Replayed,
    beyond,
    effective_rows,
    importance,
    k3,
    kept,
    masked_mean,
    ratio,
)
from writer_r1.training.rewards import Reward

Row = dict[str, Any]


def of_rewards(groups: Sequence[Sequence[Reward]], noise: float) -> Row:
    """Return what the rewards of an update's groups were, by criterion, too; unscored texts are left out."""
    known = [[r.value for r in group if not math.isnan(r.value)] for group in groups]
    every, spreads = [v for values in known for v in values], [pstdev(values) for values in known if values]
    names = sorted({name for group in groups for r in group for name in r.scores})
    by_name = {name: [r.scores[name] for group in groups for r in group if name in r.scores] for name in names}
    rows = [r for group in groups for r in group]
    found: Row = {
        "reward": _mean(every),
        "reward_std": _mean(spreads),
        "reward_min": min(every, default=None),
        "reward_max": max(every, default=None),
        "frac_reward_zero_std": _mean([float(s < 1e-6) for s in spreads]),
        "frac_reward_near_tie": _mean([float(s < noise) for s in spreads]),
        "frac_gated": _mean([float(r.gated) for r in rows]),
        "frac_unscored": _mean([float(math.isnan(r.value)) for r in rows]),
    }
    for name, values in by_name.items():
        found |= {f"rewards/{name}/mean": _mean(values), f"rewards/{name}/std": pstdev(values)}
    return found


def of_texts(texts: Sequence[str], lengths: Sequence[int], whole: Sequence[bool], rewards: Sequence[Reward]) -> Row:
    """Return how long an update's texts are, in tokens, how many were cut, and how they differ."""
    return {
        "completions/mean_length": _mean(lengths),
        "completions/min_length": min(lengths, default=None),
        "completions/max_length": max(lengths, default=None),
        "completions/clipped_ratio": _mean([float(not w) for w in whole]),
        "corr_reward_length": correlation([r.value for r in rewards], lengths),
        "distinct_2": distinct(texts),
        "frac_duplicates": 1 - len(set(texts)) / len(texts) if texts else None,
    }


def of_fresh(rows: Fresh, entropy: Tensor, objective: Objective) -> Row:
    """Return how the sampler and the policy agree on the fresh rows, their entropy, and the distance from the base."""
    logp, mask = rows.logp.detach(), rows.mask
    found: Row = {
        "entropy": masked_mean(entropy, mask).item(),
        "advantage_abs": _of_rows(rows.advantage.abs(), mask),
    }
    if rows.reference is not None:
        found["kl"] = masked_mean(k3(logp, rows.reference), mask).item()
    if rows.aided is not None:
        aided = mask & rows.aided[:, None]
        if aided.any():
            found |= _of_aided(rows, aided, objective)
        mask = mask & ~aided
    return found | _of_sampler(rows, mask, objective) if mask.any() else found


def _of_sampler(rows: Fresh, mask: Tensor, objective: Objective) -> Row:
    logp = rows.logp.detach()
    gap = (logp - rows.sampled).abs()[mask]
    weight = importance(logp, rows.sampled, math.inf)[mask]
    return {
        "sampling/logp_difference/mean": gap.mean().item(),
        "sampling/logp_difference/max": gap.max().item(),
        "sampling/importance_sampling_ratio/mean": weight.mean().item(),
        "sampling/importance_sampling_ratio/max": weight.max().item(),
        "sampling/importance_sampling_ratio/capped": (weight > objective.importance_cap).float().mean().item(),
        "sampling/effective_share": effective_rows(weight) / weight.numel(),
    }


def _of_aided(rows: Fresh, mask: Tensor, objective: Objective) -> Row:
    """Return how far what was written with lessons is from what would be written without."""
    logp = rows.logp.detach()
    gap = (logp - rows.sampled).abs()[mask]
    weight = importance(logp, rows.sampled, math.inf)[mask]
    return {
        "memory/logp_difference/mean": gap.mean().item(),
        "memory/logp_difference/max": gap.max().item(),
        "memory/importance_sampling_ratio/mean": weight.mean().item(),
        "memory/importance_sampling_ratio/capped": (weight > objective.importance_cap).float().mean().item(),
        "memory/masked": beyond(rows, objective)[mask].float().mean().item(),
    }


def of_memory(groups: Sequence[tuple[Sequence[float], int]]) -> Row:
    """Return how many rollouts had lessons, and what they earned beyond the others of their groups.

    A group is what its texts earn, and how many of them, the last ones, had lessons.
    """
    with_some = [(values[:-aided], values[-aided:]) for values, aided in groups if aided]
    if not with_some:
        return {}
    known = [tuple([v for v in side if not math.isnan(v)] for side in pair) for pair in with_some]
    gains = [fmean(theirs) - fmean(plain) for plain, theirs in known if plain and theirs]
    return {"memory/rows": sum(aided for _, aided in groups), "memory/gain": _mean(gains)}


def of_replayed(rows: Replayed, objective: Objective, replay: Replay) -> Row:
    """Return how far the policy has moved from those that wrote the replayed rows, and what the clip does to them."""
    log_ratio, mask = (rows.logp.detach() - rows.stored), rows.mask
    r = ratio(log_ratio)[mask]
    near = kept(log_ratio, mask, replay.ratio_low, replay.ratio_high)
    return {
        "replay/ratio/mean": r.mean().item(),
        "replay/ratio/max": r.max().item(),
        "replay/ratio/min": r.min().item(),
        "replay/rejected": (~near).float().mean().item(),
        "replay/clip_ratio/low_mean": (r < 1 - objective.clip_low).float().mean().item(),
        "replay/clip_ratio/high_mean": (r > 1 + objective.clip_high).float().mean().item(),
        "replay/advantage": _of_rows(rows.advantage, mask),
    }


def averaged(rows: Sequence[Row]) -> Row:
    """Return the mean of each number over rows that hold it; of a name with "max" or "min" the largest or smallest."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    found: Row = {}
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        last = name.rsplit("/", 1)[-1]
        take = max if last == "max" else min if last == "min" else fmean
        found[name] = take(values) if values else None
    return found


def distinct(texts: Sequence[str]) -> float | None:
    """Return the share of word pairs of all texts together that differ; it falls when texts grow alike."""
    words = [text.casefold().split() for text in texts]
    pairs = [pair for row in words for pair in zip(row, row[1:], strict=False)]
    return len(set(pairs)) / len(pairs) if pairs else None


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return Pearson's correlation, None where one of the two does not vary."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if not math.isnan(a)]
    if len(pairs) < 3:
        return None
    table = torch.tensor(pairs, dtype=torch.float64).T
    return torch.corrcoef(table)[0, 1].item() if (table.std(1) > 1e-9).all() else None


def _of_rows(advantage: Tensor, mask: Tensor) -> float:
    """Return the mean of advantages (B,), or of those of the tokens (B, T) where there are such."""
    return float(masked_mean(advantage, mask) if advantage.dim() == 2 else advantage.mean())


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
