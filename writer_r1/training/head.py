"""Hidden states, a frozen output matrix -> log-probs of given tokens, without ever holding all logits.

A vocabulary of 49,152 makes logits the largest thing in memory. Since the matrix is not trained, the gradient of a
token's log-prob with respect to its hidden state, `W[token] - softmax(z) W`, can be computed slice by slice while the
logits are there and is all that has to be kept: N vectors instead of N times the vocabulary, and no second pass.
"""

from typing import Any

import torch
from torch import Tensor

SLICE = 256  # positions whose logits are held at once


class _Chosen(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, tokens: Tensor, needed: bool) -> tuple[Tensor, Tensor]:
        logp = hidden.new_empty(len(tokens), dtype=torch.float32)
        entropy = torch.empty_like(logp)
        slope = torch.empty_like(hidden) if needed else None
        rows = min(SLICE, len(tokens))  # two buffers for all slices: memory that is got anew has to be cleared anew
        logits = hidden.new_empty(rows, len(weight))
        chances = torch.empty_like(logits, dtype=torch.float32)
        for start in range(0, len(tokens), SLICE):
            here = slice(start, start + SLICE)
            n = len(tokens[here])
            z = torch.mm(hidden[here], weight.T, out=logits[:n]).float()  # (n, V)
            chosen = z.gather(1, tokens[here, None])[:, 0]
            top = z.amax(1, keepdim=True)
            p = torch.sub(z, top, out=chances[:n]).exp_()
            total = p.sum(1, keepdim=True)
            p /= total
            whole = (top + total.log())[:, 0]
            logp[here] = chosen - whole
            entropy[here] = whole - torch.linalg.vecdot(p, z)
            if slope is not None:
                slope[here] = weight[tokens[here]] - p.to(weight.dtype) @ weight
        ctx.save_for_backward(slope)
        ctx.mark_non_differentiable(entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return gradient[:, None].to(slope.dtype) * slope, None, None, None


def chosen_logps(hidden: Tensor, weight: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-prob of each token (N,) and the entropy of its prediction (N,), in nats.

    `hidden` (N, H) are the states that predict `tokens` (N,); `weight` (V, H), the output matrix, gets no gradient.
    """
    needed = torch.is_grad_enabled() and hidden.requires_grad
    logp, entropy = _Chosen.apply(hidden, weight, tokens, needed)
    return logp, entropy
