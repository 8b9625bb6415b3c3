"""Features of texts and people's ratings of them -> a Calibration, and how far it agrees with ratings it never saw.

A ridge a rated aspect: with two hundred texts and two thousand numbers anything richer learns the texts by heart.
Beside the ratings it is given pairs whose order needs nobody's opinion, a text and the same text spoiled: readers'
stories are all readable, and without the pairs a text could win by being odd in a way that no reader ever met. Texts of
one request are never parted between what is fitted and what is scored. Method and measurements: `docs/judge.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from writer_r1.calibration import CLIP, Aspect, Calibration, Quality, Rival, about

Rows = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-5, 5))
FOLDS = 5
REPEATS = 3  # cross-validations with other folds, whose predictions are averaged
SHARED = 0.3  # of each target is the mean over the aspects: readers' ratings of one text go together
GAP = 5.0  # standard deviations that a spoiled text is to lie below: out of reach, so that all pairs pull alike
PAIRS_SAY = 0.03  # what all pairs weigh together, against all ratings
SURE = 0.95  # of the pairs that far apart or farther are in order: a smaller difference is no clear one
RESAMPLES = 1000


class Texts(NamedTuple):
    """What is known of each rated text, a row a text."""

    names: tuple[str, ...]
    numbers: Rows  # (texts, names)
    blocks: tuple[str, ...]  # the block of each number: blocks weigh alike, however many numbers they hold
    requests: tuple[str, ...]
    words: Rows  # (texts,)
    origins: tuple[str, ...]  # who wrote it, where that is known, else ""
    rivals: Mapping[str, Rows]  # simpler predictions, (texts,) each


class Pairs(NamedTuple):
    """A text that is known to be better than another, a row a pair."""

    better: Rows  # (pairs, names), as in `Texts`
    worse: Rows
    groups: tuple[str, ...]  # what a pair was made of: not parted between what is fitted and what is scored
    spoiled: tuple[bool, ...]  # whether the worse one is made of the better, or both are drafts of one model


def fit(texts: Texts, ratings: Mapping[str, Sequence[float]], facts: Mapping[str, Any], pairs: Pairs) -> Calibration:
    """Return the calibration fitted to all texts and pairs, with the quality that cross-validation found.

    `facts` are the fields of the Calibration that say what was fitted.
    """
    target, means, spreads = _targets(ratings)
    found, apart = predictions(texts, target, pairs)
    scale = _Scale(texts.numbers, _shares(texts.blocks))
    weights, offset = _ridge(scale.of(texts.numbers), target, _groups(texts.requests), scale.apart(pairs))
    rated = np.array(list(ratings.values())).T
    low, high = facts["scale"]
    points = apart @ spreads / len(spreads) / (high - low)  # of the mean over the aspects, in [0, 1] of the scale
    points = points[np.array(pairs.spoiled, dtype=bool)]  # rounds are such pairs; two hands lie farther apart
    return Calibration(
        names=texts.names,
        texts=len(texts.requests),
        centre=_rounded(scale.centre),
        width=_rounded(scale.width),
        aspects=tuple(
            Aspect(
                name=name,
                about=about(name),
                mean=means[k] + spreads[k] * offset[k],
                spread=spreads[k],
                weights=_rounded(weights[:, k] * scale.share),
                quality=quality(found[:, [k]], rated[:, [k]], texts),
            )
            for k, name in enumerate(ratings)
        ),
        overall=quality(found, rated, texts),
        pairs=len(points),
        ordered=round(float(np.mean(points > 0)), 3) if len(points) else None,
        margin=margin(points),
        **facts,
    )


def margin(points: Rows) -> float:
    """Return the least difference from which on 19 pairs in 20 are in order; `points` are better minus worse."""
    apart = np.sort(np.abs(points))
    for least in apart:
        far = points[np.abs(points) >= least]
        if np.mean(far > 0) >= SURE:
            return float(f"{least:.3g}")
    return float(f"{apart[-1]:.3g}") if len(apart) else 0.0


def predictions(texts: Texts, target: Rows, pairs: Pairs) -> tuple[Rows, Rows]:
    """Return what fits that never saw a text nor another of its request say of it, averaged over several foldings.

    Shapes (texts, aspects), and (pairs, aspects): how far each pair is apart, in standard deviations of the ratings.
    """
    groups, share = _groups(texts.requests), _shares(texts.blocks)
    total, apart = np.zeros_like(target), np.zeros((len(pairs.groups), target.shape[1]))
    for repeat in range(REPEATS):
        parts = zip(_folds(groups, FOLDS, repeat), _folds(_groups(pairs.groups), FOLDS, repeat), strict=True)
        for unseen, unseen_pairs in parts:
            scale = _Scale(texts.numbers[~unseen], share)
            known, unknown = _taken(pairs, ~unseen_pairs), _taken(pairs, unseen_pairs)
            z = scale.of(texts.numbers[~unseen])
            weights, offset = _ridge(z, target[~unseen], groups[~unseen], scale.apart(known))
            total[unseen] += scale.of(texts.numbers[unseen]) @ weights + offset
            apart[unseen_pairs] += scale.apart(unknown) @ weights
    return total / REPEATS, apart / REPEATS


def unseen(texts: Texts, ratings: Mapping[str, Sequence[float]], pairs: Pairs) -> Rows:
    """Return the ratings that fits give which never saw a text nor another of its request, (texts, aspects)."""
    target, means, spreads = _targets(ratings)
    return predictions(texts, target, pairs)[0] * spreads + means


class _Scale:
    """Numbers in standard deviations of some texts, each block with the same say."""

    def __init__(self, numbers: Rows, share: Rows) -> None:
        self.centre, self.width, self.share = numbers.mean(0), numbers.std(0) + 1e-6, share

    def of(self, numbers: Rows) -> Rows:
        return np.asarray(np.clip((numbers - self.centre) / self.width, -CLIP, CLIP) * self.share)

    def apart(self, pairs: Pairs) -> Rows:
        return self.of(pairs.better) - self.of(pairs.worse)


def _taken(pairs: Pairs, which: npt.NDArray[np.bool_]) -> Pairs:
    at = np.flatnonzero(which)
    groups, spoiled = tuple(pairs.groups[i] for i in at), tuple(pairs.spoiled[i] for i in at)
    return Pairs(pairs.better[which], pairs.worse[which], groups, spoiled)


def _ridge(z: Rows, y: Rows, groups: Index, apart: Rows) -> tuple[Rows, Rows]:
    """Return weights (numbers, aspects) and offsets, each by the penalty that does best on requests left out."""
    error = np.zeros((len(PENALTIES), y.shape[1]))
    for unseen in _folds(groups, 4, 7):
        for i, penalty in enumerate(PENALTIES):
            weights, offset = _solved(z[~unseen], y[~unseen], apart, np.full(y.shape[1], penalty))
            error[i] += ((z[unseen] @ weights + offset - y[unseen]) ** 2).sum(0)
    return _solved(z, y, apart, np.array(PENALTIES)[error.argmin(0)])


def _solved(z: Rows, y: Rows, apart: Rows, penalty: Rows) -> tuple[Rows, Rows]:
    """Return the ridge of ratings and pairs: a pair is a row of differences that should come to `GAP`."""
    from sklearn.linear_model import Ridge

    centre, offset = z.mean(0), y.mean(0)
    say = np.sqrt(PAIRS_SAY * len(z) / max(1, len(apart)))
    rows = np.concatenate([z - centre, say * apart])
    goal = np.concatenate([y - offset, np.full((len(apart), y.shape[1]), say * GAP)])
    weights = Ridge(alpha=penalty, fit_intercept=False).fit(rows, goal).coef_.reshape(y.shape[1], -1).T
    return weights, offset - centre @ weights


def _folds(groups: Index, count: int, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield which rows each fold leaves out; whole groups, in an order of chance."""
    order = np.random.default_rng(seed).permutation(groups.max(initial=-1) + 1)
    for left_out in np.array_split(order, count):
        yield np.isin(groups, left_out)


