"""What was judged of a thought -> what its reflections earn, and which of its tokens earn it.

The formula of R2-Write's process reward is not known to us; this is our reconstruction (`docs/papers.md` 5). A
reflection is paid for what it did to the text and for nothing else: the mean over reflections, not their sum, so that
more of them do not earn more; repeated and unapplied ones cost; beyond a few each one costs.

A thought that is one number is open to a trick: draft badly, then mend it. So what trains is paid by part
(`token_credits`): the tokens of plan and draft earn what the draft is worth and see nothing of what is gained later, so
a weak draft never pays; and to reflect once more is paid where it is chosen. Pure functions; the judge works elsewhere.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from writer_r1.training.objective import in_group, spread_of
from writer_r1.training.ppo import segment_advantages

MOST = 3  # reflections of a thought, before each further one costs
EXCESS = 0.1  # what each further one costs
IDLE = 0.1  # what a reflection costs that was said before, or that changed nothing
SHARE = 0.2  # of the process reward beside the outcome, so that the outcome leads
OUTCOME = 0.5  # share of the outcome in what the tokens of a segment earn


class Step(NamedTuple):
    """A reflection with its revision, as judged: the gain of the whole text, and the least that counts."""

    gain: float
    least: float
    specific: bool = True
    applied: bool = True
    fresh: bool = True  # says what none before it says


class Thought(NamedTuple):
    """A thought as judged: reward of its draft and of its piece, its steps, and the part that each token belongs to.

    `parts` has 0 for plan and draft, k for segment k, and one more than there are segments for the piece. One that
    cannot be read (`traces.parse`) has rewards of 0, no steps, and 0 for every token.
    """

    draft: float
    final: float
    steps: tuple[Step, ...]
    parts: tuple[int, ...]


def worth(step: Step) -> int:
    """Return u_j: 1 for a step that helped and is specific, applied and fresh; -1 for one that harmed or was idle."""
    if step.gain <= -step.least or not step.fresh or not step.applied:
        return -1
    return 1 if step.gain >= step.least and step.specific else 0


def process_reward(steps: Sequence[Step]) -> float:
    """Return R_proc: the mean worth of the steps, less `EXCESS` for each beyond `MOST`; 0 without any."""
    mean = sum(map(worth, steps)) / len(steps) if steps else 0.0
    return mean - EXCESS * max(0, len(steps) - MOST)


def is_accepted(draft: float, final: float, noise: float) -> bool:
    """Return whether the piece is better than the draft beyond the judge's noise, so that its steps may be paid."""
    return final >= draft + noise


def thought_reward(thought: Thought, noise: float) -> float:
    """Return one number for a thought, to be compared and reported: the outcome and a `share` of the process reward.

    Steps that leave the piece no better than its draft earn nothing, but may still cost.
    """
    process = process_reward(thought.steps)
    if not is_accepted(thought.draft, thought.final, noise):
        process = min(0.0, process)
    return thought.final + SHARE * process


def parts_of_tokens(starts: Sequence[int], begins: Sequence[int]) -> tuple[int, ...]:
    """Return the part that each token belongs to: `starts` are where tokens begin in the text, `begins` where parts do.

    See `traces.parts`; a token that reaches over an edge belongs to the part it begins in.
    """
    return tuple(bisect_right(begins, start) for start in starts)


def segment_pay(thought: Thought) -> Tensor:
    """Return what the process reward pays each token (T,): each step's part of it at its segment's end."""
    parts, count = torch.tensor(thought.parts), len(thought.steps)
    found = torch.zeros(len(thought.parts))
    for number, step in enumerate(thought.steps, 1):
        end = int((parts == number).nonzero().max())
        found[end] += SHARE * (worth(step) / count - (EXCESS if number > MOST else 0.0))
    return found


def capped_pay(thought: Thought, noise: float) -> Tensor:
    """Return the pay of segments (T,), of which a thought whose piece is no better than its draft keeps only costs."""
    pay = segment_pay(thought)
    return pay if is_accepted(thought.draft, thought.final, noise) else pay.clamp(max=0.0)


def capped_rewards(thought: Thought, noise: float) -> Tensor:
    """Return the reward of each token (T,): each step's at the end of its segment, the outcome at the last token.

    They sum to the outcome and, of a thought whose piece is better than its draft, a share of the process reward.
    """
    found = capped_pay(thought, noise)
    found[-1] += thought.final
    return found


