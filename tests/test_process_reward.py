"""What reflections earn, by numbers worked by hand; and that neither a bad draft nor more reflections earn more."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripted import PROMPT

from writer_r1.traces import Change, Segment, Trace, parse, parts, written
from writer_r1.training.ppo import generalised_advantages, segment_advantages, value_loss, whitened
from writer_r1.training.process_reward import (
    Step,
    Thought,
    capped_rewards,
    earned,
    is_accepted,
    parts_of_tokens,
    process_reward,
    thought_reward,
    token_credits,
    worth,
)

HELPED, HARMED, IDLE = Step(0.2, 0.05), Step(-0.2, 0.05), Step(0.01, 0.05)


def close(found: torch.Tensor, wanted: object) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        (HELPED, 1), (HARMED, -1), (IDLE, 0), (Step(0.05, 0.05), 1), (Step(-0.05, 0.05), -1), (Step(0.04, 0.05), 0),
        (HELPED._replace(specific=False), 0),  # it could stand anywhere
        (HELPED._replace(fresh=False), -1),  # it was said before
        (HELPED._replace(applied=False), -1),  # the piece does not have it
        (IDLE._replace(specific=False), 0), (HARMED._replace(specific=False), -1),
    ],
)  # fmt: skip
def test_what_one_reflection_is_worth(step: Step, wanted: int) -> None:
    assert worth(step) == wanted


def test_the_mean_is_paid_and_each_reflection_beyond_three_costs() -> None:
    assert process_reward([]) == 0.0
    assert process_reward([HELPED]) == process_reward([HELPED] * 3) == 1.0  # no pay for more of them
    assert process_reward([HELPED, IDLE, HARMED]) == 0.0
    assert process_reward([HELPED] * 5) == pytest.approx(1.0 - 0.1 * 2)
    assert process_reward([IDLE] * 13) == pytest.approx(-1.0)


def test_the_outcome_leads_and_idle_thinking_is_not_paid() -> None:
    def reward(draft: float, final: float, *steps: Step) -> float:
        return thought_reward(Thought(draft, final, steps, ()), noise=0.05)

    assert reward(0.5, 0.7, HELPED) == pytest.approx(0.7 + 0.2)
    assert reward(0.5, 0.54, HELPED) == pytest.approx(0.54)  # within the noise: the steps earn nothing
    assert reward(0.5, 0.4, HARMED) == pytest.approx(0.4 - 0.2)  # but they may cost
    assert reward(0.5, 0.5) == 0.5
    assert is_accepted(0.5, 0.55, 0.05) and not is_accepted(0.5, 0.549, 0.05)


def test_each_token_belongs_to_the_part_that_it_begins_in() -> None:
    one = Segment(reflection="“B” is bare.", changes=(Change(paragraph=2, text="Two keys."),))
    text = written(Trace(prompt=PROMPT, plan="P.", draft="A.\n\nB.", segments=(one, one), final="A.\n\nTwo keys."))
    edges = parts(text)
    assert [text[e : e + 12] for e in edges] == ["<reflection>", "<reflection>", "</think>\n\nA."]
    starts = range(0, len(text), 3)
    found = parts_of_tokens(starts, edges)
    assert set(found) == {0, 1, 2, 3} and list(found) == sorted(found)
    assert all((part == 0) == (start < edges[0]) for part, start in zip(found, starts, strict=True))
    assert parse(text)


def test_dense_pay_stands_at_the_ends_of_segments_and_sums_to_the_whole() -> None:
    thought = Thought(0.4, 0.8, (HELPED, HARMED, HELPED, HELPED), (0, 0, 1, 1, 2, 3, 3, 4, 5, 5))
    found = capped_rewards(thought, 0.05)
    # u = 1, -1, 1, 1 over 4 steps: 0.2 / 4 = 0.05 each; the fourth costs 0.2 * 0.1
    close(found, [0.0, 0.0, 0.0, 0.05, -0.05, 0.0, 0.05, 0.03, 0.0, 0.8])
    assert found.sum().item() == pytest.approx(0.8 + 0.2 * process_reward(thought.steps))


def test_credit_by_hand() -> None:
    group = [
        Thought(0.2, 0.6, (Step(0.4, 0.05),), (0, 1, 1, 2)),
        Thought(0.4, 0.4, (Step(0.0, 0.05, applied=False),), (0, 1, 1, 2)),
        Thought(0.6, 0.6, (), (0, 0, 1)),
        Thought(0.8, 0.8, (), (0, 0, 1)),
    ]
    found = token_credits(group, noise=0.05)
    # drafts .2 .4 .6 .8: mean .5, sample spread .258199; pieces .6 .4 .6 .8: mean .6, spread .163299
    # the first token of a segment: process reward 0 -> 1 and 0 -> -1; the second: earned .4 and 0 - .1, of which the
    # mean is .15 and the root mean square .291548; half the outcome is added to both
    close(found[0], [-1.161895, 1.0 + 0.0, 0.857493 + 0.0, 0.0])
    close(found[1], [-0.387298, -1.0 - 0.5 * 1.224745, -0.857493 - 0.5 * 1.224745, -1.224745])
    close(found[2], [0.387298, 0.387298, 0.0])
    close(found[3], [1.161895, 1.161895, 1.224745])


def test_to_reflect_is_paid_by_what_it_changes_in_the_process_reward() -> None:
    def chosen(*made: Step) -> list[float]:
        parts = (0, *(k for k in range(1, len(made) + 1) for _ in range(2)), len(made) + 1)
        alone = Thought(0.5, 0.5, made, parts)
        return [round(float(token_credits([alone, alone], 0.05)[0][1 + 2 * k]), 4) for k in range(len(made))]

    assert chosen(HELPED) == [1.0] and chosen(HARMED) == [-1.0] and chosen(IDLE) == [0.0]
    assert chosen(HELPED, HELPED) == [1.0, 0.0]  # no pay for more of them
    assert chosen(HELPED, IDLE) == [1.0, -0.5]  # what adds nothing takes from what there is
    assert chosen(HELPED, IDLE._replace(applied=False)) == [1.0, -1.0]
    assert chosen(HARMED, HELPED) == [-1.0, 1.0]
    assert chosen(HARMED, IDLE) == [-1.0, 0.0] and chosen(HARMED, HARMED) == [-1.0, -1.0]  # though the mean rises
    assert chosen(*[HELPED] * 5) == [1.0, 0.0, 0.0, -0.1, -0.1]


rewards = st.floats(0, 1)
steps = st.builds(Step, st.floats(-1, 1), st.just(0.05), st.booleans(), st.booleans(), st.booleans())


def whole(draft: float, final: float, made: list[Step]) -> Thought:
    return Thought(draft, final, tuple(made), tuple(range(len(made) + 2)))


thoughts = st.builds(whole, rewards, rewards, st.lists(steps, max_size=5))


def segments(*made: Step) -> list[float]:
    """Return what the words of thoughts of one step each earn, their pieces being worth the same."""
    group = [Thought(0.5, 0.5, (step,), (0, 1, 1, 2)) for step in made]
    return [float(found[2]) for found in token_credits(group, 0.05)]


def test_of_two_reflections_that_harm_the_words_of_none_are_made_likelier() -> None:
    close(torch.tensor(segments(Step(-0.3, 0.05), Step(-0.1, 0.05))), [-0.447214, 0.0])
    close(
        torch.tensor(segments(Step(0.3, 0.05), Step(0.1, 0.05))), [0.447214, 0.0]
    )  # nor of one that helps less likely
    close(torch.tensor(segments(HELPED, HARMED)), [1.0, -1.0])
    close(torch.tensor(segments(HARMED, HARMED)), [0.0, 0.0])  # neither is better: not to reflect is, see above
    close(torch.tensor(segments(IDLE, IDLE)), [0.0, 0.0])  # within the judge's range


@given(steps)
def test_a_segment_earns_with_the_sign_of_its_worth(step: Step) -> None:
    found = earned(step)
    assert (found > 0) - (found < 0) == worth(step)


@given(st.lists(thoughts, min_size=2, max_size=6), st.floats(0, 1))
def test_a_weaker_draft_never_earns_more_whatever_is_gained_after_it(group: list[Thought], less: float) -> None:
    weak = group[0]._replace(draft=group[0].draft * less)
    before = float(token_credits(group, 0.05)[0][0])
    after = float(token_credits([weak, *group[1:]], 0.05)[0][0])
    assert after <= before + 1e-4
    mended = weak._replace(steps=(Step(1.0, 0.05), *weak.steps), parts=tuple(range(len(weak.steps) + 3)))
    assert float(token_credits([mended, *group[1:]], 0.05)[0][0]) == pytest.approx(after)  # a draft sees no gain


@given(st.lists(thoughts, min_size=1, max_size=6))
def test_credit_is_finite_and_every_token_has_one(group: list[Thought]) -> None:
    for thought, found in zip(group, token_credits(group, 0.05), strict=True):
        assert found.shape == (len(thought.parts),) and bool(found.isfinite().all())
    assert token_credits([], 0.05) == []


@given(st.lists(steps, min_size=1, max_size=3), st.integers(2, 3))
def test_saying_the_same_again_never_earns_more(made: list[Step], times: int) -> None:
    again = made + [made[0]._replace(fresh=False)] * times
    assert process_reward(again) <= process_reward(made) + 1e-9


# PPO


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values])


def test_generalised_advantages_of_the_golden_numbers() -> None:
    every = torch.ones(1, 4, dtype=torch.bool)
    found, returns = generalised_advantages(row(0, 0.2, 0, 1), row(0.3, 0.4, 0.5, 0.6), every, smoothing=0.95)
    close(found, [[0.8182, 0.756, 0.48, 0.4]])
    close(returns, [[1.1182, 1.156, 0.98, 1.0]])
    plain, _ = generalised_advantages(row(0, 0.2, 0, 1), row(0.3, 0.4, 0.5, 0.6), every)
    close(plain, [[0.9, 0.8, 0.5, 0.4]])  # with 1 and 1: what is still to come, less the value


def test_a_padded_row_earns_what_it_earns_alone() -> None:
    reward, value = row(0, 0.2, 0, 1), row(0.3, 0.4, 0.5, 0.6)
    mask = torch.tensor([[True, True, True, True, False, False], [False, True, True, True, True, False]])
    wide = [torch.full((2, 6), 9.0), torch.full((2, 6), -9.0)]
    for big, small in zip(wide, (reward, value), strict=True):
        big[0, :4], big[1, 1:5] = small[0], small[0]
    found, returns = generalised_advantages(wide[0], wide[1], mask, smoothing=0.95)
    close(found, [[0.8182, 0.756, 0.48, 0.4, 0, 0], [0, 0.8182, 0.756, 0.48, 0.4, 0]])
    assert float(returns[0, 4]) == float(returns[1, 0]) == 0.0


def test_pay_for_a_segment_reaches_its_own_tokens_and_no_draft() -> None:
    pay, parts_ = row(0, 0, 0, 0.5, 0, -0.2, 1), torch.tensor([[0, 0, 1, 1, 2, 2, 3]])
    mask = torch.ones(1, 7, dtype=torch.bool)
    close(segment_advantages(pay, parts_, mask), [[0, 0, 0.5, 0.5, -0.2, -0.2, 1]])
    mask[0, -1] = False
    close(segment_advantages(pay, parts_, mask), [[0, 0, 0.5, 0.5, -0.2, -0.2, 0]])


def test_the_loss_of_a_value_by_hand_and_its_gradient() -> None:
    old, returns = row(0.0, 0.0, 5.0), row(1.0, 1.0, 0.0)
    values = row(0.1, 0.9, 7.0).requires_grad_()
    mask = torch.tensor([[True, True, False]])
    found = value_loss(values, old, returns, mask)
    # .1: (.9)^2 = .81 both; .9: held at .2, (.8)^2 = .64 > .01
    close(found, 0.5 * (0.81 + 0.64) / 2)
    found.backward()
    assert values.grad is not None
    close(values.grad, [[-0.45, 0.0, 0.0]])  # what moved too far pulls no further


def test_whitened_advantages_have_no_mean_and_one_variance_where_they_count() -> None:
    mask = torch.tensor([[True, True, True, False]])
    found = whitened(row(1.0, 2.0, 3.0, 99.0), mask)
    close(found, [[-1.0, 0.0, 1.0, 0.0]])
    assert whitened(row(1.0), torch.tensor([[True]])).tolist() == [[0.0]]
    assert bool(whitened(row(2.0, 2.0), torch.tensor([[True, True]])).isfinite().all())