def _targets(ratings: Mapping[str, Sequence[float]]) -> tuple[Rows, Rows, Rows]:
    rated = np.array(list(ratings.values()), dtype=np.float64).T
    means, spreads = rated.mean(0), rated.std(0) + 1e-9
    z = (rated - means) / spreads
    return (1 - SHARED) * z + SHARED * z.mean(1, keepdims=True), means, spreads


def _groups(names: Sequence[str]) -> Index:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _shares(blocks: Sequence[str]) -> Rows:
    """Return the factor of each column that gives every block the same say."""
    size = {name: blocks.count(name) for name in set(blocks)}
    return np.array([1 / np.sqrt(size[name] * len(size)) for name in blocks])


def _rounded(row: Rows) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in row)


def quality(found: Rows, given: Rows, texts: Texts) -> Quality:
    """Return how well predictions and ratings agree, in the mean over their columns; shapes (texts, aspects).

    The interval is over requests drawn again and again.
    """
    draws = list(_draws(_groups(texts.requests)))
    drawn = np.array([_mean_rho(found[at], given[at]) for at in draws])
    low, high = np.percentile(drawn, [2.5, 97.5])
    rho, columns = _mean_rho(found, given), range(given.shape[1])
    rivals = {}
    for name, said in texts.rivals.items():
        other = np.repeat(said[:, None], given.shape[1], axis=1)
        apart = np.percentile(drawn - [_mean_rho(other[at], given[at]) for at in draws], [2.5, 97.5])
        row = {"rho": _mean_rho(other, given), "low": apart[0], "high": apart[1]}
        rivals[name] = Rival(gain=round(rho - row["rho"], 3), **{key: round(float(v), 3) for key, v in row.items()})
    origins = [np.flatnonzero([o == name for o in texts.origins]) for name in sorted(set(texts.origins) - {""})]
    within = [_mean_rho(found[at], given[at]) for at in origins if len(at) >= 10]
    return Quality(
        rho=round(rho, 3),
        low=round(float(low), 3),
        high=round(float(high), 3),
        given_length=round(float(np.mean([partial(found[:, k], given[:, k], texts.words) for k in columns])), 3),
        within_origin=round(float(np.mean(within)), 3) if len(within) > 1 else None,
        rivals=rivals,
    )


def _mean_rho(found: Rows, given: Rows) -> float:
    return float(np.mean([spearman(found[:, k], given[:, k]) for k in range(given.shape[1])]))


def _draws(groups: Index) -> Iterator[Index]:
    """Yield the rows of requests drawn again and again, with replacement."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
    for _ in range(RESAMPLES):
        yield np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])


def spearman(a: Rows, b: Rows) -> float:
    """Return Spearman's rank correlation; 0 where one of them does not vary."""
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 0.0


def partial(a: Rows, b: Rows, held: Rows) -> float:
    """Return Spearman's correlation of `a` and `b` with `held` kept constant."""
    ab, ah, bh = spearman(a, b), spearman(a, held), spearman(b, held)
    rest = np.sqrt((1 - ah**2) * (1 - bh**2))
    return float((ab - ah * bh) / rest) if rest > 1e-9 else 0.0
