"""Reading -> numbers: how surprising a text was to a model, how surprising it expected to be surprised, and where.

What a small model says of a text when it is asked is near noise; how the text reads to it is not. A regression weighs
these numbers (`calibration.py`); none of them alone says that a text is good.
"""

import re

import numpy as np
import numpy.typing as npt

from writer_r1.llm import Numbers, Reading

_END = re.compile(r"[.!?。！？…]")
PERCENTILES = (10, 25, 50, 75, 90, 95, 99)


def surprisal_numbers(reading: Reading) -> dict[str, float]:
    """Return the shape of the surprisal of a text by name, in nats; finite for any reading of two tokens or more."""
    s, e = reading.surprisal, reading.entropy
    ranks, beyond = np.log1p(reading.rank), s - e
    half = max(1, len(s) // 2)
    by_sentence = _sentence_means(reading)
    return {
        "surprisal": _mean(s),
        "surprisal_sd": _sd(s),
        **{f"surprisal_p{p}": float(np.percentile(s, p)) for p in PERCENTILES},
        "surprises_6": _share(s > 6),
        "surprises_10": _share(s > 10),
        "entropy": _mean(e),
        "entropy_sd": _sd(e),
        "beyond_expected": _mean(beyond),
        "beyond_expected_sd": _sd(beyond),
        "rank": _mean(ranks),
        "first_guess": _share(reading.rank == 0),
        **{f"rank_beyond_{n}": _share(reading.rank >= n) for n in (10, 100, 1000)},
        "sentence_surprisal_sd": _sd(by_sentence),
        "sentence_surprisal_most": float(by_sentence.max()),
        "sentence_surprisal_least": float(by_sentence.min()),
        "later_half": _mean(s[half:]) - _mean(s[:half]),
        "echo": _echo(s),
        "step": _mean(np.abs(np.diff(s))),
    }


def _mean(row: Numbers) -> float:
    return float(np.mean(row, dtype=np.float64)) if len(row) else 0.0


def _share(row: npt.NDArray[np.bool_]) -> float:
    return float(np.mean(row))


def _sd(row: Numbers) -> float:
    return float(np.std(row, dtype=np.float64))


def _echo(s: Numbers) -> float:
    """Return the correlation of each surprisal with the one before; 0 where it does not vary."""
    if len(s) < 4 or _sd(s[:-1]) < 1e-6 or _sd(s[1:]) < 1e-6:
        return 0.0
    return float(np.corrcoef(s[:-1], s[1:])[0, 1])


def _sentence_means(reading: Reading) -> Numbers:
    """Return the mean surprisal of each sentence; a token with a mark of an end in it is the last of its own."""
    ends = np.array([bool(_END.search(piece)) for piece in reading.pieces])
    number = np.concatenate(([0], np.cumsum(ends[:-1])))
    means = np.bincount(number, reading.surprisal) / np.bincount(number)
    return np.asarray(means, dtype=np.float32)
