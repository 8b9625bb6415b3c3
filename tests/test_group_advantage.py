"""What a group's texts are held to, by criterion: worked by hand, and the plain advantage where nothing is chosen."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.errors import TrainingError
from writer_r1.training.config import Objective, configured
from writer_r1.training.group_advantage import LONG, Advantage, by_criterion, counted, of_group
from writer_r1.training.objective import advantages
from writer_r1.training.rewards import Reward

NAMES = ("length", "voice")
LENGTHS = [10, 20, 30, 40]


def rewards(first: list[float], second: list[float], weights: tuple[float, float] = (0.5, 0.5)) -> list[Reward]:
    shares = dict(zip(NAMES, weights, strict=True))
    rows = [dict(zip(NAMES, pair, strict=True)) for pair in zip(first, second, strict=True)]
    return [Reward(sum(shares[n] * row[n] for n in NAMES), row, weights=shares) for row in rows]


def found(group: list[Reward], together: int = 0, **chosen: Any) -> Advantage:
    return of_group(group, LENGTHS[: len(group)], [0.9], Objective(**{"noise": 0.0, **chosen}), together)


GROUP = rewards([1.0, 0.0, 1.0, 0.0], [0.2, 0.9, 0.4, 0.1])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=4), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_with_nothing_chosen_it_is_the_advantage_of_the_one_reward_bit_for_bit(
    scores: list[tuple[float, float]], together: int
) -> None:
    group = rewards(*map(list, zip(*scores, strict=True)))
    ours, theirs = advantages(torch.tensor([r.value for r in group]), torch.tensor([0.9]), noise=0.0)
    now = found(group, together)
    assert torch.equal(now.fresh, ours) and torch.equal(now.replayed, theirs) and now.weights == {}


def test_criteria_are_put_to_one_scale_before_they_are_summed() -> None:
    apart = found(GROUP, aggregation="normalize_then_sum")
    # published with the population's spread, weights of 1 and no floor: sqrt(3 / 4) and a half of it
    published = torch.tensor([0.35111, 0.62221, 1.0, -1.97333])
    torch.testing.assert_close(apart.fresh, published * math.sqrt(3 / 4) / 2, atol=1e-5, rtol=0)
    assert torch.equal(apart.replayed, found(GROUP).replayed)  # stored texts are held to the one reward


def test_two_scales_say_nothing_where_all_weigh_one_criterion() -> None:
    group = rewards([0.2, 0.4, 0.6, 0.8], [0.5] * 4, (1.0, 0.0))
    for chosen in ({"aggregation": "normalize_then_sum"}, {"contrast": True}):
        torch.testing.assert_close(found(group, **chosen).fresh, found(group).fresh)


def test_a_criterion_that_tells_texts_apart_weighs_more() -> None:
    # spreads sqrt(1/3) = 0.57735 and 0.35590: weights in the ratio 1.25 to 0.25 + 0.61644
    now = found(GROUP, contrast=True)
    assert now.weights == pytest.approx({"length": 0.59061, "voice": 0.40939}, abs=1e-5)
    values = torch.tensor([0.67249, 0.36845, 0.75437, 0.04094])
    torch.testing.assert_close(now.fresh, advantages(values, torch.empty(0), noise=0.0)[0], atol=1e-3, rtol=0)
    same = rewards([0.5] * 4, [0.5] * 4, (0.7, 0.3))
    assert found(same, contrast=True).weights == pytest.approx({"length": 0.7, "voice": 0.3})
    assert found(same, contrast=True).flat


def test_what_length_explains_is_taken_out_only_after_many_updates() -> None:
    group = rewards([0.1, 0.2, 0.3, 0.4], [0.4, 0.0, 0.0, 0.4])
    assert torch.equal(found(group, LONG - 1, length_residual=True).fresh, found(group).fresh)
    now = found(group, LONG, length_residual=True).fresh
    torch.testing.assert_close(now, advantages(torch.tensor([0.4, 0.0, 0.0, 0.4]), torch.empty(0), noise=0.0)[0])
    assert torch.dot(now, torch.tensor(LENGTHS, dtype=torch.float32)).item() == pytest.approx(0.0, abs=1e-4)
    both = found(group, LONG, length_residual=True, aggregation="normalize_then_sum").fresh
    torch.testing.assert_close(both, now / 2, atol=1e-4, rtol=1e-4)  # the other criterion was length alone


def test_a_text_that_was_not_scored_is_left_out_and_one_that_is_no_piece_has_nothing() -> None:
    group = [*GROUP[:2], Reward(math.nan, {"length": 1.0}, weights={"length": 1.0}), GROUP[3]]
    group[1] = group[1]._replace(value=0.0, gated=True)
    names, scores, weights = by_criterion(group)
    assert (names, weights.tolist()) == (list(NAMES), pytest.approx([0.6, 0.4], abs=0.1))
    assert scores[1].tolist() == [0.0, 0.0] and scores[2].isnan().all()
    for chosen in ({"aggregation": "normalize_then_sum"}, {"contrast": True}, {"length_residual": True}):
        now = found(group, LONG, **chosen).fresh
        assert now[2] == 0.0 and torch.isfinite(now).all()
    assert by_criterion([Reward(0.3, {}), Reward(0.5, {})])[1].flatten().tolist() == pytest.approx([0.3, 0.5])


def test_texts_that_earn_the_same_in_other_ways_are_told_apart_by_criterion() -> None:
    group = rewards([1.0, 0.0, 0.5, 0.5], [0.4, 0.6, 0.5, 0.5])
    group = [r._replace(value=0.5) for r in group]
    assert found(group).flat
    assert not found(group, aggregation="normalize_then_sum", contrast=True).flat


def test_updates_in_which_reward_and_length_go_together_are_counted() -> None:
    count = 0
    for correlation, wanted in ((0.6, 1), (-0.7, 2), (None, 2), (0.51, 3), (0.5, 0), (0.9, 1)):
        count = counted(count, correlation)
        assert count == wanted


def test_other_baselines_have_no_criteria() -> None:
    with pytest.raises(TrainingError, match="need the baseline 'fresh'"):
        configured("mrpo", name="x", base="x", data="x", objective={"contrast": True, "baseline": "mixed"})
