"""Features of texts and people's ratings of them -> a Calibration, and how far it agrees with ratings it never saw.

A ridge a rated aspect: with a hundred texts and two thousand numbers anything richer learns the texts by heart. Texts
of one request are never parted between what is fitted and what is scored. Method and measurements: `docs/judge.md`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from writer_r1.calibration import CLIP, Aspect, Calibration, Quality

Rows = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-4, 6))
FOLDS = 5
REPEATS = 3  # cross-validations with other folds, whose predictions are averaged
SHARED = 0.3  # of each target is the mean over the aspects: readers' ratings of one text go together
RESAMPLES = 2000


class Texts(NamedTuple):
    """What is known of each text, a row a text."""

    names: tuple[str, ...]
    numbers: Rows  # (texts, names)
    blocks: tuple[str, ...]  # the block of each number: blocks weigh alike, however many numbers they hold
    requests: tuple[str, ...]
    words: Rows  # (texts,)
    origins: tuple[str, ...]  # who wrote it, where that is known, else ""


def fit(texts: Texts, ratings: Mapping[str, Sequence[float]], about: Mapping[str, Any]) -> Calibration:
    """Return the calibration fitted to all texts, with the quality that cross-validation found.

    `about` are the fields of the Calibration that say what was fitted.
    """
    target, means, spreads = _targets(ratings)
    found = predictions(texts, target)
    groups = _groups(texts.requests)
    x, share = texts.numbers, _shares(texts.blocks)
    centre, width = x.mean(0), x.std(0) + 1e-6
    z = np.clip((x - centre) / width, -CLIP, CLIP) * share
    aspects = []
    for k, (name, given) in enumerate(ratings.items()):
        weights, offset = _ridge(z, target[:, k], groups)
        aspects.append(
            Aspect(
                name=name,
                mean=means[k] + spreads[k] * offset,
                spread=spreads[k],
                weights=tuple(float(f"{w:.5g}") for w in weights * share),
                quality=quality(found[:, k], np.asarray(given), texts),
            )
        )
    rounded = {"centre": centre, "width": width}
    return Calibration(
        names=texts.names,
        texts=len(texts.requests),
        aspects=tuple(aspects),
        **{key: tuple(float(f"{v:.6g}") for v in row) for key, row in rounded.items()},
        **about,
    )


def predictions(texts: Texts, target: Rows) -> Rows:
    """Return what fits that never saw a text nor another of its request say of it, averaged over several foldings."""
    from sklearn.model_selection import GroupKFold

    x, groups, share = texts.numbers, _groups(texts.requests), _shares(texts.blocks)
    total = np.zeros_like(target)
    for repeat in range(REPEATS):
        for seen, unseen in GroupKFold(FOLDS, shuffle=True, random_state=repeat).split(x, groups=groups):
            centre, width = x[seen].mean(0), x[seen].std(0) + 1e-6
            z = np.clip((x - centre) / width, -CLIP, CLIP) * share
            for k in range(target.shape[1]):
                weights, offset = _ridge(z[seen], target[seen, k], groups[seen])
                total[unseen, k] += z[unseen] @ weights + offset
    return total / REPEATS


def _ridge(z: Rows, y: Rows, groups: Index) -> tuple[Rows, float]:
    """Return weights and offset, with the penalty that does best on requests left out."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold

    search = GridSearchCV(
        Ridge(), {"alpha": PENALTIES}, cv=GroupKFold(4, shuffle=True, random_state=7), scoring="neg_mean_squared_error"
    )
    best = search.fit(z, y, groups=groups).best_estimator_
    return best.coef_, float(best.intercept_)


def _targets(ratings: Mapping[str, Sequence[float]]) -> tuple[Rows, Rows, Rows]:
    rated = np.array(list(ratings.values()), dtype=np.float64).T
    means, spreads = rated.mean(0), rated.std(0) + 1e-9
    z = (rated - means) / spreads
    return (1 - SHARED) * z + SHARED * z.mean(1, keepdims=True), means, spreads


def _groups(requests: Sequence[str]) -> Index:
    return np.unique(np.array(requests), return_inverse=True)[1].astype(np.int64)


def _shares(blocks: Sequence[str]) -> Rows:
    """Return the factor of each column that gives every block the same say."""
    size = {name: blocks.count(name) for name in set(blocks)}
    return np.array([1 / np.sqrt(size[name] * len(size)) for name in blocks])


def quality(found: Rows, given: Rows, texts: Texts) -> Quality:
    """Return how well predictions and ratings agree, with an interval over requests drawn again and again."""
    groups, rng = _groups(texts.requests), np.random.default_rng(0)
    members = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
    drawn = []
    for _ in range(RESAMPLES):
        at = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        drawn.append(spearman(found[at], given[at]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    origins = [np.flatnonzero([o == name for o in texts.origins]) for name in sorted(set(texts.origins) - {""})]
    within = [spearman(found[at], given[at]) for at in origins if len(at) >= 10]
    return Quality(
        rho=round(spearman(found, given), 3),
        low=round(float(low), 3),
        high=round(float(high), 3),
        given_length=round(partial(found, given, texts.words), 3),
        within_origin=round(float(np.mean(within)), 3) if len(within) > 1 else None,
    )


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
