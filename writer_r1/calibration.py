"""Features of a text -> how readers would rate it, by weights that were fitted to people's ratings.

One small file a judge model. A model that was never calibrated has none, and then only what needs no model is told.
Fitting is `fitting.py`; here are the features, and the arithmetic of a finished fit.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from writer_r1.checks import evidence
from writer_r1.embedding import embed
from writer_r1.errors import StoreError
from writer_r1.llm import LLM, Cancel, Reading
from writer_r1.places import data
from writer_r1.prompts import disarm, render
from writer_r1.surprisal import surprisal_numbers
from writer_r1.trajectory import Noun, Unit

CLIP = 4.0  # standard deviations beyond which a number says no more: an odd text must not win by being odd


class Quality(Noun):
    """How well the fit agreed with people it had not seen: Spearman, grouped cross-validation, with 95 % interval."""

    rho: float
    low: float
    high: float
    given_length: float
    within_origin: float | None = None


class Aspect(Noun):
    """One thing that readers rated: a weight for each feature, after scaling."""

    name: str
    mean: float  # what the weights add to, and the spread of the ratings; both on the readers' scale
    spread: float
    weights: tuple[float, ...]
    quality: Quality


class Calibration(Noun):
    model: str
    prompt_hash: str  # of the prompt in which the text was read
    data_digest: str
    texts: int
    scale: tuple[float, float]  # lowest and highest rating that readers could give
    names: tuple[str, ...]
    centre: tuple[float, ...]
    width: tuple[float, ...]
    aspects: tuple[Aspect, ...]

    def rate(self, found: Mapping[str, float]) -> dict[str, Unit]:
        """Return what readers would give, by aspect, in [0, 1] of their scale.

        Raises:
            KeyError: a feature that the fit knows is missing; a bug.
        """
        row = np.array([found[name] for name in self.names])
        scaled = np.clip((row - self.centre) / self.width, -CLIP, CLIP)
        low, high = self.scale
        rated = {a.name: a.mean + a.spread * float(scaled @ np.asarray(a.weights)) for a in self.aspects}
        return {name: min(1.0, max(0.0, (value - low) / (high - low))) for name, value in rated.items()}


def features(text: str, request: str, llm: LLM, cancel: Cancel) -> dict[str, float]:
    """Return what is measured of a text without a model and of its reading; `block.name`, each finite."""
    asked = render("judge", request=request, draft=text, question="").request
    return named(evidence(text, request, embed).numbers, llm.read(asked, disarm(text), cancel))


def named(measured: Mapping[str, float], reading: Reading | None) -> dict[str, float]:
    """Return the features of measured numbers and a reading; a block each, since blocks weigh alike in a fit."""
    rows = {f"text.{name}": value for name, value in measured.items()}
    if reading is not None:
        rows |= {f"reading.{name}": value for name, value in surprisal_numbers(reading).items()}
        rows |= {f"state.{k}": float(value) for k, value in enumerate(reading.state)}
    return rows


@cache
def read(path: Path) -> Calibration:
    """Return the calibration in a file.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        return Calibration.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise StoreError(f"{path.name!r} is no calibration of a judge ({error}); calibrate the model again.") from None


def shipped(model: str) -> Calibration | None:
    """Return the calibration that came with the studio for a model, or None."""
    path = data(f"assets/judges/{model}.json")
    return read(path) if path.exists() else None
