"""The policy on a tiny random model: what is sampled is what is scored, and the base stays what it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_base import make_base

from writer_r1.training.config import Config, configured
from writer_r1.training.head import chosen_logps
from writer_r1.training.policy import Policy, open_policy
from writer_r1.training.weights import prepared

PROMPT = [1, 70, 80, 90, 2, 1, 75]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def settings(base: Path, **chosen: Any) -> Config:
    return configured("mrpo", name="sea", base=str(base), data="d", **chosen)


def opened(base: Path, *, moved: bool = True, **chosen: Any) -> Policy:
    policy = open_policy(prepared(str(base)), settings(base, **chosen))
    if moved:  # a new adapter makes no difference
        generator = torch.Generator().manual_seed(1)
        for p in policy.parameters:
            p.data += 0.05 * torch.randn(p.shape, generator=generator)
    return policy


@pytest.fixture(scope="module")
def policy(base: Path) -> Policy:
    return opened(base)


def test_what_was_sampled_is_what_is_scored(policy: Policy) -> None:
    rollouts = policy.sample([PROMPT] * 6, range(6), 24)
    scored = policy.score([PROMPT] * 6, [r.tokens for r in rollouts])
    for row, rollout in enumerate(rollouts):
        mask = scored.mask[row]
        torch.testing.assert_close(scored.logp[row][mask].detach(), torch.tensor(rollout.logp), atol=1e-5, rtol=0)
        assert scored.entropy[row][mask].mean().item() == pytest.approx(rollout.entropy, abs=1e-4)
    assert scored.logp.requires_grad
    assert not scored.entropy.requires_grad


def test_tokens_are_drawn_as_often_as_their_probability_says(policy: Policy) -> None:
    first = policy.sample([PROMPT] * 4000, range(4000), 1)
    drawn = torch.tensor([r.tokens[0] for r in first])
    with torch.no_grad():
        every = policy.score([PROMPT] * 259, [[t] for t in range(259)]).logp[:, 0].exp()
    assert every.sum().item() == pytest.approx(1.0, abs=1e-4)
    likely = every.topk(20).indices
    share = torch.stack([(drawn == t).float().mean() for t in likely])
    spread = (every[likely] / 4000).sqrt()
    assert ((share - every[likely]).abs() < 4.5 * spread).all()  # a false alarm in 100,000 runs


def test_a_row_depends_on_its_own_seed_alone(policy: Policy) -> None:
    whole = policy.sample([PROMPT] * 4, [3, 5, 8, 13], 24)
    assert [r.tokens for r in policy.sample([PROMPT] * 2, [13, 5], 24)] == [whole[3].tokens, whole[1].tokens]
    assert len({r.tokens for r in whole}) == 4


def test_different_prompts_side_by_side_are_answered_as_each_alone(policy: Policy) -> None:
    prompts = [PROMPT, PROMPT[:3], [*PROMPT, 90, 91, 92, 93]]
    together = policy.sample(prompts, [1, 2, 3], 40)
    for i, prompt in enumerate(prompts):
        (alone,) = policy.sample([prompt], [i + 1], 40)
        assert alone.tokens == together[i].tokens
        assert alone.logp == pytest.approx(together[i].logp, abs=1e-4)


def test_a_group_of_which_some_have_another_prompt_is_answered_as_each_alone(policy: Policy) -> None:
    prompts = [PROMPT, PROMPT, PROMPT, [1, 91, 92, 93, *PROMPT]]
    together = policy.sample(prompts, [1, 2, 3, 4], 40)
    for i, prompt in enumerate(prompts):
        (alone,) = policy.sample([prompt], [i + 1], 40)
        assert alone.tokens == together[i].tokens
        assert alone.logp == pytest.approx(together[i].logp, abs=1e-4)


def test_a_reply_ends_where_the_chat_says(policy: Policy) -> None:
    rollouts = policy.sample([PROMPT] * 40, range(40), 200)
    assert all(r.whole == (r.tokens[-1] == 2) and 2 not in r.tokens[:-1] for r in rollouts)
    assert {r.whole for r in rollouts} == {True, False}
    assert all(len(r.tokens) == 200 for r in rollouts if not r.whole)


def test_sampling_can_be_stopped(policy: Policy) -> None:
    calls = iter([False, False, True])
    assert policy.sample([PROMPT] * 2, [1, 2], 50, lambda: next(calls)) == []


def test_reading_a_prompt_once_gives_what_reading_it_for_each_row_gives(base: Path, policy: Policy) -> None:
    replies = [[70, 71, 72], [80], [90, 91, 92, 93, 2]]
    shared = policy.score([PROMPT] * 3, replies)
    shared.logp.sum().backward()
    gradients = [p.grad.clone() for p in policy.parameters]  # type: ignore[union-attr]
    policy.model.zero_grad()
    for i, reply in enumerate(replies):
        alone = policy.score([PROMPT], [reply])
        torch.testing.assert_close(alone.logp[0], shared.logp[i, : len(reply)], atol=1e-5, rtol=1e-5)
    policy.model.zero_grad()
    apart = policy.score([PROMPT, PROMPT, [*PROMPT, 9]], [*replies])  # prompts that differ go the other way
    torch.testing.assert_close(apart.logp[:2], shared.logp[:2], atol=1e-5, rtol=1e-5)
    saving = opened(base, activation_checkpointing=True)
    saving.score([PROMPT] * 3, replies).logp.sum().backward()
    for p, wanted in zip(saving.parameters, gradients, strict=True):
        torch.testing.assert_close(p.grad, wanted, atol=1e-4, rtol=1e-4)


def test_the_base_is_the_model_without_its_adapter(base: Path, policy: Policy) -> None:
    replies = [[70, 71, 72]]
    fresh = opened(base, moved=False)
    with torch.no_grad():
        assert torch.equal(fresh.score([PROMPT], replies).logp, policy.score_base([PROMPT], replies))
        assert not torch.allclose(policy.score([PROMPT], replies).logp, policy.score_base([PROMPT], replies))


def test_sampling_leaves_every_weight_as_it_was(policy: Policy) -> None:
    before = {k: v.clone() for k, v in policy.model.state_dict().items()}
    policy.sample([PROMPT], [1], 4)
    with pytest.raises(RuntimeError, match="stop here"):
        policy.sample([PROMPT], [1], 4, stop_here)
    assert all(torch.equal(v, before[k]) for k, v in policy.model.state_dict().items())
    assert policy.model.training


def stop_here() -> bool:
    raise RuntimeError("stop here")


def test_only_the_adapter_is_trained_and_it_is_saved_whole(base: Path, policy: Policy, tmp_path: Path) -> None:
    policy.save(tmp_path / "adapter")
    assert sorted(p.name for p in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    again = opened(base, moved=False, adapter=str(tmp_path / "adapter"))
    for one, other in zip(policy.parameters, again.parameters, strict=True):
        assert torch.equal(one, other)


def test_chosen_log_probs_are_those_of_the_whole_softmax() -> None:
    g = torch.Generator().manual_seed(0)
    hidden = torch.randn(700, 16, generator=g, dtype=torch.float64).requires_grad_()
    weight = torch.randn(90, 16, generator=g, dtype=torch.float64)
    tokens = torch.randint(90, (700,), generator=g)
    logp, entropy = chosen_logps(hidden, weight, tokens)
    every = (hidden @ weight.T).log_softmax(1)
    torch.testing.assert_close(logp, every.gather(1, tokens[:, None])[:, 0].float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(entropy, -(every.exp() * every).sum(1).float(), atol=1e-5, rtol=1e-5)
    factor = torch.rand(700, generator=g)
    (found,) = torch.autograd.grad((logp * factor).sum(), hidden)
    (wanted,) = torch.autograd.grad((every.gather(1, tokens[:, None])[:, 0] * factor).sum(), hidden)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
