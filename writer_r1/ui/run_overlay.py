"""Several training runs -> one picture of the same metric, a line each, as HTML. Pure; knows no gradio."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from writer_r1.training.report import is_number
from writer_r1.ui.curves import DASHES, Points, Series, plot, smoothed

PICKING = ("pick", "unpick", "metric")
MOST = DASHES  # runs: as many lines as can be told apart without colour


class Metric(NamedTuple):
    """A metric by its name in the rows of this split; `noisy` ones are smoothed."""

    title: str
    row: str
    split: str = "train"
    noisy: bool = True


METRICS: dict[str, Metric] = {
    "held_out_loss": Metric("Loss on held-out pieces", "loss", "held_out", noisy=False),
    "held_out_reward": Metric("Reward on held-out requests", "reward", "held_out", noisy=False),
    "loss": Metric("Loss in training, smoothed", "loss"),
    "reward": Metric("Reward in training, smoothed", "reward"),
    "reward_std": Metric("Spread within a group, smoothed", "reward_std"),
    "kl": Metric("Distance from the base (KL), smoothed", "kl"),
    "entropy": Metric("Variety of words (entropy), smoothed", "entropy"),
    "length": Metric("Tokens a draft, smoothed", "completions/mean_length"),
    "reflection_tokens": Metric("Tokens of reflections and revisions, smoothed", "thoughts/reflection_tokens"),
    "useful": Metric("Share of reflections that were useful, smoothed", "thoughts/useful"),
    "well_formed": Metric("Share of replies that were thoughts, smoothed", "thoughts/well_formed"),
    "replay": Metric("Share of tokens from memory, smoothed", "replay/share"),
    "learning_rate": Metric("Learning rate", "learning_rate", noisy=False),
}


class Picked(NamedTuple):
    """Which runs are laid over each other, by the names of their folders, and by which metric."""

    runs: tuple[str, ...] = ()
    metric: str = ""


def pick(now: Picked, wish: dict[str, str]) -> tuple[Picked, str]:
    """Return what is laid over each other after a wish, and a sentence where one more would be too many."""
    name = wish.get("name", "")
    if wish["act"] == "unpick":
        return Picked(metric=now.metric), ""
    if wish["act"] == "metric":
        return now._replace(metric=wish.get("metric", "")), ""
    without = tuple(run for run in now.runs if run != name)
    if wish.get("value") != "true":
        return now._replace(runs=without), ""
    if len(without) >= MOST:
        return now, f"{MOST} runs are as many as one picture can tell apart; take one out first."
    return now._replace(runs=(*without, name)), ""


class Curve(NamedTuple):
    """A run's name for its reader, and its metrics."""

    title: str
    rows: Sequence[Mapping[str, Any]]


def points(rows: Sequence[Mapping[str, Any]], metric: Metric) -> Points:
    """Return the values of a metric by step."""
    found = [
        (float(row["step"]), float(row[metric.row]))
        for row in rows
        if row.get("split", "train") == metric.split and is_number(row.get(metric.row)) and is_number(row.get("step"))
    ]
    return smoothed(found) if metric.noisy else found


def run_overlay(curves: Sequence[Curve], wanted: str) -> str:
    """Return the runs in one picture; of the metrics that two of them have, the one wanted or else the first."""
    if not curves:
        return ""
    head = '<h3 id="overlay-title">Curves over each other</h3>'
    offered = [key for key, m in METRICS.items() if sum(bool(points(c.rows, m)) for c in curves) >= min(2, len(curves))]
    if len(curves) < 2:
        body = '<p class="quiet">Tick another run to lay its curves over this one\'s.</p>'
    elif not offered:
        body = '<p class="quiet">These runs have no metric in common: style is told by loss, criteria by reward.</p>'
    else:
        now = wanted if wanted in offered else offered[0]
        body = _choice(offered, now) + _picture(curves, METRICS[now])
    clear = '<button type="button" class="link" data-act="unpick" data-key="unpick">Take all out</button>'
    return f'<section class="overlay" aria-labelledby="overlay-title"><header>{head}{clear}</header>{body}</section>'


def _choice(offered: Sequence[str], now: str) -> str:
    row = "".join(
        f'<button type="button" data-act="metric" data-metric="{key}" data-key="metric-{key}" '
        f'aria-pressed="{"true" if key == now else "false"}">{METRICS[key].title.removesuffix(", smoothed")}</button>'
        for key in offered
    )
    return f'<div class="metrics" role="group" aria-label="Metric">{row}</div>'


def _picture(curves: Sequence[Curve], metric: Metric) -> str:
    lines = [Series(c.title, points(c.rows, metric)) for c in curves]
    without = [escape(line.name) for line in lines if not line.points]
    more = f'<p class="quiet">Not measured in {", ".join(without)}.</p>' if without else ""
    return f'<div class="curves one">{plot(metric.title, lines)}</div>{more}'
