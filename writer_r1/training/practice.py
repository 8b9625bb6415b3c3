"""Prompts -> groups of texts that the policy wrote for them, with what they earn and the stored ones that join them."""

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

from writer_r1.training.config import Config
from writer_r1.training.critic import Critic, Valued, valued
from writer_r1.training.data import Example
from writer_r1.training.group_advantage import Advantage, of_group
from writer_r1.training.learner import Asked, Learner
from writer_r1.training.objective import MOST_FRESH
from writer_r1.training.optimizer import places
from writer_r1.training.policy import Rollout
from writer_r1.training.process import check_stop
from writer_r1.training.process_reward import capped_rewards
from writer_r1.training.replay import Buffer, Stored, Under
from writer_r1.training.rewards import Reward, Rewarder
from writer_r1.training.thoughts import Credit, Judged, credit_of, judge_reply, kept, kept_before
from writer_r1.trajectory import digest, prompt_id

REFILLS = 2  # other prompts tried where a group's texts all earn the same


class Group(NamedTuple):
    """A prompt's fresh rollouts with what they earn, and the stored ones that join them."""

    prompt: list[int]
    under: Under
    rollouts: list[Rollout]
    texts: list[str]
    rewards: list[Reward]
    replayed: list[Stored]
    advantage: Advantage
    aided: int = 0  # of the rollouts, the last so many were written with lessons in the prompt
    judged: Sequence[Judged] = ()  # of whole thoughts, one for each rollout
    credit: Credit | None = None  # what their tokens are held to, where that is not one number a row


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


@contextmanager
def whole(learner: Learner, buffer: Buffer) -> Iterator[None]:
    """Make an update to its end, or leave the prompts to come and the stored texts as they were before it."""
    drawn = learner.state["drawn"]
    with buffer.whole():
        try:
            yield
        except BaseException:
            learner.state["drawn"] = drawn
            raise


def practise(
    learner: Learner, prompts: Sequence[Asked], rewarder: Rewarder, buffer: Buffer, clock: Clock
) -> tuple[list[Group], list[Group]]:
    """Return the groups of an update, and those put aside because all their texts earn the same."""
    groups, flat, config = list[Group](), list[Group](), learner.config
    if learner.served:
        learner.serve()
        clock.lap("serve")
    for _ in range(1 + REFILLS):
        missing, drawn = config.prompts - len(groups), learner.state["drawn"]
        chosen = [prompts[i] for i in places(len(prompts), drawn, missing, config.seed)]
        written = write_groups(learner, [prompts_in_group(asked, config) for asked in chosen], clock)
        learner.state["drawn"] = drawn + missing
        for number, (asked, rollouts) in enumerate(zip(chosen, written, strict=True)):
            chance = random.Random(f"{config.seed}/{drawn + number}")
            group = rewarded(learner, asked, rollouts, rewarder, buffer, chance)
            (flat if group.advantage.flat and not group.replayed else groups).append(group)
        clock.lap("reward")
        if len(groups) == config.prompts:
            break
    if learner.critic is not None and groups:
        groups = with_values(learner, learner.critic, groups)
        clock.lap("values")
    return groups, flat


def with_values(learner: Learner, critic: Critic, groups: Sequence[Group]) -> list[Group]:
    """Return the groups, each token held to what came of its thought beyond what the value head expected there."""
    crew, policy, noise = learner.crew, learner.policy, learner.config.objective.noise
    every = [(group.prompt, rollout.tokens) for group in groups for rollout in group.rollouts]
    mine, told = crew.mine(len(every)), list[tuple[int, list[float]]]()
    policy.go_along(len(mine), learning=False)
    with torch.no_grad():
        for i in mine:  # one at a time: without gradient a row costs little, and batches would round differently
            prompt, reply = every[i]
            told.append((i, critic.values(policy.score([prompt], [reply]).states).tolist()))
    values = [torch.tensor(row) for row in crew.gathered(told)]
    pay = [capped_rewards(one.thought, noise) for group in groups for one in group.judged]
    found, done = valued(pay, values), list[Group]()
    for group in groups:
        start, size = sum(len(g.rollouts) for g in done), len(group.rollouts)
        own = Valued(*(rows[start : start + size] for rows in found))
        held = [row.clamp(-MOST_FRESH, MOST_FRESH) for row in own.advantages]
        done.append(group._replace(credit=Credit(held, [], own)))
    return done


def aided_in_group(asked: Asked, config: Config) -> int:
    """Return how many of a group's rollouts are written with lessons in the prompt."""
    return round(config.memory_share * config.group) if asked.aided else 0


def prompts_in_group(asked: Asked, config: Config) -> list[list[int]]:
    """Return the prompt of each of a group's rollouts; those with lessons stand last."""
    count = aided_in_group(asked, config)
    return [asked.prompt] * (config.group - count) + [asked.aided or asked.prompt] * count


