"""The buffer of rollouts: what is kept, what goes, what is picked, and that it is the same after a restart."""

import random
from pathlib import Path

import pytest

from writer_r1.training.config import Replay
from writer_r1.training.replay import Buffer, Stored, Under, alike

UNDER = Under("p-sea", "r-1", "checks", "t-1")


def row(reward: float, text: str = "", step: int = 0, entropy: float = 1.0) -> Stored:
    words = text or f"the {reward} keeper of lamp {reward} and step {step} sails home {reward} again"
    return Stored(words, (5, 6, 7), (-0.1, -2.123456789, -3.5), reward, entropy, step)


def buffer(**chosen: object) -> Buffer:
    return Buffer(Replay(**{"warm_up": 0, "least": 1, "uniform": 0.0, **chosen}))  # type: ignore[arg-type]


def picked(of: Buffer, *, step: int = 1, least: float = 0.0, fresh: int = 8) -> list[float]:
    rows = of.pick(UNDER, step, least, [f"fresh {i}" for i in range(fresh)], random.Random(0))
    return [r.reward for r in rows]


def test_the_upper_half_of_a_group_is_kept() -> None:
    one = buffer()
    assert one.admit(UNDER, [row(r) for r in (0.1, 0.9, 0.5, 0.3)], [True] * 4) == 2
    assert sorted(r.reward for r in one.rows(UNDER)) == [0.5, 0.9]
    assert one.size() == (2, pytest.approx(0.7))


def test_cut_texts_and_near_copies_are_not_kept() -> None:
    one, said = buffer(), "one two three four five six seven eight nine ten eleven twelve"
    assert one.admit(UNDER, [row(0.9), row(0.4)], [False, True]) == 1  # in the lower half, but the best ever
    assert one.admit(UNDER, [row(0.8), row(0.3)], [False, True]) == 0
    assert one.admit(UNDER, [row(0.9, said), row(0.9, said.upper()), row(0.1)], [True] * 3) == 1
    assert one.admit(UNDER, [row(0.9, said)], [True]) == 0
    assert alike("a b c", "A  B\nC")
    assert not alike(said, said.replace("six", "seven"))


def test_log_probabilities_are_kept_as_they_were() -> None:
    one = buffer()
    one.admit(UNDER, [row(0.5)], [True])
    (found,) = one.rows(UNDER)
    assert found.tokens == (5, 6, 7)
    assert found.logp == pytest.approx((-0.1, -2.123456789, -3.5), rel=1e-7)  # float32, not float16


def test_the_capacity_is_kept_and_the_best_never_goes() -> None:
    one = buffer(capacity=3)
    one.admit(UNDER, [row(0.9, step=0)], [True])
    for step in range(1, 10):
        one.admit(UNDER, [row(0.5 + step / 100, step=500 + step)], [True])
    rewards = sorted(r.reward for r in one.rows(UNDER))
    assert rewards == [pytest.approx(0.58), pytest.approx(0.59), 0.9]  # 0.9 lost more than 1 for its age


def test_the_best_are_picked_first_and_of_equals_the_surer() -> None:
    one = buffer()
    texts = ["a b c d", "e f g h", "i j k l", "m n o p"]
    rows = [row(0.7, texts[0]), row(0.9, texts[1], entropy=2.0), row(0.9, texts[2]), row(0.9, texts[3], entropy=3.0)]
    for each in rows:
        one.admit(UNDER, [each], [True])
    found = one.pick(UNDER, 1, 0.0, [str(i) for i in range(8)], random.Random(0))
    assert [r.text for r in found] == [texts[2], texts[1]]


def test_only_what_is_clearly_better_young_and_fresh_is_picked() -> None:
    one = buffer(max_age=10, max_uses=1)
    one.admit(UNDER, [row(0.6, "x y z w")], [True])
    assert picked(one, least=0.61) == []
    assert picked(one, step=11) == []
    assert one.pick(UNDER, 1, 0.0, ["x y z w"] * 8, random.Random(0)) == []
    assert picked(one) == [0.6]
    assert picked(one) == []  # used as often as it may be


def test_replay_waits_until_there_is_something() -> None:
    one = buffer(warm_up=5, least=2)
    one.admit(UNDER, [row(0.6, "x y z w")], [True])
    assert picked(one, step=9) == []
    one.admit(UNDER, [row(0.7, "k l m n")], [True])
    assert picked(one, step=4) == []
    assert picked(one, step=5) == [0.7, 0.6]
    assert picked(buffer(weight=0.0)) == []


@pytest.mark.parametrize(("fresh", "most"), [(8, 2), (6, 2), (4, 1), (2, 0)])
def test_replayed_rows_are_a_quarter_of_the_group_at_most(fresh: int, most: int) -> None:
    one = buffer()
    for i in range(4):
        one.admit(UNDER, [row(0.5 + i / 10)], [True])
    assert len(picked(one, fresh=fresh)) == most
    assert most <= 0.25 * (most + fresh)


def test_rewards_of_another_rubric_judge_or_tokenizer_do_not_compare() -> None:
    one = buffer()
    one.admit(UNDER, [row(0.9)], [True])
    for field in Under._fields:
        other = UNDER._replace(**{field: "other"})
        assert one.pick(other, 1, 0.0, ["a"] * 8, random.Random(0)) == []
    assert one.invalidate("checks", "t-1") == 0
    assert one.invalidate("another judge", "t-1") == 1
    assert one.size() == (0, None)


def test_a_restored_buffer_goes_on_as_the_first(tmp_path: Path) -> None:
    one = buffer()
    for i in range(6):
        one.admit(UNDER, [row(0.5 + i / 100, step=i)], [True])
    picked(one)
    one.write(tmp_path / "replay.db")
    two = Buffer(one.settings, tmp_path / "replay.db")
    assert two.rows(UNDER) == one.rows(UNDER)
    assert [r.uses for r in two.rows(UNDER)] == [0, 0, 0, 0, 1, 1]
    for each in (one, two):
        each.admit(UNDER, [row(0.8, step=7)], [True])
    assert two.rows(UNDER) == one.rows(UNDER)
