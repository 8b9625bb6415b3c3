"""A judge's scores, and people's ratings or a known order -> how far they agree, with an interval.

Intervals come from drawing whole requests again and again: texts written to one request are no independent evidence.
Where there is only one request, the texts are drawn.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from writer_r1.fitting import Index, partial, spearman
from writer_r1.qualification import MEAN, Accuracy, Agreement

RESAMPLES = 1000
MEANS = 10_000  # resamples of a mean, which takes no time
FEWEST = 3  # texts: fewer have no rank correlation to speak of


def agreement(given: Sequence[float], rated: Sequence[float], words: Sequence[int], groups: Sequence[str]) -> Agreement:
    """Return how the scores given agree with people's ratings."""
    if len(given) < FEWEST:
        return Agreement(rho=None, lo=None, hi=None, rho_given_length=None, texts=len(given))
    x, y, length = (np.asarray(row, dtype=np.float64) for row in (given, rated, words))
    lo, hi = interval(lambda at: spearman(x[at], y[at]), groups)
    rho, held = rounded(spearman(x, y)), rounded(partial(x, y, length))
    return Agreement(rho=rho, lo=lo, hi=hi, rho_given_length=held, texts=len(given))


def mean_agreement(rows: Sequence[tuple[Sequence[float], Sequence[float]]], groups: Sequence[str]) -> dict[str, float]:
    """Return the mean of rho over several things rated, of the same texts, and its interval."""
    pairs = [(np.asarray(given, dtype=np.float64), np.asarray(rated, dtype=np.float64)) for given, rated in rows]

    def measure(at: Index) -> float:
        return float(np.mean([spearman(x[at], y[at]) for x, y in pairs]))

    lo, hi = interval(measure, groups)
    return {MEAN: rounded(measure(np.arange(len(groups)))), "mean_lo": lo, "mean_hi": hi}


def accuracy(right: Sequence[float], groups: Sequence[str]) -> Accuracy:
    """Return the share of comparisons that came out right; each is 1, 0, or 0.5 for a tie."""
    if not right:
        return Accuracy(accuracy=None, lo=None, hi=None, pairs=0)
    row = np.asarray(right, dtype=np.float64)
    lo, hi = interval(lambda at: float(row[at].mean()), groups)
    return Accuracy(accuracy=rounded(float(row.mean())), lo=lo, hi=hi, pairs=len(right))


def interval(measure: Callable[[Index], float], groups: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `measure(indices)` over whole groups."""
    number = np.unique(np.array(groups), return_inverse=True)[1]
    if number.max() == 0:
        number = np.arange(len(groups))
    members, chance = [np.flatnonzero(number == g) for g in range(number.max() + 1)], np.random.default_rng(0)
    drawn = [
        measure(np.concatenate([members[g] for g in chance.integers(0, len(members), len(members))]))
        for _ in range(RESAMPLES)
    ]
    lo, hi = np.percentile(drawn, [2.5, 97.5])
    return rounded(float(lo)), rounded(float(hi))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean of values, one for each request."""
    rows, chance = np.asarray(values, dtype=np.float64), np.random.default_rng(0)
    drawn = rows[chance.integers(0, len(rows), (MEANS, len(rows)))].mean(axis=1)
    lo, hi = np.percentile(drawn, [2.5, 97.5])
    return rounded(float(lo)), rounded(float(hi))


def share_interval(wins: int, of: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share; of nothing it is all that can be.

    Source: Clopper and Pearson (1934), Biometrika 26: quantiles of the beta distribution.
    """
    from scipy.special import betaincinv  # not at the top: the page answers before it is read

    lo = float(betaincinv(wins, of - wins + 1, 0.025)) if wins else 0.0
    hi = float(betaincinv(wins + 1, of - wins, 0.975)) if wins < of else 1.0
    return lo, hi


def right_way(better: float, worse: float) -> float:
    """Return 1 where two scores are in the right order, 0 where they are not, and 0.5 where they are equal."""
    return 0.5 if better == worse else float(better > worse)


def bits(scores: Sequence[float]) -> float | None:
    """Return the entropy of scores from 0 to 1, in tenths of the scale from 1 to 10; None where there are none."""
    if not scores:
        return None
    counts = Counter(round(1 + 9 * score, 1) for score in scores).values()
    shares = [count / len(scores) for count in counts]
    return rounded(abs(-math.fsum(p * math.log2(p) for p in shares)))


def rounded(value: float) -> float:
    """Return a figure as it is kept."""
    return round(value, 3)