def write_groups(learner: Learner, prompts: Sequence[Sequence[list[int]]], clock: Clock) -> list[list[Rollout]]:
    """Return a text for each prompt of each group, all written side by side, the rows shared out among processes."""
    config, crew, size = learner.config, learner.crew, learner.config.group
    mine = crew.mine(len(prompts) * size)
    seeds = [seed_of(config.seed, learner.state["drawn"] + i // size, i % size) for i in mine]
    asked = [prompts[i // size][i % size] for i in mine]
    own = learner.sampler.sample(asked, seeds, config.text_tokens, learner.stopping)
    if mine and not own:
        check_stop(learner.folder)
    every: list[Rollout] = crew.gathered(list(zip(mine, own, strict=True)))
    clock.lap("generate")
    return [every[i : i + size] for i in range(0, len(every), size)]


class Earned(NamedTuple):
    """What a group's rollouts say and earn; `judged` of whole thoughts."""

    texts: list[str]
    rewards: list[Reward]
    judged: list[Judged]


def earned(learner: Learner, example: Example, rollouts: list[Rollout], rewarder: Rewarder) -> Earned:
    """Return what a group's texts earn; a stop is heard before each of them, for a judge takes seconds over one.

    Raises:
        Stopped: somebody asked the run to end.
    """
    rubric, judged = rewarder.rubric(example), list[Judged]()
    if learner.config.thoughts == "off":
        texts, rewards = [learner.policy.text(r.tokens) for r in rollouts], list[Reward]()
        for text, rollout in zip(texts, rollouts, strict=True):
            heard(learner)
            rewards.append(rewarder.reward(example.prompt, rubric, text, whole=rollout.whole))
        return Earned(texts, rewards, judged)
    for rollout in rollouts:
        heard(learner)
        judged.append(judge_reply(learner.policy, example, rollout, rewarder))
    return Earned([one.text for one in judged], [one.reward for one in judged], judged)


def heard(learner: Learner) -> None:
    """End here where somebody asked for that, and give a sign of life."""
    if learner.stopping():
        check_stop(learner.folder)


def rewarded(
    learner: Learner,
    asked: Asked,
    rollouts: list[Rollout],
    rewarder: Rewarder,
    buffer: Buffer,
    chance: random.Random,
) -> Group:
    """Return a group with what its texts earn, and the stored texts that are clearly better than its mean."""
    settings, how, example = learner.config.objective, learner.config.thoughts, asked.example
    texts, rewards, judged = earned(learner, example, rollouts, rewarder)
    under = Under(prompt_id(example.prompt), rewarder.rubric(example).id, rewarder.id, tokenizer_id(learner))
    values = torch.tensor([r.value for r in rewards])
    least = float(values.nanmean()) + settings.noise
    unfit = values.isnan().all() or learner.critic is not None  # whose values are of today's policy
    replayed = [] if unfit else buffer.pick(under, learner.state["step"], least, texts, chance)
    lengths, together = [len(r.tokens) for r in rollouts], learner.state.get("together", 0)
    advantage = of_group(rewards, lengths, [row.reward for row in replayed], settings, together)
    stored = [kept_before(row.thought) for row in replayed] if judged else []
    if credit := credit_of(how, [one.thought for one in judged], stored, settings.noise):
        advantage = advantage._replace(flat=credit.is_flat)
    aided = aided_in_group(asked, learner.config)
    return Group(asked.prompt, under, rollouts, texts, rewards, replayed, advantage, aided, judged, credit)


def remember(group: Group, buffer: Buffer, step: int) -> int:
    """Put a group's good texts into the buffer and return how many; cut, gated and unscored ones stay out."""
    triples = zip(group.rollouts, group.texts, group.rewards, strict=True)
    rows = [
        Stored(text, r.tokens, r.logp, reward.value, r.entropy, step if r.version is None else r.version)
        for r, text, reward in triples
    ]
    if group.judged:
        told = zip(rows, group.judged, strict=True)
        rows = [row._replace(thought=kept(one.thought)) for row, one in told]
    sound = [
        r.whole and not reward.gated and reward.value == reward.value
        for r, reward in zip(group.rollouts, group.rewards, strict=True)
    ]
    return buffer.admit(group.under, rows, sound)


def seed_of(seed: int, drawn: int, row: int) -> int:
    """Return the seed of one rollout: of the run, of how many prompts were drawn before, and of its place."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{drawn}/{row}".encode()).digest()[:6], "big")


def tokenizer_id(learner: Learner) -> str:
    """Return what stands for the base's tokenizer: rollouts of another base are of other tokens."""
    return digest(learner.base.sha256)
