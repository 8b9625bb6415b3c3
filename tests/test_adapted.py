"""The adapter's layers done in one step beside PEFT's own: the same values, the same gradients, the base untouched."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from writer_r1.training.adapted import quicken


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self, *, bias: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(24, 40, bias=bias), nn.Linear(40, 16, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.second(torch.tanh(self.first(x)))
        return out


def adapted(seed: int, *, quick: bool, bias: bool = False) -> Any:
    torch.manual_seed(seed)
    net = get_peft_model(Net(bias=bias), LoraConfig(r=4, lora_alpha=12, lora_dropout=0.0, target_modules="all-linear"))
    for p in net.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    for name in ("first", "second"):
        if quick:
            quicken(getattr(net.base_model.model, name), "default")
    return net


def gone_through(net: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    x = x.clone().requires_grad_()
    y = net(x)
    (y * torch.linspace(-1, 1, y.shape[-1])).square().sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad, [p.grad for p in net.parameters() if p.requires_grad]


@pytest.mark.parametrize("shape", [(7, 24), (2, 5, 24), (1, 1, 24)])
@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_are_those_of_peft(seed: int, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    ours, theirs = adapted(seed, quick=True), adapted(seed, quick=False)
    assert "forward" in vars(ours.base_model.model.first)
    found, wanted = gone_through(ours, x), gone_through(theirs, x)
    for a, b in zip([found[0], found[1], *found[2]], [wanted[0], wanted[1], *wanted[2]], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert all(p.grad is None for p in ours.parameters() if not p.requires_grad)


def test_with_the_adapter_off_it_is_the_base() -> None:
    net, plain, x = adapted(0, quick=True), adapted(0, quick=False), torch.randn(3, 24)
    with net.disable_adapter(), plain.disable_adapter():
        assert torch.equal(net(x), plain(x))
        with torch.no_grad():
            torch.testing.assert_close(net(x), plain(x))


def test_a_layer_that_is_not_plain_is_left_to_peft() -> None:
    assert "forward" not in vars(adapted(0, quick=True, bias=True).base_model.model.first)
    net = adapted(0, quick=False)
    layer = net.base_model.model.first
    layer.get_base_layer().to(torch.bfloat16)
    quicken(layer, "default")
    assert "forward" not in vars(layer)
