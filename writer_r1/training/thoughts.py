"""Thoughts that the policy wrote -> what the text was worth at each step, and what each token is held to.

The draft and the text after each segment are looked at with the run's own reward, so that a reflection is paid for
what it did to the text. A reply that is no thought (`traces.parse`) is worth 0 throughout. What is reported and stored
as the reward of a thought is that of its piece, whatever its tokens are paid by; how is told in `process_reward.py`.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from torch import Tensor

from writer_r1.acceptance import DELTA
from writer_r1.one_go import OPENS
from writer_r1.review import Similarity
from writer_r1.traces import Refusal, Trace, parse, parts
from writer_r1.training.config import Thoughts
from writer_r1.training.critic import Valued
from writer_r1.training.data import Example
from writer_r1.training.objective import FLAT, MOST_FRESH, MOST_REPLAYED
from writer_r1.training.policy import Policy, Rollout
from writer_r1.training.process_reward import (
    Step,
    Thought,
    dense_credits,
    parts_of_tokens,
    process_reward,
    thought_reward,
    token_credits,
)
from writer_r1.training.rewards import Reward, Rewarder
from writer_r1.usefulness import LABELS, is_applied, is_specific, labelled, repeats

Look = Callable[[str, bool], Reward]  # (text, whether it is whole) -> what it earns


class Judged(NamedTuple):
    """A reply as judged: `reward` is of its `piece`; of one that is no thought `refused` says why."""

    thought: Thought
    reward: Reward
    text: str  # with tags
    piece: str = ""
    shown: str = ""  # for a person, without tags
    refused: str = ""


class Credit(NamedTuple):
    """The advantages of a group's tokens, a row (T,) for each fresh and each stored thought."""

    fresh: list[Tensor]
    replayed: list[Tensor]
    valued: Valued | None = None  # of the fresh ones, where a value head has a say

    @property
    def is_flat(self) -> bool:
        """Return whether there is nothing to learn from the fresh ones."""
        return not any(bool((row.abs() > FLAT).any()) for row in self.fresh)


def judge_reply(policy: Policy, example: Example, rollout: Rollout, rewarder: Rewarder) -> Judged:
    """Return what the policy wrote for an example's request in one go, judged by the run's reward."""
    from writer_r1.embedding import similarity

    rubric = rewarder.rubric(example)
    said, starts = policy.spelled(rollout.tokens)

    def look(text: str, whole: bool) -> Reward:
        return rewarder.reward(example.prompt, rubric, text, whole=whole)

    places = [len(OPENS) + start for start in starts]
    return judged(example.prompt, OPENS + said, places, look, similarity, whole=rollout.whole)


def judged(
    prompt: str, text: str, starts: Sequence[int], look: Look, similarity: Similarity | None, *, whole: bool = True
) -> Judged:
    """Return a reply as judged; `starts` are where its tokens begin in `text`, `whole` whether it came to its end."""
    found = parse(text, prompt)
    if isinstance(found, Refusal):
        broken = Thought(0.0, 0.0, (), (0,) * len(starts))
        return Judged(broken, Reward(0.0, {}, gated=True), text, shown=readable(found), refused=found.reason)
    earned = [look(stage, True) for stage in found.texts()]
    piece = look(found.final, whole)
    made = tuple(_steps(found, earned, similarity))
    thought = Thought(earned[0].value, piece.value, made, parts_of_tokens(starts, parts(text)))
    return Judged(thought, piece, text, found.final, readable(found))


def _steps(trace: Trace, earned: Sequence[Reward], similarity: Similarity | None) -> list[Step]:
    """Return what each segment did to the text, from the rewards of the texts before and after it."""
    again = repeats([s.reflection for s in trace.segments], similarity)
    found, texts = list[Step](), trace.texts()
    for k, segment in enumerate(trace.segments):
        before, after = earned[k], earned[k + 1]
        least = max(DELTA, (before.range + after.range) / 2)  # as in `acceptance.least_gain`
        about = is_specific(segment.reflection, texts[k], segment)
        found.append(Step(after.value - before.value, least, about, is_applied(trace, k), not again[k]))
    return found


def readable(found: Trace | Refusal) -> str:
    """Return a reply that was parsed as a person reads it: the thought without its tags, or why it is none."""
    return f"No thought that could be read: {found.reason}." if isinstance(found, Refusal) else told(found)


def told(trace: Trace) -> str:
    """Return a thought as a person reads it, without tags."""
    rows = [f"Plan: {trace.plan}"] if trace.plan else []
    rows.append(f"Draft:\n{trace.draft}")
    for segment in trace.segments:
        rows.append(f"Reading it over: {segment.reflection}")
        for change in segment.changes:
            place = "Paragraph" if change.operation == "rewrite" else "After paragraph"
            rows.append(f"{place} {change.paragraph}:\n{change.text}")
    return "\n\n".join([*rows, f"The piece:\n{trace.final}"])


def credit_of(how: Thoughts, fresh: Sequence[Thought], stored: Sequence[Thought], noise: float) -> Credit | None:
    """Return what the tokens of a group's thoughts are held to; None where all of a row are held to its reward.

    Stored thoughts are held to the fresh ones of today, and like stored pieces only ever made likelier. For "ppo" it
    only tells whether there is anything to learn, until the value head was asked.
    """
    if how not in ("credits", "dense", "ppo"):
        return None
    give = token_credits if how == "credits" else dense_credits
    ours = [row.clamp(-MOST_FRESH, MOST_FRESH) for row in give(fresh, noise)]
    theirs = [row.clamp(0.0, MOST_REPLAYED) for row in give(stored, noise, of=fresh)]
    return Credit(ours, theirs)


def kept(thought: Thought) -> str:
    """Return a judged thought as it is kept with its tokens, so that it is never judged twice."""
    return json.dumps(thought)


def kept_before(row: str) -> Thought:
    """Return a thought that `kept` made a row of."""
    draft, final, steps, of_tokens = json.loads(row)
    return Thought(draft, final, tuple(Step(*step) for step in steps), tuple(of_tokens))


def of_thoughts(found: Sequence[Judged], noise: float) -> dict[str, Any]:
    """Return how many replies are thoughts, and of those what was reflected on and what came of it."""
    read = [one.thought for one in found if not one.refused]
    steps = [step for thought in read for step in thought.steps]
    labels = Counter(labelled(None if math.isnan(s.gain) else s.gain, s.least) for s in steps)
    scored = [t for t in read if not math.isnan(t.draft + t.final)]
    return {
        "thoughts/well_formed": _mean([float(not one.refused) for one in found]),
        "thoughts/reflecting": _mean([float(bool(one.thought.steps)) for one in found]),
        "thoughts/reflections": _mean([len(t.steps) for t in read]),
        "thoughts/reflection_tokens": _mean([sum(0 < p <= len(t.steps) for p in t.parts) for t in read]),
        **{f"thoughts/{label}": labels[label] / len(steps) if steps else None for label in LABELS},
        "thoughts/gain": _mean([t.final - t.draft for t in scored]),
        "thoughts/process_reward": _mean([process_reward(t.steps) for t in read]),
        "thoughts/reward": _mean([thought_reward(t, noise) for t in scored]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
