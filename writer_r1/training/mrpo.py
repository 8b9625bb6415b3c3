"""MRPO: `python -m writer_r1.training.mrpo RUN_DIR` lets the model practise against criteria, with memory replay.

For a prompt the policy writes a group of texts; what a text earns above its group's mean is made likelier, what it
earns below less likely. Good texts of earlier updates join the group, held to the log-probs they were written with
(`objective.py`, `replay.py`). With a replay weight of 0 it is plain GRPO. How the paper does it is not public: this is
our reconstruction (`docs/papers.md`). Read from top to bottom.
"""

import hashlib
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from writer_r1.training import diagnostics
from writer_r1.training.config import Config
from writer_r1.training.data import Example, read_prompts, split
from writer_r1.training.evaluation import held_out_reward
from writer_r1.training.learner import Learner
from writer_r1.training.objective import Fresh, Replayed, Tokens, advantages, fresh_loss, is_flat, kept, replay_loss
from writer_r1.training.optimizer import micro_batches, places
from writer_r1.training.policy import Rollout
from writer_r1.training.process import Stopped, check_stop, run
from writer_r1.training.replay import Buffer, Stored, Under
from writer_r1.training.rewards import Reward, Rewarder
from writer_r1.training.run_folder import Exit
from writer_r1.trajectory import digest, prompt_id

REFILLS = 2  # other prompts tried where a group's texts all earn the same
FLAT = (
    "All {} sample drafts of the first prompts earn the same reward, so there is nothing to learn from their "
    "differences; use criteria that tell drafts apart, a larger group, or longer texts."
)


class Group(NamedTuple):
    """A prompt's fresh rollouts with what they earn, and the stored ones that join them."""

    prompt: list[int]
    under: Under
    rollouts: list[Rollout]
    texts: list[str]
    rewards: list[Reward]
    replayed: list[Stored]
    advantage: Tensor  # (G,)
    advantage_replayed: Tensor  # (K,)


def train(folder: Path, config: Config) -> Exit:
    """Return how the run ended; what it learned is in its folder."""
    examples = read_prompts(Path(config.data)).examples
    trained_on, held_out = split(examples, config.held_out, config.seed)
    learner, rewarder = Learner(folder, config), Rewarder(config)
    checks = rewarder if config.reward == "checks" else Rewarder(config.model_copy(update={"reward": "checks"}))
    prompts, dropped = learner.prompts_of(trained_on)
    unseen, dropped_unseen = learner.prompts_of(held_out)
    unseen = unseen[: config.held_out_prompts]
    learner.note_data(prompts, unseen, dropped + dropped_unseen)
    buffer = Buffer(config.replay, learner.restored / "replay.db" if learner.restored else None)
    buffer.invalidate(rewarder.id, tokenizer_id(learner))
    try:
        while True:
            if learner.evaluation_due():
                evaluate(learner, unseen, checks)
            if learner.state["step"] >= config.steps:
                break
            step, clock = learner.begin(), Clock()
            groups, flat = practise(learner, prompts, rewarder, buffer, clock)
            if step == 0 and not groups:
                warning = FLAT.format(flat * config.group)
                learner.add_metrics({"step": 0, "split": "warning", "warning": warning})
                print(warning, flush=True)
            row = update(learner, groups, buffer, clock)
            learner.state["step"] = step + 1
            for group in groups:
                row["replay/admitted"] = row.get("replay/admitted", 0) + remember(group, buffer, step)
            learner.add_metrics({"step": step + 1, "groups": len(groups), "groups_flat": flat} | row | clock.spent)
            learner.keep(buffer)
    except Stopped as stopped:
        learner.optimizer.adamw.zero_grad(set_to_none=True)
        return learner.ended(stopped.how, buffer)
    return learner.ended("finished", buffer)


class Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """Count the seconds since the last call as spent on `name`."""
        now = time.monotonic()
        self.spent[f"seconds/{name}"] = self.spent.get(f"seconds/{name}", 0.0) + now - self._last
        self._last = now


def practise(
    learner: Learner, prompts: Sequence[tuple[Example, list[int]]], rewarder: Rewarder, buffer: Buffer, clock: Clock
) -> tuple[list[Group], int]:
    """Return the groups of an update and how many were put aside because all their texts earn the same."""
    groups, flat, config = list[Group](), 0, learner.config
    for _ in range(1 + REFILLS):
        missing, drawn = config.prompts - len(groups), learner.state["drawn"]
        chosen = [prompts[i] for i in places(len(prompts), drawn, missing, config.seed)]
        written = write_groups(learner, [prompt for _, prompt in chosen], clock)
        learner.state["drawn"] = drawn + missing
        for number, ((example, prompt), rollouts) in enumerate(zip(chosen, written, strict=True)):
            chance = random.Random(f"{config.seed}/{drawn + number}")
            group = rewarded(learner, example, prompt, rollouts, rewarder, buffer, chance)
            if is_flat(torch.tensor([r.value for r in group.rewards])) and not group.replayed:
                flat += 1
            else:
                groups.append(group)
        clock.lap("reward")
        if len(groups) == config.prompts:
            break
    return groups, flat


