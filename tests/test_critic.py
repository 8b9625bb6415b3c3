"""The value head: golden numbers, gradients against a plain reference, and that it moves nothing but itself."""

import math
from pathlib import Path

import pytest
import torch

from writer_r1.training.config import Objective
from writer_r1.training.critic import Critic, of_values, valued
from writer_r1.training.objective import Fresh, Tokens, fresh_loss
from writer_r1.training.optimizer import Crew

PAY, VALUES = torch.tensor([0.0, 0.2, 0.0, 1.0]), torch.tensor([0.3, 0.4, 0.5, 0.6])
MASK = torch.tensor([[True, True, True, False], [True, True, False, False]])


def states(seed: int = 0, count: int = 5, width: int = 6) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_advantages_and_returns_of_the_golden_numbers() -> None:
    found = valued([PAY], [VALUES])
    torch.testing.assert_close(found.returns[0], torch.tensor([1.1182, 1.156, 0.98, 1.0]), atol=1e-4, rtol=0)
    raw = torch.tensor([0.8182, 0.756, 0.48, 0.4])
    torch.testing.assert_close(found.advantages[0], (raw - raw.mean()) / raw.std(), atol=1e-3, rtol=0)


def test_rows_of_other_lengths_in_any_order_change_nothing_and_one_without_a_score_teaches_nothing() -> None:
    short = torch.tensor([0.0, 0.7])
    lost = torch.tensor([0.0, math.nan, 0.0])
    rows, worth = [PAY, short, lost], [VALUES, torch.tensor([0.1, 0.2]), torch.tensor([0.5, 0.6, 0.7])]
    found, order = valued(rows, worth), [2, 0, 1]
    mixed = valued([rows[i] for i in order], [worth[i] for i in order])
    for place, i in enumerate(order):
        torch.testing.assert_close(mixed.advantages[place], found.advantages[i])
        torch.testing.assert_close(mixed.returns[place], found.returns[i])
    assert not found.advantages[2].any() and torch.equal(found.returns[2], worth[2])
    without = valued(rows[:2], worth[:2])
    torch.testing.assert_close(without.advantages[1], found.advantages[1])


def reference(critic: Critic, seen: torch.Tensor, old: torch.Tensor, returns: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradients of PPO's value loss, token by token."""
    weight, bias = (p.detach().clone().requires_grad_() for p in critic.parameters)
    total, at = torch.zeros(()), 0
    for i in range(2):
        for t in range(int(MASK[i].sum())):
            state = seen[at] / seen[at].norm()
            value, at = state @ weight + bias, at + 1
            near = old[i, t] + torch.clamp(value - old[i, t], -0.2, 0.2)
            total = total + 0.5 * torch.max((value - returns[i, t]) ** 2, (near - returns[i, t]) ** 2)
    return list(torch.autograd.grad(total / 5, [weight, bias]))


def test_the_gradient_is_that_of_a_plain_reference_whole_or_in_parts() -> None:
    critic, seen = Critic(6), states()
    with torch.no_grad():
        critic.weight += torch.tensor([0.5, -0.2, 0.1, 0.9, 0.0, 0.3])
    old = torch.tensor([[0.1, 0.9, -0.4, 7.0], [0.0, 0.6, 7.0, 7.0]])
    returns = torch.tensor([[1.0, 0.2, 0.5, 7.0], [0.3, 1.0, 7.0, 7.0]])
    wanted = reference(critic, seen, old, returns)
    critic.learn(seen, MASK, old, returns, 5)
    for p, gradient in zip(critic.parameters, wanted, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, gradient, atol=1e-6, rtol=1e-5)
        p.grad = None
    critic.learn(seen[:3], MASK[:1], old[:1], returns[:1], 5)
    critic.learn(seen[3:], MASK[1:], old[1:], returns[1:], 5)
    for p, gradient in zip(critic.parameters, wanted, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, gradient, atol=1e-6, rtol=1e-5)


def test_learning_a_value_moves_no_state_and_what_is_masked_moves_nothing() -> None:
    critic, seen = Critic(6), states().requires_grad_()
    far = torch.where(MASK, 0.5, 1e6)
    critic.learn(seen, MASK, torch.zeros(2, 4), far, 5)
    assert seen.grad is None
    assert critic.bias.grad is not None and float(critic.bias.grad) == pytest.approx(-0.5)


def test_it_learns_what_comes_and_goes_on_from_a_file_to_the_last_bit(tmp_path: Path) -> None:
    critic, seen, crew = Critic(6), states(1, 5), Crew()
    returns = torch.zeros(MASK.shape).masked_scatter(MASK, torch.tensor([0.2, 0.9, 0.4, 0.7, 0.1]))

    def losses(of: Critic, times: int) -> list[float]:
        found = []
        for _ in range(times):
            now = torch.zeros(MASK.shape).masked_scatter(MASK, of.values(seen).detach())
            found.append(float(of.learn(seen, MASK, now, returns, 5)))
            of.step(crew)
        return found

    first = losses(critic, 400)
    assert first[-1] < 0.1 * first[0]
    critic.write(tmp_path / "critic.pt")
    again = Critic(6)
    again.restore(tmp_path / "critic.pt")
    assert losses(critic, 5) == losses(again, 5)
    with torch.no_grad():
        critic.weight.grad = torch.full_like(critic.weight, math.nan)
    before = critic.weight.clone()
    critic.step(crew)
    assert torch.equal(critic.weight, before)


def test_the_policys_loss_is_that_of_a_plain_reference() -> None:
    torch.manual_seed(3)
    logp = (-torch.rand(2, 4)).requires_grad_()
    old, held = logp.detach() + 0.4 * torch.randn(2, 4), torch.randn(2, 4)
    objective = Objective(kl=0.0, clip_high=0.2, importance_cap=1e9)
    fresh_loss(Fresh(logp, old, held, MASK, old=old), objective, Tokens(5)).backward()
    again = logp.detach().clone().requires_grad_()
    total = torch.zeros(())
    for i, t in MASK.nonzero().tolist():
        r = torch.exp(again[i, t] - old[i, t])
        total = total - torch.min(r * held[i, t], torch.clamp(r, 0.8, 1.2) * held[i, t])
    (total / 5).backward()
    assert logp.grad is not None and again.grad is not None
    torch.testing.assert_close(logp.grad, again.grad, atol=1e-6, rtol=1e-5)
    assert not logp.grad[~MASK].any()


def test_what_is_told_of_the_values() -> None:
    found = of_values([valued([PAY], [VALUES])])
    assert found["value/mean"] == pytest.approx(0.45)
    assert found["value/return"] == pytest.approx(1.06355, abs=1e-4)
    assert found["value/explained"] is not None and found["value/explained"] < 1.0
    assert of_values([]) == {}
    assert of_values([valued([torch.tensor([0.0, 1.0])], [torch.tensor([1.0, 1.0])])])["value/explained"] is None
