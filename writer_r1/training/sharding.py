"""A base that no process holds whole: each keeps a part of every layer, and a pass gathers one layer at a time.

PyTorch's FSDP2 does that. What is cut are the frozen weights of the layers; the adapter, the embeddings and the output
matrix stay whole everywhere, so gradients are summed and steps are made as ever. Each pass takes all processes: one
that has nothing of its own to do has to go along.
"""

import os
from typing import Any

import torch
from torch import Tensor

from writer_r1.errors import TrainingError

WANTED = "ACCELERATE_USE_FSDP"  # set by accelerate's launcher
OTHERS = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM")


def asked_for(count: int) -> bool:
    """Return whether so many processes were launched to share out the base.

    Raises:
        TrainingError: they were, in a way other than FSDP2.
    """
    others = [name for name in OTHERS if os.environ.get(name) == "true"]
    if os.environ.get(WANTED) == "true" and os.environ.get("FSDP_VERSION") != "2":
        others.append("fsdp_version: 1")
    if others:
        raise TrainingError(
            f"These processes were launched to share out the model in a way that this loop does not know ({others[0]})."
            " Launch them with docs/scale/fsdp2.yaml, or with docs/scale/ddp.yaml where the base fits each of them.",
            "settings",
        )
    if os.environ.get(WANTED) != "true" or count == 1:
        return False
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"  # else transformers reads the weights in one process only
    return True


def cut(model: Any, adapted: Any, count: int, device: torch.device) -> None:
    """Leave of each layer of a base only this process's part; what is trained of `adapted` stays whole.

    Raises:
        TrainingError: transformers does not say which of its parts are layers.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    layers = [module for module in model.modules() if type(module).__name__ in (model._no_split_modules or ())]
    if not layers:
        raise TrainingError(f"A {type(model).__name__} cannot be shared out: it names no layers.", "model")
    mesh = init_device_mesh(device.type, (count,))
    own = {p for p in adapted.parameters() if p.requires_grad}
    for layer in layers:  # let go after each pass: left to itself, what stands in no larger part is kept whole
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=own)
    whole: list[Tensor] = [p for p in adapted.parameters() if not isinstance(p, DTensor)]
    for tensor in [*whole, *adapted.buffers()]:
        tensor.data = tensor.data.to(device)


def held(adapted: Any) -> int:
    """Return how many parameters this process holds of a base and its adapter."""
    return sum(p.to_local().numel() if hasattr(p, "to_local") else p.numel() for p in adapted.parameters())
