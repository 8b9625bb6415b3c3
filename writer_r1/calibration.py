"""Features of a text -> how readers would rate it, by weights that were fitted to people's ratings.

One small file a judge model, and one for models that were never calibrated, which knows only what needs no model.
Fitting is `fitting.py`; here are the features, and the arithmetic of a finished fit.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from writer_r1.checks import Embed, Evidence, evidence, met
from writer_r1.embedding import cosine
from writer_r1.errors import StoreError
from writer_r1.llm import LLM, Cancel, Reading
from writer_r1.places import data
from writer_r1.prompts import disarm, prompt_hash, render
from writer_r1.surprisal import surprisal_numbers
from writer_r1.trajectory import Criterion, Noun, Unit, digest

CLIP = 1.5  # standard deviations beyond which a number says no more: an odd text must not win by being odd
ABOUT = {
    "grammaticality": "Grammar, spelling and punctuation are correct.",
    "cohesiveness": "The sentences fit together, and each follows from the one before.",
    "likability": "The piece is a pleasure to read: vivid, moving, original, well told.",
    "relevance": "The piece does what the request asked for, and what it asked for is in it.",
}
NO_MODEL = "none"  # the name of the calibration that needs no model
NOT_FITTED = "not fitted to readers"  # what is said of a judge that it stands in for
SOUND = 0.6  # the score of a usual sound text: readers' scales have no zero that a writer could use
USUAL_NEAR, NEAR_WEIGHT = 0.6, 0.1  # how near such a text comes to a criterion's words, and what that counts
SHARPNESS = 0.1  # of a criterion's likeness to what readers rated: nearer ones count more


class Rival(Noun):
    """How well something simpler agrees, and what the fit has over it, with a paired 95 % interval."""

    rho: float
    gain: float
    low: float
    high: float


class Quality(Noun):
    """How well the fit agreed with people it had not seen: Spearman, grouped cross-validation, with 95 % interval."""

    rho: float
    low: float
    high: float
    given_length: float
    within_origin: float | None = None
    rivals: dict[str, Rival] = {}


class Aspect(Noun):
    """One thing that readers rated: a weight for each feature, after scaling."""

    name: str
    about: str
    mean: float  # what the weights add to, and the spread of the ratings; both on the readers' scale
    spread: float
    weights: tuple[float, ...]
    quality: Quality


class Calibration(Noun):
    """A finished fit. `ordered` and `margin` are of pairs it had not seen, a text and the same text spoiled."""

    model: str
    prompt_hash: str  # of the prompt in which the text was read
    data_digest: str
    texts: int
    scale: tuple[float, float]  # lowest and highest rating that readers could give
    names: tuple[str, ...]
    centre: tuple[float, ...]
    width: tuple[float, ...]
    aspects: tuple[Aspect, ...]
    overall: Quality  # the mean over the aspects
    pairs: int = 0
    ordered: float | None = None  # share of pairs in order
    margin: Unit = 0.0  # a difference smaller than this is no clear one
    usual_rating: float = 0.75  # of the sound texts that the pairs were made of, in [0, 1] of the scale
    usual_verdict: Unit = 0.5  # of the same texts on what they were asked for
    verdict_weight: Unit = 0.5  # what the model's verdict on a criterion moves its score by, from end to end

    @property
    def id(self) -> str:
        """Return a short name for exactly this fit, which begins with its model's."""
        return f"{self.model}-{digest(self.model_dump_json())}"

    @property
    def needs_model(self) -> bool:
        """Return whether the text has to be read by the judge model."""
        return any(not name.startswith("text.") for name in self.names)

    def rate(self, found: Mapping[str, float]) -> dict[str, float]:
        """Return what readers would give, by aspect: 0 and 1 are the ends of their scale, and a text may lie beyond.

        Raises:
            KeyError: a feature that the fit knows is missing; a bug.
        """
        row = np.array([found[name] for name in self.names])
        scaled = np.clip((row - self.centre) / self.width, -CLIP, CLIP)
        low, high = self.scale
        rated = {a.name: a.mean + a.spread * float(scaled @ np.asarray(a.weights)) for a in self.aspects}
        return {name: (value - low) / (high - low) for name, value in rated.items()}

    def mixed(self, rating: float, verdict: float, near: float) -> float:
        """Return how far a text is above a usual sound one, which stands at `SOUND`, in the light of a criterion."""
        said = self.verdict_weight * (verdict - self.usual_verdict)
        return SOUND + rating - self.usual_rating + said + NEAR_WEIGHT * (near - USUAL_NEAR)


