"""The metrics of a training run -> its curves, as HTML. Pure; knows no gradio."""

from collections.abc import Mapping, Sequence
from typing import Any

from writer_r1.training.config import Kind
from writer_r1.training.report import is_number
from writer_r1.training.warnings import flat_share
from writer_r1.ui.curves import Band, Points, Series, plot, smoothed
from writer_r1.usefulness import LABELS

Rows = Sequence[Mapping[str, Any]]
CRITERIA = 6  # lines that one picture can tell apart
WATCHED = {
    "honest": "own drafts",
    "rare_words": "rare words",
    "shuffled": "words shuffled",
    "poetry": "a poem",
    "very_long": "padded",
    "looped": "one sentence over and over",
}


def curves(kind: Kind, rows: Rows, resumed: Sequence[float] = ()) -> str:
    """Return the pictures of a run of this kind; `resumed` are the steps from which another process went on."""
    trained = [row for row in rows if row.get("split", "train") == "train"]
    held = [row for row in rows if row.get("split") == "held_out"]
    figures = _sft(trained, held, resumed) if kind == "sft" else _mrpo(trained, held, resumed)
    found = [figure for figure in figures if figure]
    if not found:
        return '<p class="quiet">Curves appear with the first steps.</p>'
    return f'<div class="curves">{"".join(found)}</div>'


def _sft(trained: Rows, held: Rows, marks: Sequence[float]) -> list[str]:
    raw = _points(trained, "loss")
    loss = [Series("raw", raw, faint=True), Series("in training, smoothed", smoothed(raw))]
    return [
        plot("Loss: how surprised the model is", [*loss, Series("held out", _points(held, "loss"))], marks=marks),
        _one("Learning rate", trained, "learning_rate", marks),
        _one("Size of the gradient", trained, "gradient_norm", marks),
    ]


def _mrpo(trained: Rows, held: Rows, marks: Sequence[float]) -> list[str]:
    reward = _points(trained, "reward")
    low, high = _points(trained, "reward_min"), _points(trained, "reward_max")
    band = Band(smoothed(low), smoothed(high)) if low and len(low) == len(high) else None
    main = [Series("raw", reward, faint=True), Series("in training, smoothed", smoothed(reward))]
    fresh = [Series("fresh", _points(trained, "reward")), Series("replayed", _points(trained, "replay/reward"))]
    main.append(Series("held out", _points(held, "reward")))
    odd = [Series(name, _points(held, f"watch/{kind}")) for kind, name in WATCHED.items()]
    return [
        plot("Reward: worst to best draft", main, band=band, marks=marks),
        plot("Score by criterion", _criteria(trained), marks=marks),
        _one("Spread within a group", trained, "reward_std", marks),
        plot("Share of groups where all drafts scored the same", [_flat(trained)], marks=marks),
        plot(
            "Tokens a draft",
            [Series("mean", smoothed(_points(trained, "completions/mean_length")))],
            marks=marks,
        ),
        plot("What reflections were", _labels(trained), marks=marks),
        _one("Tokens of reflections and revisions", trained, "thoughts/reflection_tokens", marks),
        _one("Share of drafts cut off at the limit", trained, "completions/clipped_ratio", marks),
        _one("Distance from the base (KL)", trained, "kl", marks),
        _one("Variety of words (entropy)", trained, "entropy", marks),
        _one("Share of tokens from memory", trained, "replay/share", marks),
        plot("Reward of fresh and replayed drafts", fresh, marks=marks) if fresh[1].points else "",
        _one("What lessons in the request added to the reward", trained, "memory/gain", marks),
        _one("Age of replayed drafts, in updates", trained, "replay/age/mean", marks),
        plot(
            "Ratio to whoever wrote the replayed drafts",
            [
                Series("largest", _points(trained, "replay/ratio/max")),
                Series("smallest", _points(trained, "replay/ratio/min")),
            ],
            marks=marks,
        ),
        plot("What texts that are no piece would earn", odd, marks=marks) if len(odd[0].points) > 1 else "",
    ]


def _flat(trained: Rows) -> Series:
    shares = [(float(row["step"]), flat_share([row])) for row in trained if "step" in row]
    return Series("smoothed", smoothed([(step, share) for step, share in shares if share is not None]))


def _labels(trained: Rows) -> list[Series]:
    """Return the shares of reflections by what they were, and of replies that were no thought."""
    shares = [(label, _points(trained, f"thoughts/{label}")) for label in LABELS]
    broken = [(step, 1 - share) for step, share in _points(trained, "thoughts/well_formed")]
    return [Series(name, smoothed(points)) for name, points in [*shares, ("replies that were no thought", broken)]]


def _criteria(trained: Rows) -> list[Series]:
    """Return a line for each criterion, those with the most scores where there are too many."""
    names = [key[len("rewards/") : -len("/mean")] for row in trained for key in row if key.startswith("rewards/")]
    names = [key for key in dict.fromkeys(names) if key]
    lines = [Series(name, smoothed(_points(trained, f"rewards/{name}/mean"))) for name in names]
    lines = sorted((line for line in lines if line.points), key=lambda line: -len(line.points))
    return lines[:CRITERIA]


def _one(title: str, rows: Rows, name: str, marks: Sequence[float]) -> str:
    points = _points(rows, name)
    if len(points) < 2:
        return ""
    return plot(title, [Series("raw", points, faint=True), Series("smoothed", smoothed(points))], marks=marks)


def _points(rows: Rows, name: str) -> Points:
    return [(float(row["step"]), float(row[name])) for row in rows if is_number(row.get(name)) and "step" in row]