def dense_credits(thoughts: Sequence[Thought], noise: float, of: Sequence[Thought] | None = None) -> list[Tensor]:
    """Return the advantage of each token (T,) of the thoughts of one prompt, held to their own group or to that `of`.

    All tokens: the outcome among the group's. Those of a segment besides: what its step is paid, on the scale of the
    outcome, so that the whole is the thought's reward in parts. Source: `docs/papers.md` 5.
    """
    ends = _pieces(thoughts if of is None else of)
    outcomes = in_group(_pieces(thoughts), noise, of=ends)
    known = ends[~ends.isnan()]
    spread = spread_of(known, noise) if known.numel() > 1 else torch.tensor(1.0)
    found = list[Tensor]()
    for thought, outcome in zip(thoughts, outcomes, strict=True):
        parts = torch.tensor([thought.parts])
        own = segment_advantages(capped_pay(thought, noise)[None], parts, torch.ones_like(parts, dtype=torch.bool))
        found.append(outcome + own[0] / spread)
    return found


def token_credits(
    thoughts: Sequence[Thought], noise: float, outcome: float = OUTCOME, *, of: Sequence[Thought] | None = None
) -> list[Tensor]:
    """Return the advantage of each token (T,) of the thoughts of one prompt, held to their own group or to that `of`.

    Plan and draft: the draft's reward among the group's drafts. The first token of a segment, by which it is chosen to
    reflect: what the segment changes in the process reward. Its other tokens: what it earns among the segments of the
    group, divided by how many its thought has. Both with a share of the outcome. The piece: its reward among the
    group's. Spreads below `noise` are the judge's own and are not divided by. Source: `docs/papers.md` 5.
    """
    group = thoughts if of is None else of
    drafts = in_group(_drafts(thoughts), noise, of=_drafts(group))
    pieces = in_group(_pieces(thoughts), noise, of=_pieces(group))
    paid = _among(_earned(thoughts), _earned(group), noise).tolist()
    found, at = list[Tensor](), 0
    for number, thought in enumerate(thoughts):
        mine, at = paid[at : at + len(thought.steps)], at + len(thought.steps)
        share, parts = outcome * float(pieces[number]), torch.tensor(thought.parts, dtype=torch.long)
        steps = [pay / len(mine) + share for pay in mine]
        credit = torch.tensor([float(drafts[number]), *steps, float(pieces[number])])[parts]
        for k in range(1, len(mine) + 1):
            credit[int((parts == k).nonzero().min())] = _chosen(thought.steps[:k]) + share
        found.append(credit)
    return found


def _chosen(steps: Sequence[Step]) -> float:
    """Return what the last of the steps changes in the process reward, but never more than it is worth itself.

    A mean rises where a harm is followed by less harm, which is no reason to go on.
    """
    return min(process_reward(steps) - process_reward(steps[:-1]), worth(steps[-1]))


def _drafts(group: Sequence[Thought]) -> Tensor:
    return torch.tensor([t.draft for t in group])


def _pieces(group: Sequence[Thought]) -> Tensor:
    return torch.tensor([t.final for t in group])


def _earned(group: Sequence[Thought]) -> Tensor:
    return torch.tensor([earned(s) - (EXCESS if k >= MOST else 0.0) for t in group for k, s in enumerate(t.steps)])


def _among(earned: Tensor, group: Tensor, noise: float) -> Tensor:
    """Return what segments earn beside the mean of the group's, in units of the usual distance from 0.

    Those that earn more than nothing are not made less likely for being the lesser gain, nor those that earn less made
    likelier for being the lesser harm. One that is alone in its group is beside itself: 0.
    """
    if not group.numel():
        return torch.zeros_like(earned)
    scale = group.square().mean().sqrt().clamp(min=noise)
    beside = (earned - group.mean()) / scale
    return torch.where(beside * earned > 0, beside, 0.0)


def earned(step: Step) -> float:
    """Return what a step's gain earns, with the sign of its worth: what idles or could stand anywhere pays only costs.

    A gain within the judge's range is none.
    """
    gain = step.gain if abs(step.gain) >= step.least else 0.0
    idle = not step.fresh or not step.applied
    return (min(gain, 0.0) if idle or not step.specific else gain) - (IDLE if idle else 0.0)
