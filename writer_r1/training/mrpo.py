"""MRPO: `python -m writer_r1.training.mrpo RUN_DIR` lets the model practise against criteria, with memory replay.

For a prompt the policy writes a group of texts; what a text earns above its group's mean is made likelier, what it
earns below less likely. Good texts of earlier updates join the group, held to the log-probs they were written with
(`objective.py`, `replay.py`). With a replay weight of 0 it is plain GRPO. How the paper does it is not public: this is
our reconstruction (`docs/papers.md`). Read from top to bottom.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from writer_r1.training import diagnostics
from writer_r1.training.config import Config
from writer_r1.training.critic import of_values
from writer_r1.training.data import Example, read_prompts, split
from writer_r1.training.evaluation import DRAWS, SHOWN, held_out_reward
from writer_r1.training.group_advantage import LONG, counted
from writer_r1.training.learner import Learner
from writer_r1.training.objective import Fresh, Replayed, Tokens, fresh_loss, kept, replay_loss
from writer_r1.training.optimizer import micro_batches
from writer_r1.training.policy import Policy
from writer_r1.training.practice import Clock, Group, heard, practise, remember, tokenizer_id, whole
from writer_r1.training.process import Stopped, check_stop, run
from writer_r1.training.replay import Buffer
from writer_r1.training.rewards import Rewarder
from writer_r1.training.run_folder import Exit
from writer_r1.training.server_sampler import NoServer
from writer_r1.training.thoughts import of_thoughts
from writer_r1.training.watch import watched

FLAT = (
    "All {} sample drafts of the first prompts earn the same reward, so there is nothing to learn from their "
    "differences; use criteria that tell drafts apart, a larger group, or longer texts."
)
FLAT_THOUGHTS = (
    "All {} sample replies of the first prompts earn the same, so there is nothing to learn from their differences; "
    "teach the form first, by training on thinking traces and beginning with that, or allow longer texts."
)


def train(folder: Path, config: Config) -> Exit:
    """Return how the run ended; what it learned is in its folder."""
    examples = read_prompts(Path(config.data)).examples
    trained_on, held_out = split(examples, config.held_out, config.seed)
    learner, rewarder = Learner(folder, config), Rewarder(config)
    checks = rewarder if config.reward == "checks" else Rewarder(config.model_copy(update={"reward": "checks"}))
    prompts, dropped = learner.asked(trained_on, held_out)
    unseen, dropped_unseen = learner.prompts_of(held_out)
    unseen = unseen[: config.held_out_prompts]
    learner.note_data(prompts, unseen, dropped + dropped_unseen)
    buffer = Buffer(config.replay, learner.restored / "replay.db" if learner.restored else None)
    buffer.invalidate(rewarder.id, tokenizer_id(learner))
    try:
        while True:
            if learner.evaluation_due():
                evaluate(learner, unseen, checks, rewarder)
            if learner.state["step"] >= config.steps:
                break
            step, clock = learner.begin(), Clock()
            with whole(learner, buffer):
                groups, flat = practise(learner, prompts, rewarder, buffer, clock)
                if step == 0 and not groups:
                    said = FLAT if config.thoughts == "off" else FLAT_THOUGHTS
                    warning = said.format(len(flat) * config.group)
                    learner.add_metrics({"step": 0, "split": "warning", "warning": warning})
                    print(warning, flush=True)
                row = update(learner, groups, buffer, clock)
                if config.thoughts != "off":  # of flat ones, too: where no reply is a thought, all earn nothing
                    row |= of_thoughts([one for g in [*groups, *flat] for one in g.judged], config.objective.noise)
                together = counted(learner.state.get("together", 0), row["corr_reward_length"])
                learner.state |= {"step": step + 1, "together": together}
                for group in groups:
                    row["replay/admitted"] = row.get("replay/admitted", 0) + remember(group, buffer, step)
            row |= learner.served.told if learner.served else {}
            learner.add_metrics({"step": step + 1, "groups": len(groups), "groups_flat": len(flat)} | row | clock.spent)
            learner.keep(buffer)
    except Stopped as stopped:
        learner.optimizer.adamw.zero_grad(set_to_none=True)
        return learner.ended(stopped.how, buffer)
    except NoServer:  # between two updates: nothing of what was learned is lost
        learner.keep(buffer, always=True)
        raise
    return learner.ended("finished", buffer)


def update(learner: Learner, groups: Sequence[Group], buffer: Buffer, clock: Clock) -> dict[str, Any]:
    """Make one step on these groups and return its row of numbers; stored rows from too far away are forgotten."""
    step, config = learner.state["step"], learner.config
    tokens = Tokens(
        sum(len(r.tokens) for g in groups for r in g.rollouts), sum(len(r.tokens) for g in groups for r in g.replayed)
    )
    total, rows, far = learner.policy.zero(), list[dict[str, Any]](), list[int]()
    for group in groups:
        mine = learner.crew.mine(len(group.rollouts))
        found = batches(group, [group.rollouts[i].tokens for i in mine], learner)
        learner.policy.go_along(len(found), base=bool(config.objective.kl))
        for batch in found:
            learner.beat("training", step, config.steps)
            loss, numbers = learn_fresh(learner, group, [mine[i] for i in batch], tokens)
            total, rows = total + loss, [*rows, numbers]
        mine = learner.crew.mine(len(group.replayed))
        found = batches(group, [group.replayed[i].tokens for i in mine], learner)
        learner.policy.go_along(len(found))
        for batch in found:
            learner.beat("training", step, config.steps)
            loss, numbers, gone = learn_replayed(learner, group, [mine[i] for i in batch], tokens)
            total, rows, far = total + loss, [*rows, numbers], far + gone
    clock.lap("update")
    done = learner.optimizer.step(step) if groups else None  # without groups there is nothing to learn from
    if learner.critic:
        learner.critic.step(learner.crew)
    clock.lap("step")
    buffer.forget(learner.crew.gathered(list(enumerate(far))))
    row = {"loss": learner.crew.sum(total).item()} | (done._asdict() if done else {})
    row |= diagnostics.averaged(rows) | told(groups, tokens, buffer, step, config)
    return row | {"length/together": learner.state.get("together", 0)} | weights_told(groups, learner)


def batches(group: Group, replies: Sequence[Sequence[int]], learner: Learner) -> list[list[int]]:
    """Return the places of replies in batches that fit, with their prompt: read once in each, or with each reply."""
    lengths, most, prompt = [len(r) for r in replies], learner.config.micro_tokens, len(group.prompt)
    if learner.policy.sharing:
        return micro_batches(lengths, max(1, most - prompt))
    return micro_batches([prompt + length for length in lengths], most)


def learn_fresh(learner: Learner, group: Group, which: list[int], tokens: Tokens) -> tuple[Tensor, dict[str, Any]]:
    """Add the gradient of some fresh rows and return their part of the loss and their numbers."""
    policy, objective = learner.policy, learner.config.objective
    replies = [group.rollouts[i].tokens for i in which]
    prompts = [group.prompt] * len(which)
    reference = policy.score_base(prompts, replies) if objective.kl else None
    scored = policy.score(prompts, replies)
    sampled = policy.padded([group.rollouts[i].logp for i in which], scored.mask)
    advantage = _held_to(policy, group.credit and group.credit.fresh, group.advantage.fresh, which, scored.mask)
    late = len(group.rollouts) - group.aided
    aided = torch.tensor([i >= late for i in which], device=policy.device) if group.aided else None
    rows = Fresh(scored.logp, sampled, advantage, scored.mask, reference=reference, aided=aided)
    loss = fresh_loss(rows, objective, tokens)
    loss.backward()
    row = diagnostics.of_fresh(rows, scored.entropy, objective)
    if learner.critic and group.credit and (known := group.credit.valued):
        old, came = (policy.padded([part[i].tolist() for i in which], scored.mask) for part in known[1:])
        learner.critic.learn(scored.states, scored.mask, old, came, tokens.fresh)
    return loss.detach(), row


def learn_replayed(
    learner: Learner, group: Group, which: list[int], tokens: Tokens
) -> tuple[Tensor, dict[str, Any], list[int]]:
    """Add the gradient of some stored rows; return their part of the loss, their numbers, and which are too far."""
    policy, objective, replay = learner.policy, learner.config.objective, learner.config.replay
    stored = [group.replayed[i] for i in which]
    scored = policy.score([group.prompt] * len(which), [row.tokens for row in stored])
    logp = policy.padded([row.logp for row in stored], scored.mask)
    advantage = _held_to(policy, group.credit and group.credit.replayed, group.advantage.replayed, which, scored.mask)
    rows = Replayed(scored.logp, logp, advantage, scored.mask)
    loss = replay_loss(rows, objective, replay, tokens)
    loss.backward()
    near = kept(scored.logp - logp, scored.mask, replay.ratio_low, replay.ratio_high).tolist()
    gone = [row.id for row, is_near in zip(stored, near, strict=True) if not is_near]
    return loss.detach(), diagnostics.of_replayed(rows, objective, replay), gone


def _held_to(policy: Policy, by_token: list[Tensor] | None, by_text: Tensor, which: list[int], mask: Tensor) -> Tensor:
    """Return the advantages of some rows: of each token (B, T) where they are told apart, else of each text (B,)."""
    if by_token is None:
        return by_text[which].to(policy.device)
    return policy.padded([by_token[i].tolist() for i in which], mask)


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
    if config.thoughts != "off":
        found |= of_values([g.credit.valued for g in groups if g.credit and g.credit.valued])
    found |= diagnostics.of_memory([([r.value for r in g.rewards], g.aided) for g in groups])
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


def weights_told(groups: Sequence[Group], learner: Learner) -> dict[str, Any]:
    """Return the weights that criteria were trained with, and whether length was taken out, where either was chosen."""
    objective, found = learner.config.objective, dict[str, Any]()
    if objective.contrast:
        rows = [{f"weights/{name}/mean": weight for name, weight in g.advantage.weights.items()} for g in groups]
        found |= diagnostics.averaged(rows)
    if objective.length_residual:
        found["length/residual"] = float(learner.state.get("together", 0) >= LONG)
    return found


def evaluate(
    learner: Learner, unseen: Sequence[tuple[Example, list[int]]], checks: Rewarder, rewarder: Rewarder
) -> None:
    """Keep how the policy does on what was held out, and whether texts that are no piece would earn as much."""
    step = learner.state["step"]
    learner.beat("evaluating", note="writing for held-out prompts")
    row, drafts = held_out_reward(
        learner.policy,
        unseen,
        learner.config.text_tokens,
        checks,
        cancel=learner.stopping,
        thoughts=learner.config.thoughts != "off",
    )
    if not row:
        check_stop(learner.folder)
    if learner.config.reward != "random":  # chance cannot be had by any kind of text
        learner.beat("evaluating", note="trying texts that are no piece on the reward")

        def earns(example: Example, text: str, whole: bool) -> float:
            heard(learner)
            return rewarder.earned(example, text, whole=whole).value

        row |= watched(drafts, earns, learner.config.seed)
    learner.add_metrics({"step": step, "split": "held_out"} | row)
    learner.add_samples(step, unseen, [(d.example.id, d.shown or d.text) for d in drafts[: DRAWS * SHOWN : DRAWS]])
    learner.keep_best(row["reward"])
    learner.state["evaluated"] = step
    print(f"after {step} updates: held-out reward {row['reward']:.3f}", flush=True)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), train))
