"""The loss of MRPO against numbers worked by hand, and what must hold of it whatever the numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.training.config import Objective, Replay
from writer_r1.training.objective import (
    Fresh,
    Replayed,
    Tokens,
    advantages,
    beyond,
    clipped,
    effective_rows,
    fresh_loss,
    importance,
    is_flat,
    k3,
    kept,
    masked_mean,
    ratio,
    replay_loss,
    residual,
    supervised_loss,
)

NONE = torch.empty(0)
REWARDS = torch.tensor([0.2, 0.4, 0.6, 0.8])


def close(found: torch.Tensor, wanted: list[float], places: float = 1e-5) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted), atol=places, rtol=0.0)


def test_advantages_of_the_published_forms() -> None:
    for baseline in ("mixed", "split"):  # sample spread + 1e-4
        close(advantages(REWARDS, NONE, baseline=baseline)[0], [-1.16145, -0.38715, 0.38715, 1.16145])
    close(advantages(REWARDS, NONE, scale=False)[0], [-0.3, -0.1, 0.1, 0.3])  # Dr.GRPO
    fresh, replayed = advantages(REWARDS, torch.tensor([0.9]), baseline="mixed")
    close(torch.cat([fresh, replayed]), [-1.32655, -0.62837, 0.06982, 0.76801, 1.11710])
    close(advantages(REWARDS, torch.tensor([0.9, 0.5]), baseline="split")[1], [0.70686, -0.70686])


def test_a_lone_replayed_row_of_the_split_form_is_held_against_the_fresh_ones() -> None:
    close(advantages(REWARDS, torch.tensor([0.6]), baseline="split")[1], [0.38715])
    close(advantages(REWARDS, torch.tensor([0.1]), baseline="split")[1], [0.0])


def test_fresh_advantages_are_not_moved_by_what_is_replayed() -> None:
    # mean 0.5, sample spread sqrt(0.2 / 3) = 0.258199
    alone, _ = advantages(REWARDS, NONE)
    close(alone, [-1.161895, -0.387298, 0.387298, 1.161895])
    beside, replayed = advantages(REWARDS, torch.tensor([0.9, 0.4, 5.0]))
    assert torch.equal(alone, beside)
    close(replayed, [1.549193, 0.0, 2.0])  # 0.4 / 0.258199; never pushed down; never more than 2


def test_the_judges_noise_is_not_blown_up_to_full_size() -> None:
    near = torch.tensor([0.500, 0.501, 0.502, 0.503])
    close(advantages(near, NONE)[0], [-0.03, -0.01, 0.01, 0.03])  # / 0.05, not / 0.00129
    close(advantages(torch.full((4,), 0.7), NONE)[0], [0.0] * 4)
    assert is_flat(torch.full((4,), 0.7))
    assert not is_flat(near)


def test_a_text_that_was_not_scored_is_left_out() -> None:
    fresh, _ = advantages(torch.tensor([0.2, math.nan, 0.4, 0.6, 0.8]), NONE, baseline="mixed")
    close(fresh, [-1.16145, 0.0, -0.38715, 0.38715, 1.16145])
    assert advantages(torch.tensor([math.nan, 0.5]), torch.tensor([0.9]))[0].tolist() == [0.0, 0.0]
    assert is_flat(torch.tensor([math.nan, 0.5]))


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "gain"), [(0.4, 1, 1.28), (-0.4, 1, 0.67032), (0.4, -1, -1.491825), (-0.4, -1, -0.8)]
)
def test_the_clip(log_ratio: float, advantage: float, gain: float) -> None:
    close(clipped(torch.tensor([[log_ratio]]), torch.tensor([[float(advantage)]]), 0.2, 0.28), [[gain]])


def test_k3() -> None:
    close(k3(torch.zeros(3), torch.tensor([-0.5, 0.0, 0.5])), [0.106531, 0.0, 0.148721])


def test_a_ratio_does_not_overflow() -> None:
    assert torch.isfinite(ratio(torch.tensor([1e6, -1e6, 300.0]))).all()
    assert torch.isfinite(k3(torch.tensor([-1e6]), torch.tensor([0.0]))).all()


def test_the_importance_weight_is_cut_and_has_no_gradient() -> None:
    old = torch.zeros(3, requires_grad=True)
    weight = importance(old, torch.tensor([0.0, -5.0, 0.5]), 2.0)
    close(weight, [1.0, 2.0, math.exp(-0.5)])
    assert not weight.requires_grad


def test_a_row_is_kept_by_the_geometric_mean_of_its_ratios() -> None:
    log_ratio = torch.tensor([[0.6, -0.6, 9.0], [0.6, 0.6, 0.0], [-0.6, -0.6, 0.0], [0.5, 0.5, 0.5]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1]]).bool()
    assert kept(log_ratio, mask, 0.6, 1.65).tolist() == [True, False, False, True]  # 1, 1.82, 0.55, 1.649


def test_the_mean_is_over_tokens_not_rows() -> None:
    values, mask = torch.tensor([[1.0, 9.0], [2.0, 3.0]]), torch.tensor([[True, False], [True, True]])
    assert masked_mean(values, mask).item() == pytest.approx(2.0)
    assert masked_mean(values, mask, 12).item() == pytest.approx(0.5)
    assert supervised_loss(values, mask, 3).item() == pytest.approx(-2.0)
    assert masked_mean(torch.tensor([[math.nan]]), torch.tensor([[False]])).item() == 0.0


def some(rows: int = 4, length: int = 5, seed: int = 0) -> Fresh:
    g = torch.Generator().manual_seed(seed)
    logp = (-3 * torch.rand(rows, length, generator=g)).requires_grad_()
    sampled = logp.detach() + 0.1 * torch.randn(rows, length, generator=g)
    mask = torch.arange(length)[None] < torch.randint(1, length + 1, (rows, 1), generator=g)
    return Fresh(logp, sampled, torch.randn(rows, generator=g), mask, reference=sampled - 0.2)


def whole(rows: Fresh) -> torch.Tensor:
    return fresh_loss(rows, Objective(), Tokens(int(rows.mask.sum())))


def gradient(loss: torch.Tensor, logp: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, logp)[0]


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_masked_token_has_no_gradient(seed: int) -> None:
    rows = some(seed=seed)
    assert gradient(whole(rows), rows.logp)[~rows.mask].abs().sum() == 0
    old = Replayed(rows.logp, rows.sampled, rows.advantage, rows.mask)
    loss = replay_loss(old, Objective(), Replay(), Tokens(0, int(rows.mask.sum())))
    assert gradient(loss, rows.logp)[~rows.mask].abs().sum() == 0


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_order_of_a_group_does_not_matter(seed: int) -> None:
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(advantages(REWARDS[order], NONE)[0], advantages(REWARDS, NONE)[0][order])
    rows = some(seed=seed)
    mixed = Fresh(*(None if part is None else part[order] for part in rows))
    torch.testing.assert_close(whole(mixed), whole(rows))
    torch.testing.assert_close(gradient(whole(mixed), rows.logp), gradient(whole(rows), rows.logp))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_micro_batches_add_up_to_the_whole(seed: int) -> None:
    rows = some(seed=seed)
    tokens = Tokens(int(rows.mask.sum()))
    parts = [Fresh(*(None if p is None else p[i : i + 1] for p in rows)) for i in range(4)]
    torch.testing.assert_close(sum(fresh_loss(p, Objective(), tokens) for p in parts), whole(rows))


def test_an_advantage_of_zero_moves_nothing() -> None:
    rows = some()._replace(advantage=torch.zeros(4), reference=None)
    assert gradient(whole(rows), rows.logp).abs().sum() == 0


def test_the_only_step_on_policy_is_plain_reinforce() -> None:
    rows = some()._replace(reference=None)
    rows = rows._replace(sampled=rows.logp.detach())
    wanted = -(rows.advantage[:, None] * rows.mask) / rows.mask.sum()
    torch.testing.assert_close(gradient(whole(rows), rows.logp), wanted)


def test_a_row_from_the_buffer_is_held_to_the_policy_that_wrote_it() -> None:
    logp = torch.tensor([[-1.0, -1.0]], requires_grad=True)
    mask, advantage, tokens = torch.ones(1, 2, dtype=torch.bool), torch.tensor([1.0]), Tokens(2, 2)

    def loss(stored: list[list[float]]) -> torch.Tensor:
        return replay_loss(Replayed(logp, torch.tensor(stored), advantage, mask), Objective(), Replay(), tokens)

    # ratios e^0.1 and e^0.4 > 1.28: 0.5 * (1.105171 + 1.28) / 4, and the clipped token has no gradient
    stale = loss([[-1.1, -1.4]])
    assert stale.item() == pytest.approx(-0.298146, abs=1e-6)
    assert gradient(stale, logp)[0, 1] == 0
    assert loss([[-1.0, -1.0]]).item() == pytest.approx(-0.25)  # recomputed log-probs would make every row look so
    assert loss([[-2.0, -2.0]]).item() == 0.0  # e^1 > 1.65: too far away


def test_parts_of_a_row_have_credit_of_their_own_in_the_loss() -> None:
    rows = some()._replace(reference=None)
    each = rows.advantage[:, None].expand(4, 5)
    assert torch.equal(whole(rows._replace(advantage=each)), whole(rows))
    half = torch.cat([each[:, :2], torch.zeros(4, 3)], 1)
    assert gradient(whole(rows._replace(advantage=half)), rows.logp)[:, 2:].abs().sum() == 0


def test_the_residual_has_nothing_of_the_length() -> None:
    lengths = torch.tensor([10.0, 20.0, 30.0, 40.0])
    found = residual(torch.tensor([0.1, 0.4, math.nan, 0.5]), lengths)
    # without the third: 40/3 and 10/3 under the mean length, 50/3 over it, slope 17/1400
    close(found[[0, 1, 3]], [0.261905, 0.440476, 0.297619])
    assert found[2].isnan()
    close(residual(REWARDS, torch.full((4,), 9.0)), REWARDS.tolist())


def as_it_was(rows: Fresh, objective: Objective, tokens: Tokens) -> torch.Tensor:
    """The loss before any of the later choices were there."""
    old = rows.logp.detach()
    weight = (old - rows.sampled).clamp(-20, 20).exp().clamp(max=objective.importance_cap)
    r = (rows.logp - old).clamp(-20, 20).exp()
    by = rows.advantage[:, None]
    gain = torch.minimum(r * by, r.clamp(1 - objective.clip_low, 1 + objective.clip_high) * by)
    loss = -(weight * gain).where(rows.mask, 0.0).sum() / (tokens.fresh + tokens.replayed)
    d = (rows.reference - rows.logp).clamp(-20, 20)  # type: ignore[operator]
    return loss + objective.kl * ((d.exp() - d - 1).where(rows.mask, 0.0).sum() / tokens.fresh)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_with_nothing_chosen_the_loss_is_what_it_was_bit_for_bit(seed: int) -> None:
    rows = some(seed=seed)
    tokens = Tokens(int(rows.mask.sum()), 7)
    now, before = fresh_loss(rows, Objective(), tokens), as_it_was(rows, Objective(), tokens)
    assert torch.equal(now, before)
    assert torch.equal(gradient(now, rows.logp), gradient(before, rows.logp))


def test_what_was_written_with_lessons_is_learned_as_if_without() -> None:
    logp = torch.tensor([[-1.0, -12.0, -1.0], [-1.0, -12.0, -1.0]], requires_grad=True)  # e^-12 < 1e-4
    sampled = torch.tensor([[-1.5, -1.0, -3.0], [-1.5, -1.0, -3.0]])
    mask, advantage = torch.ones(2, 3, dtype=torch.bool), torch.tensor([1.0, 1.0])
    rows = Fresh(logp, sampled, advantage, mask, aided=torch.tensor([True, False]))
    found = gradient(fresh_loss(rows, Objective(), Tokens(6)), logp) * -6
    # the weights are ratios to the log-probs with lessons: e^0.5, e^-11, e^2 cut to 2
    close(found[1], [math.exp(0.5), math.exp(-11), 2.0])
    close(found[0], [math.exp(0.5), 0.0, 2.0])
    assert found[0, 1] == 0.0 < found[1, 1]  # what could hardly be without lessons teaches nothing
    assert beyond(rows, Objective()).nonzero().tolist() == [[0, 1]]
    close(gradient(fresh_loss(rows, Objective(memory_floor=0.0), Tokens(6)), logp)[0] * -6, found[1].tolist())


def test_effective_rows() -> None:
    assert effective_rows(torch.ones(8)) == pytest.approx(8)
    assert effective_rows(torch.tensor([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective_rows(NONE) == 0.0
