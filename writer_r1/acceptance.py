"""Two judged texts -> whether the new one takes the place of the best, and why; the rule of the controlled loop.

Source: `docs/papers.md` 3; the rule is ours.
"""

from typing import NamedTuple

from writer_r1.drafting import Written
from writer_r1.trajectory import Attempt, Evaluation, Fault, Rubric, weighted_reward

ONE_POINT = 1 / 9  # one step of the ten shown to the user
DELTA = 0.1 / 9  # the least gain that counts, even from a judge without range
UNUSABLE: tuple[Fault, ...] = (
    "empty",
    "looping",
    "off-language",
    "copied",
    "echoes the instructions",
    "asks instead of writing",
)


class Verdict(NamedTuple):
    accepted: bool
    why: str
    gain: float


def usable(written: Written | Attempt) -> bool:
    """Return whether a text is worth judging. A cut one is: it is marked, and its missing end lowers its scores."""
    return not set(written.faults) & set(UNUSABLE)


def accept(rubric: Rubric, best: Attempt | None, new: Attempt) -> Verdict:
    """Return whether `new` replaces `best`: the judge's two ranges part, and no criterion is down by more than a point.

    Rewards are compared over the criteria scored in both. Source: `docs/papers.md` 3, rule of ours.
    """
    if new.evaluation is None or new.evaluation.reward is None:
        what = ", ".join(f for f in new.faults if f in UNUSABLE) or "not scored"
        return Verdict(False, f"not judged: {what}", 0.0)
    if best is None or best.evaluation is None:
        notes = ["your own text", *new.faults] if new.by == "user" else new.faults
        note = f" ({', '.join(notes)})" if notes else ""
        return Verdict(True, f"first draft{note}", 0.0)
    before, after = _values(best.evaluation), _values(new.evaluation)
    if missing := [c.name for c in rubric.criteria if before.get(c.id) is not None and after.get(c.id) is None]:
        return Verdict(False, f"{missing[0]} could not be scored", 0.0)
    both = {k for k, v in after.items() if v is not None and before.get(k) is not None}
    now = weighted_reward(rubric, {k: after[k] for k in both}) or 0.0
    then = weighted_reward(rubric, {k: before[k] for k in both}) or 0.0
    for c in rubric.criteria:
        old, fresh = before.get(c.id), after.get(c.id)
        if old is None or fresh is None:
            continue
        if c.locked and fresh < old - 1e-9:
            return Verdict(False, f"{c.name} is locked and fell by {(old - fresh) * 9:.1f}", now - then)
        if fresh < old - ONE_POINT - 1e-9:
            return Verdict(False, f"{c.name} fell by {(old - fresh) * 9:.1f}", now - then)
    if now - then < least_gain(rubric, best.evaluation, new.evaluation):
        return Verdict(False, f"no clear difference ({(now - then) * 9:+.1f} of 10)", now - then)
    return Verdict(True, f"better by {(now - then) * 9:.1f} of 10", now - then)


def _values(evaluation: Evaluation) -> dict[str, float | None]:
    return {s.criterion_id: s.value for s in evaluation.scores}


def least_gain(rubric: Rubric, before: Evaluation, after: Evaluation) -> float:
    """Return the gain from which on the judge's ranges of two texts part."""
    return max(DELTA, (judge_range(rubric, before) + judge_range(rubric, after)) / 2)


def judge_range(rubric: Rubric, evaluation: Evaluation) -> float:
    """Return the width of the judge's own range, weighted as the reward is."""
    high = weighted_reward(rubric, {s.criterion_id: s.high for s in evaluation.scores})
    low = weighted_reward(rubric, {s.criterion_id: s.low for s in evaluation.scores})
    return (high or 0.0) - (low or 0.0)
