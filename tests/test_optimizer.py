"""Batches that fit, an order that needs no memory, and a learning rate that rises and falls."""

import math
from statistics import pstdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from writer_r1.training.config import configured
from writer_r1.training.diagnostics import averaged, correlation, distinct, of_rewards
from writer_r1.training.optimizer import Crew, Optimizer, micro_batches, places
from writer_r1.training.rewards import Reward


@given(st.lists(st.integers(1, 300), max_size=40), st.integers(1, 1000))
def test_every_row_is_in_one_batch_that_fits(lengths: list[int], most: int) -> None:
    batches = micro_batches(lengths, most)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= most for b in batches)


def test_rows_of_like_length_stand_together() -> None:
    assert micro_batches([100, 10, 90, 12], 200) == [[1, 3], [2, 0]]


@given(st.integers(1, 30), st.integers(0, 100), st.integers(1, 50), st.integers(0, 5))
def test_the_order_of_the_data_depends_on_the_position_alone(count: int, start: int, wanted: int, seed: int) -> None:
    whole = places(count, 0, start + wanted, seed)
    assert places(count, start, wanted, seed) == whole[start:]
    for epoch in range((start + wanted) // count):
        assert sorted(whole[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_learning_rate_rises_and_falls_to_a_tenth() -> None:
    config = configured("sft", name="a", base="b", data="d", steps=100, learning_rate=1e-3, warm_up=0.1)
    optimizer = Optimizer([torch.zeros(1, requires_grad=True)], config, Crew())
    rates = [optimizer.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[-1] == pytest.approx(1e-4, rel=0.05)
    assert optimizer.rate(500) == pytest.approx(1e-4)


def test_rewards_are_told_by_criterion_and_unscored_texts_left_out() -> None:
    group = [Reward(0.2, {"Length": 0.4}), Reward(0.6, {"Length": 0.8, "Ending": 1.0}), Reward(math.nan, {})]
    found = of_rewards([group, [Reward(0.5, {}), Reward(0.5, {})]], 0.05)
    assert found["reward"] == pytest.approx((0.2 + 0.6 + 0.5 + 0.5) / 4)
    assert found["reward_std"] == pytest.approx((pstdev([0.2, 0.6]) + 0) / 2)
    assert (found["reward_min"], found["reward_max"]) == (0.2, 0.6)
    assert found["rewards/Length/mean"] == pytest.approx(0.6)
    assert (found["frac_reward_zero_std"], found["frac_unscored"]) == (0.5, 0.2)


def test_the_largest_stays_the_largest_over_batches() -> None:
    rows = [{"r/max": 2.0, "r/min": 0.5, "kl": 0.1}, {"r/max": 1.0, "r/min": 0.7, "kl": 0.3}, {"kl": None}]
    assert averaged(rows) == {"r/max": 2.0, "r/min": 0.5, "kl": pytest.approx(0.2)}
    assert averaged([]) == {}


def test_texts_that_grow_alike_differ_less() -> None:
    assert distinct(["a b c", "d e f"]) == 1.0
    assert distinct(["a b c", "A B c"]) == 0.5
    assert distinct(["", "a"]) is None
    assert correlation([0.1, 0.2, 0.3], [1, 2, 3]) == pytest.approx(1.0)
    assert correlation([0.1, math.nan, 0.3], [1, 2, 3]) is None
    assert correlation([0.1, 0.1, 0.1], [1, 2, 3]) is None