def write_groups(learner: Learner, prompts: Sequence[list[int]], clock: Clock) -> list[list[Rollout]]:
    """Return a group of texts for each prompt, all written side by side, the rows shared out among processes."""
    config, crew, size = learner.config, learner.crew, learner.config.group
    mine = crew.mine(len(prompts) * size)
    seeds = [seed_of(config.seed, learner.state["drawn"] + i // size, i % size) for i in mine]
    asked = [prompts[i // size] for i in mine]
    own = learner.policy.sample(asked, seeds, config.text_tokens, learner.stopping)
    if not own:
        check_stop(learner.folder)
    every: list[Rollout] = crew.gathered(list(zip(mine, own, strict=True)))
    clock.lap("generate")
    return [every[i : i + size] for i in range(0, len(every), size)]


def rewarded(
    learner: Learner,
    example: Example,
    prompt: list[int],
    rollouts: list[Rollout],
    rewarder: Rewarder,
    buffer: Buffer,
    chance: random.Random,
) -> Group:
    """Return a group with what its texts earn, and the stored texts that are clearly better than its mean."""
    settings = learner.config.objective
    rubric, texts = rewarder.rubric(example), [learner.policy.text(r.tokens) for r in rollouts]
    rewards = [
        rewarder.reward(example.prompt, rubric, text, whole=r.whole) for text, r in zip(texts, rollouts, strict=True)
    ]
    under = Under(prompt_id(example.prompt), rubric.id, rewarder.id, tokenizer_id(learner))
    values = torch.tensor([r.value for r in rewards])
    least = float(values.nanmean()) + settings.noise
    replayed = [] if values.isnan().all() else buffer.pick(under, learner.state["step"], least, texts, chance)
    earned = torch.tensor([row.reward for row in replayed])
    ours, theirs = advantages(values, earned, baseline=settings.baseline, scale=settings.scale, noise=settings.noise)
    return Group(prompt, under, rollouts, texts, rewards, replayed, ours, theirs)


def update(learner: Learner, groups: Sequence[Group], buffer: Buffer, clock: Clock) -> dict[str, Any]:
    """Make one step on these groups and return its row of numbers; stored rows from too far away are forgotten."""
    step, config = learner.state["step"], learner.config
    tokens = Tokens(
        sum(len(r.tokens) for g in groups for r in g.rollouts), sum(len(r.tokens) for g in groups for r in g.replayed)
    )
    total, rows, far = learner.policy.zero(), list[dict[str, Any]](), list[int]()
    for group in groups:
        mine = learner.crew.mine(len(group.rollouts))
        for batch in batches(group, [group.rollouts[i].tokens for i in mine], config):
            learner.beat("training", step, config.steps)
            loss, row = learn_fresh(learner, group, [mine[i] for i in batch], tokens)
            total, rows = total + loss, [*rows, row]
        mine = learner.crew.mine(len(group.replayed))
        for batch in batches(group, [group.replayed[i].tokens for i in mine], config):
            learner.beat("training", step, config.steps)
            loss, row, gone = learn_replayed(learner, group, [mine[i] for i in batch], tokens)
            total, rows, far = total + loss, [*rows, row], far + gone
    clock.lap("update")
    done = learner.optimizer.step(step) if groups else None  # without groups there is nothing to learn from
    clock.lap("step")
    buffer.forget(learner.crew.gathered(list(enumerate(far))))
    found = {"loss": learner.crew.sum(total).item()} | (done._asdict() if done else {})
    return found | diagnostics.averaged(rows) | told(groups, tokens, buffer, step, config)


def batches(group: Group, replies: Sequence[Sequence[int]], config: Config) -> list[list[int]]:
    """Return the places of replies in batches that fit; the prompt is read once in each."""
    room = max(1, config.micro_tokens - len(group.prompt))
    return micro_batches([len(r) for r in replies], room)


def learn_fresh(learner: Learner, group: Group, which: list[int], tokens: Tokens) -> tuple[Tensor, dict[str, Any]]:
    """Add the gradient of some fresh rows and return their part of the loss and their numbers."""
    policy, objective = learner.policy, learner.config.objective
    replies = [group.rollouts[i].tokens for i in which]
    prompts = [group.prompt] * len(which)
    reference = policy.score_base(prompts, replies) if objective.kl else None
    scored = policy.score(prompts, replies)
    sampled = policy.padded([group.rollouts[i].logp for i in which], scored.mask)
    advantage = group.advantage[which].to(policy.device)
    rows = Fresh(scored.logp, sampled, advantage, scored.mask, reference=reference)
    loss = fresh_loss(rows, objective, tokens)
    loss.backward()
    return loss.detach(), diagnostics.of_fresh(rows, scored.entropy, objective)


def learn_replayed(
    learner: Learner, group: Group, which: list[int], tokens: Tokens
) -> tuple[Tensor, dict[str, Any], list[int]]:
    """Add the gradient of some stored rows; return their part of the loss, their numbers, and which are too far."""
    policy, objective, replay = learner.policy, learner.config.objective, learner.config.replay
    stored = [group.replayed[i] for i in which]
    scored = policy.score([group.prompt] * len(which), [row.tokens for row in stored])
    logp = policy.padded([row.logp for row in stored], scored.mask)
    rows = Replayed(scored.logp, logp, group.advantage_replayed[which].to(policy.device), scored.mask)
    loss = replay_loss(rows, objective, replay, tokens)
    loss.backward()
    near = kept(scored.logp - logp, scored.mask, replay.ratio_low, replay.ratio_high).tolist()
    gone = [row.id for row, is_near in zip(stored, near, strict=True) if not is_near]
    return loss.detach(), diagnostics.of_replayed(rows, objective, replay), gone


def remember(group: Group, buffer: Buffer, step: int) -> int:
    """Put a group's good texts into the buffer and return how many; cut, gated and unscored ones stay out."""
    triples = zip(group.rollouts, group.texts, group.rewards, strict=True)
    rows = [Stored(text, r.tokens, r.logp, reward.value, r.entropy, step) for r, text, reward in triples]
    sound = [
        r.whole and not reward.gated and reward.value == reward.value
        for r, reward in zip(group.rollouts, group.rewards, strict=True)
    ]
    return buffer.admit(group.under, rows, sound)


def told(groups: Sequence[Group], tokens: Tokens, buffer: Buffer, step: int, config: Config) -> dict[str, Any]:
    """Return what an update's rewards, texts and replayed rows were."""
    rollouts = [r for g in groups for r in g.rollouts]
    stored = [r for g in groups for r in g.replayed]
    rewards = [r for g in groups for r in g.rewards]
    size, mean = buffer.size()
    found = diagnostics.of_rewards([g.rewards for g in groups], config.objective.noise)
    found |= diagnostics.of_texts(
        [t for g in groups for t in g.texts], [len(r.tokens) for r in rollouts], [r.whole for r in rollouts], rewards
    )
    age = [step - row.step for row in stored]
    return found | {
        "tokens": tokens.fresh + tokens.replayed,
        "replay/share": tokens.replayed / max(1, tokens.fresh + tokens.replayed),
        "replay/rows": len(stored),
        "replay/age/mean": sum(age) / len(age) if age else None,
        "replay/age/max": max(age, default=None),
        "replay/reward": sum(row.reward for row in stored) / len(stored) if stored else None,
        "replay/uses": sum(row.uses for row in stored) / len(stored) if stored else None,
        "replay/size": size,
        "replay/reward_all": mean,
    }


def evaluate(learner: Learner, unseen: Sequence[tuple[Example, list[int]]], checks: Rewarder) -> None:
    """Keep how the policy does on what was held out."""
    step = learner.state["step"]
    learner.beat("evaluating", note="writing for held-out prompts")
    row, shown = held_out_reward(
        learner.policy,
        unseen,
        learner.config.text_tokens,
        checks,
        cancel=learner.stopping,
    )
    if not row:
        check_stop(learner.folder)
    learner.add_metrics({"step": step, "split": "held_out"} | row)
    learner.add_samples(step, unseen, shown)
    learner.keep_best(row["reward"])
    learner.state["evaluated"] = step
    print(f"after {step} updates: held-out reward {row['reward']:.3f}", flush=True)


def seed_of(seed: int, drawn: int, row: int) -> int:
    """Return the seed of one rollout: of the run, of how many prompts were drawn before, and of its place."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{drawn}/{row}".encode()).digest()[:6], "big")


def tokenizer_id(learner: Learner) -> str:
    """Return what stands for the base's tokenizer: rollouts of another base are of other tokens."""
    return digest(learner.base.sha256)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), train))
