"""The loss and every gradient of the adapter against TRL's GRPOTrainer, on one fixed batch.

TRL is an oracle and never part of the studio: `pip install -e ".[trl]"` brings it, and without it this is left out.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_base import make_base

from writer_r1.training.config import Objective, configured
from writer_r1.training.objective import Fresh, Tokens, fresh_loss
from writer_r1.training.policy import Policy, open_policy
from writer_r1.training.weights import prepared

pytest.importorskip("trl", reason="TRL is not installed (the extra `trl` brings it)")
ROWS, PROMPT, LONGEST = 8, 16, 24


def opened(folder: Path) -> Policy:
    policy = open_policy(prepared(str(folder)), configured("mrpo", name="a", base=str(folder), data="d", rank=8))
    generator = torch.Generator().manual_seed(3)
    for p in policy.parameters:
        p.data += 0.05 * torch.randn(p.shape, generator=generator)
    return policy


def trl_loss(policy: Policy, batch: dict[str, Any], folder: Path) -> torch.Tensor:
    import pyarrow
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    settings = GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=ROWS,
        num_generations=ROWS,
        max_completion_length=LONGEST,
        epsilon_high=0.28,
        loss_type="dapo",
        beta=0.0,
        report_to=[],
        use_cpu=True,
        gradient_checkpointing=False,
        bf16=False,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=policy.model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=settings,
        processing_class=policy.tokenizer,
        # With a name of its own: datasets would pickle the table to make one, which fails under pytest.
        train_dataset=Dataset(pyarrow.table({"prompt": ["a"] * ROWS}), fingerprint="prompts"),
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    loss: torch.Tensor = trainer._compute_loss(trainer.model, batch)
    return loss


def test_loss_and_gradients_are_those_of_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    ours = opened(make_base(tmp_path / "base"))
    theirs = opened(tmp_path / "base")
    g = torch.Generator().manual_seed(1)
    prompt = torch.randint(5, 250, (PROMPT,), generator=g).tolist()
    lengths = torch.randint(LONGEST // 2, LONGEST + 1, (ROWS,), generator=g).tolist()
    lengths[0] = LONGEST
    replies = [torch.randint(5, 250, (n,), generator=g).tolist() for n in lengths]
    rewards = torch.rand(ROWS, generator=g)
    advantage = (rewards - rewards.mean()) / (rewards.std() + 1e-4)

    scored = ours.score([prompt] * ROWS, replies)
    # log-probs of a stale sampler, far enough away that a part of the tokens is clipped
    old = scored.logp.detach() + 0.3 * torch.randn(scored.logp.shape, generator=g)
    count = int(scored.mask.sum())
    rows = Fresh(scored.logp, old, advantage, scored.mask, old=old)
    loss = fresh_loss(rows, Objective(kl=0.0, clip_low=0.2, clip_high=0.28), Tokens(count))
    loss.backward()

    padded = torch.tensor([[*r, *[0] * (LONGEST - len(r))] for r in replies])
    batch = {
        "prompt_ids": torch.tensor([prompt] * ROWS),
        "prompt_mask": torch.ones(ROWS, PROMPT, dtype=torch.long),
        "completion_ids": padded,
        "completion_mask": scored.mask.long(),
        "advantages": advantage,
        "old_per_token_logps": old,
        "num_items_in_batch": torch.tensor(count),
    }
    wanted = trl_loss(theirs, copy.deepcopy(batch), tmp_path / "out")
    wanted.backward()

    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    share = ((scored.logp.detach() - old).exp() - 1)[scored.mask]
    assert 0.1 < ((share < -0.2) | (share > 0.28)).float().mean() < 0.9
    for one, other in zip(ours.parameters, theirs.parameters, strict=True):
        assert one.grad is not None and other.grad is not None
        assert ((one.grad - other.grad).norm() / other.grad.norm()).item() < 1e-5
