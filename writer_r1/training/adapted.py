"""A linear layer and its adapter as one step: `y = x W^T + s (x A^T) B^T`, with gradients for x, A and B only.

PEFT makes a product, two small ones, a scaled copy and a sum of it, each with a node of its own in the graph; here the
small products are added into the large one in place, forward and backward. On a CPU the large products go through
oneDNN, which takes a tenth less time for these shapes than what `x @ W^T` calls (docs/training).
"""

from typing import Any

import torch
from torch import Tensor


def product(x: Tensor, weight: Tensor) -> Tensor:
    """Return `x W^T` for `x` (N, I) and `weight` (O, I), neither with a gradient."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")  # as torch's compiler does
    return x @ weight.T


class _Adapted(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        narrow = x @ a.T  # (N, R)
        ctx.save_for_backward(x, weight, a, b, narrow)
        ctx.scale = scale
        return product(x, weight).addmm_(narrow, b.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        x, weight, a, b, narrow = ctx.saved_tensors
        back = (slope @ b).mul_(ctx.scale)  # (N, R)
        to_x = product(slope, weight.T).addmm_(back, a) if ctx.needs_input_grad[0] else None
        return to_x, None, back.T @ x, (slope.T @ narrow).mul_(ctx.scale), None


def quicken(layer: Any, adapter: str) -> None:
    """Let an adapted layer do its work in one step, where it is a plain one: no bias, one dtype."""
    plain, a, b = layer.get_base_layer(), layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    if type(plain) is not torch.nn.Linear or plain.bias is not None or not plain.weight.dtype == a.dtype == b.dtype:
        return
    scale = layer.scaling[adapter]

    def forward(x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        if not layer.disable_adapters:
            found = _Adapted.apply(rows, plain.weight, a, b, scale)
        elif torch.is_grad_enabled():
            found = plain(rows)
        else:  # the same product as above, so that a new adapter differs from its base by nothing at all
            found = product(rows, plain.weight)
        return found.view(*x.shape[:-1], -1)

    layer.forward = forward
