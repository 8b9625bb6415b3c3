"""A policy and what was held out -> how it does on prompts that it never trains on.

The same seeds every time, so that two evaluations differ by the policy alone. The reward of an evaluation is always
the checks', whatever the run trains on.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch

from writer_r1.checks import repetition, word_count
from writer_r1.llm import Cancel
from writer_r1.training.data import Example, Tokens
from writer_r1.training.diagnostics import distinct
from writer_r1.training.objective import supervised_loss
from writer_r1.training.optimizer import micro_batches
from writer_r1.training.policy import Policy
from writer_r1.training.rewards import Rewarder
from writer_r1.training.thoughts import judge_reply, of_thoughts
from writer_r1.training.watch import Draft

Told = Callable[[int, int], None]  # how many are done, of how many
DRAWS = 2  # texts of each held-out prompt
NO_NOISE = 0.0  # of checks
SHOWN = 3  # held-out prompts whose text is kept at each evaluation


def held_out_loss(policy: Policy, rows: Sequence[Tokens], micro_tokens: int, told: Told) -> float:
    """Return the mean negative log-prob of a token of the held-out texts, in nats."""
    total, count, done = 0.0, sum(len(r.text) for r in rows), 0
    with torch.no_grad():
        for batch in micro_batches([len(r.prompt) + len(r.text) for r in rows], micro_tokens):
            scored = policy.score([rows[i].prompt for i in batch], [rows[i].text for i in batch])
            total += supervised_loss(scored.logp, scored.mask, count).item()
            done += len(batch)
            told(done, len(rows))
    return total


def held_out_reward(
    policy: Policy,
    examples: Sequence[tuple[Example, list[int]]],
    most: int,
    rewarder: Rewarder,
    cancel: Cancel,
    *,
    thoughts: bool = False,
) -> tuple[dict[str, Any], list[Draft]]:
    """Return the row of an evaluation, and what was written, `DRAWS` texts a prompt; both empty if cancelled.

    `rewards` in the row are the means of each prompt, so that an interval can be drawn from them. Where whole
    `thoughts` are written they are of the pieces; one that cannot be read counts as an empty piece.
    """
    twice = [prompt for _, prompt in examples for _ in range(DRAWS)]
    rollouts = policy.sample(twice, range(len(twice)), most, cancel)
    if not rollouts:
        return {}, []
    every = [example for example, _ in examples for _ in range(DRAWS)]
    pairs = zip(every, rollouts, strict=True)
    judged = [judge_reply(policy, e, r, rewarder) for e, r in pairs] if thoughts else []
    texts = [one.piece for one in judged] if thoughts else [policy.text(r.tokens) for r in rollouts]
    means, scores = list[float](), list[dict[str, float]]()
    for number, (example, _) in enumerate(examples):
        rubric, own = rewarder.rubric(example), range(DRAWS * number, DRAWS * (number + 1))
        found = [rewarder.reward(example.prompt, rubric, texts[i], whole=rollouts[i].whole) for i in own]
        means.append(fmean(0.0 if math.isnan(r.value) else r.value for r in found))
        scores += [r.scores for r in found]
    names = sorted({name for row in scores for name in row})
    repeated = [v for t in texts if (v := repetition(t).value) is not None]
    row = {
        "reward": fmean(means),
        "rewards": [round(m, 4) for m in means],
        "no_repetition": fmean(repeated) if repeated else None,
        "words": fmean(map(word_count, texts)),
        "finished": fmean(float(r.whole) for r in rollouts),
        "distinct_2": distinct(texts),
    }
    row |= {f"rewards/{name}/mean": fmean(s[name] for s in scores if name in s) for name in names}
    row |= of_thoughts(judged, NO_NOISE) if thoughts else {}
    shown = [one.shown for one in judged] if thoughts else [""] * len(texts)
    written = zip(every, texts, rollouts, shown, strict=True)
    return row, [Draft(example, text, rollout.whole, told) for example, text, rollout, told in written]
