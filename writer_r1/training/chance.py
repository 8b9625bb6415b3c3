"""Seeds -> what chance decides for each token; logits and that -> the token, alike for whoever computes the logits."""

from collections.abc import Sequence

import torch
from torch import Tensor


def uniforms(seeds: Sequence[int], most: int) -> Tensor:
    """Return what chance decides for each row and token, of its seed alone: (B, T) in [0, 1)."""
    return torch.stack(
        [torch.rand(most, dtype=torch.float64, generator=torch.Generator().manual_seed(s)) for s in seeds]
    )


def choose(logits: Tensor, chance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a token drawn from each row of logits (B, V), its log-prob, and the entropy it was drawn with: (B,).

    By the inverse of the distribution function: one random number a row instead of one a word of the vocabulary.
    """
    top = logits.amax(1, keepdim=True)
    p = (logits - top).exp_()
    reached = p.cumsum(1, dtype=torch.float64)
    total = reached[:, -1:]
    tokens = torch.searchsorted(reached, chance[:, None] * total, right=True).clamp_(max=logits.shape[1] - 1)
    whole = (top + total.log().float())[:, 0]
    entropy = whole - torch.linalg.vecdot(p, logits) / total[:, 0].float()
    return tokens[:, 0], logits.gather(1, tokens)[:, 0] - whole, entropy
