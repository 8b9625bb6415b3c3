"""The rows of a run's metrics -> what its user should know, in sentences. Pure.

Every bound is ours: loose enough to stay silent in a run that goes well, and each says what to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from writer_r1.training.report import is_number

RECENT = 10  # updates
FLAT = 0.5  # share of groups whose drafts all scored the same
CUT = 0.5  # share of drafts that were cut off at their longest length
FORMED = 0.5  # share of replies that are thoughts
LONGER = 1.5  # times the length at first
COLLAPSED = 0.4  # of the entropy at first
FAR = 0.5  # KL to the base, in nats a token
BEATS = 0.005  # by which a text that is no piece earns more than the drafts; less is rounding
ODD = {
    "rare_words": "a heap of rare words",
    "shuffled": "a draft with its words shuffled",
    "poetry": "a poem pasted in",
    "very_short": "four words",
    "very_long": "a draft padded to four times its length",
    "looped": "one sentence over and over",
}  # `watch.odd_texts`
WORSE = 0.01  # of the loss: below that it is noise

Rows = Sequence[Mapping[str, Any]]


def warnings(kind: str, rows: Rows) -> list[str]:
    """Return what should be known of a run of this kind that has these rows."""
    trained = [row for row in rows if row.get("split", "train") == "train"]
    held = [row for row in rows if row.get("split") == "held_out"]
    found = (
        learned_by_heart(held)
        if kind == "sft"
        else [*of_rewards(trained, held), *of_odd_texts(held), *of_drafts(trained)]
    )
    found = [str(row["warning"]) for row in rows if row.get("split") == "warning" and "warning" in row] + found
    skipped = sum(1 for row in trained if row.get("skipped"))
    if skipped:
        found.append(
            f"{skipped} update{'s were' if skipped > 1 else ' was'} skipped because the numbers ran away (NaN); "
            "a lower learning rate helps."
        )
    return found


def learned_by_heart(held: Rows) -> list[str]:
    """Return whether the loss on held-out pieces has risen since its best."""
    points = [(row["step"], row["loss"]) for row in held if is_number(row.get("loss"))]
    if len(points) < 2:
        return []
    best = min(points, key=lambda point: point[1])
    if points[-1][1] <= best[1] * (1 + WORSE):
        return []
    return [
        f"The loss on held-out pieces has risen since step {best[0]:g}: the model begins to learn the pieces by heart. "
        "Stop and save, or take fewer steps next time."
    ]


def of_rewards(trained: Rows, held: Rows) -> list[str]:
    """Return what the rewards tell: nothing to learn from, or learned for the judge alone."""
    found = []
    flat = flat_share(trained[-RECENT:])
    formed = mean(trained[-RECENT:], "thoughts/well_formed")
    if formed is not None and formed < FORMED:
        found.append(
            f"{formed:.0%} of its replies are whole thoughts, and others earn nothing: allow more tokens a text, or "
            "teach it the form first, by training on thinking traces and beginning with that."
        )
    elif flat is not None and flat > FLAT:
        found.append(
            f"All drafts in {flat:.0%} of groups scored the same; the criteria may be too easy or too hard, "
            "and nothing is learned from such a group."
        )
    tested = [row["reward"] for row in held if is_number(row.get("reward"))]
    first, now = mean(trained[:RECENT], "reward"), mean(trained[-RECENT:], "reward")
    if len(tested) >= 3 and first is not None and now is not None and now > first and tested[-1] < tested[0] - WORSE:
        found.append(
            "The reward rises in training and falls on held-out prompts: the model learns to please the criteria, "
            "not to write better. Read the samples, and stop if they look worse."
        )
    return found


def of_odd_texts(held: Rows) -> list[str]:
    """Return whether, at the last evaluation, texts that are no piece earned more than the drafts."""
    row = next((row for row in reversed(held) if is_number(row.get("watch/honest"))), None)
    if row is None:
        return []
    honest = float(row["watch/honest"])
    earned = {kind: float(row[f"watch/{kind}"]) for kind in ODD if is_number(row.get(f"watch/{kind}"))}
    better = {kind: value for kind, value in earned.items() if value > honest + BEATS}
    if not better:
        return []
    told = [f"{ODD[kind]} ({better[kind]:.2f})" for kind in sorted(better, key=lambda kind: -better[kind])]
    kinds = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return [
        f"This reward can be had without writing well: {kinds} would earn more than the model's drafts do now "
        f"({honest:.2f}). Read the samples; a criterion that such a text fails, or a judge's part in the reward, helps."
    ]


def flat_share(rows: Rows) -> float | None:
    """Return the share of all groups whose drafts all scored the same, those put aside among them."""
    flat = sum(row["groups_flat"] for row in rows if is_number(row.get("groups_flat")))
    kept = [row for row in rows if is_number(row.get("groups"))]
    every = flat + sum(row["groups"] for row in kept)
    also = sum(
        row["groups"] * row["frac_reward_zero_std"] for row in kept if is_number(row.get("frac_reward_zero_std"))
    )
    return float(flat + also) / every if every else None


def of_drafts(trained: Rows) -> list[str]:
    """Return what became of the drafts: longer, cut off, all alike, or far from the base."""
    found = []
    first, now = mean(trained[:RECENT], "completions/mean_length"), mean(trained[-RECENT:], "completions/mean_length")
    if first and now and len(trained) > RECENT and now > LONGER * first:
        found.append(f"Drafts have grown from {first:.0f} to {now:.0f} tokens; see in the samples if they are padded.")
    cut = mean(trained[-RECENT:], "completions/clipped_ratio")
    if cut is not None and cut > CUT:
        found.append(f"{cut:.0%} of drafts are cut off at the longest length; allow more tokens a text.")
    first, now = mean(trained[:RECENT], "entropy"), mean(trained[-RECENT:], "entropy")
    if first and now is not None and len(trained) > RECENT and now < COLLAPSED * first:
        found.append("Drafts of one request have become nearly alike; a lower learning rate keeps more variety.")
    far = mean(trained[-RECENT:], "kl")
    if far is not None and far > FAR:
        found.append("The model has moved far from its base; a lower learning rate, or fewer steps, keeps it closer.")
    return found


def mean(rows: Rows, name: str) -> float | None:
    """Return the mean of the numbers of this name, or None where there is none."""
    values = [float(row[name]) for row in rows if is_number(row.get(name))]
    return sum(values) / len(values) if values else None