def on_scale(rating: float) -> Unit:
    """Return a rating as a score in [0, 1]: as it is in the middle, and never so good that a better one is as good."""
    return 1 / (1 + math.exp(-4 * (max(-5.0, min(5.0, rating)) - 0.5)))


def about(aspect: str) -> str:
    """Return in a sentence what readers were asked when they rated this."""
    return ABOUT.get(aspect, f"{aspect.capitalize()}.")


def named(measured: Mapping[str, float], reading: Reading | None) -> dict[str, float]:
    """Return the features of measured numbers and a reading; a block each, since blocks weigh alike in a fit."""
    rows = {f"text.{name}": value for name, value in measured.items()}
    if reading is not None:
        rows |= {f"reading.{name}": value for name, value in surprisal_numbers(reading).items()}
        rows |= {f"state.{k}": float(value) for k, value in enumerate(reading.state)}
    return rows


class Opinion(NamedTuple):
    """What readers are expected to say of a text, by aspect (see `Calibration.rate`), and what needs no model."""

    ratings: dict[str, float]
    evidence: Evidence


class Readers(NamedTuple):
    """Who stands in for people: a fit, and the embedder that its evidence needs."""

    calibration: Calibration
    embed: Embed

    def opinion(self, text: str, request: str, llm: LLM, cancel: Cancel) -> Opinion | None:
        """Return the opinion of a text; None where it was cancelled, or the model cannot read it."""
        found = evidence(text, request, self.embed)
        reading = reading_of(text, request, llm, cancel) if self.calibration.needs_model else None
        if self.calibration.needs_model and reading is None:
            return None
        return Opinion(self.calibration.rate(named(found.numbers, reading)), found)

    def of_criterion(self, criterion: Criterion, ratings: Mapping[str, float]) -> float:
        """Return the ratings in the light of a criterion: aspects count the more, the nearer they are in meaning."""
        texts = [f"{criterion.name}. {criterion.description}", *(a.about for a in self.calibration.aspects)]
        asked, *aspects = self.embed(texts)
        near = np.exp(np.array([cosine(asked, aspect) for aspect in aspects]) / SHARPNESS)
        rated = np.array([ratings[a.name] for a in self.calibration.aspects])
        return float(near @ rated / near.sum())

    def found(self, text: str, criteria: Sequence[Criterion]) -> list[float]:
        """Return how near the nearest sentences of the text are to each criterion, in [0, 1]."""
        return [row.value for row in met(text, [c.description for c in criteria], self.embed)]


def reading_of(text: str, request: str, llm: LLM, cancel: Cancel) -> Reading | None:
    """Return how the text reads to the judge model, in the prompt in which it is judged."""
    return llm.read(render("judge", request=request, draft=text, question="").request, disarm(text), cancel)


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


def calibration_of(model: str, home: Path) -> Calibration | None:
    """Return the fit for a judge model: the user's own, the one that is shipped, else the one that needs no model.

    A fit made in another prompt than today's is none: the text would read otherwise.
    """
    for path in (kept_in(home, model), data(f"assets/judges/{model}.json"), data(f"assets/judges/{NO_MODEL}.json")):
        if path.exists() and ((fit := read(path)).prompt_hash == prompt_hash("judge") or not fit.needs_model):
            return fit
    return None


def fit_id(model: str, home: Path) -> str:
    """Return the id of the fit with which a model judges now; empty where there is none that can be read."""
    try:
        fit = calibration_of(model, home)
    except StoreError:
        return ""
    return fit.id if fit else ""


def unfitted(calibration: str) -> bool:
    """Return whether the fit of this id is the one that needs no model, in the place of the judge's own."""
    return calibration.rpartition("-")[0] == NO_MODEL


def kept_in(home: Path, model: str) -> Path:
    """Return where a user's own fit for a model lies."""
    return home / "judges" / f"{model}.json"
